"""Colours and type for everything drawn: one palette, told apart by colour-blind eyes, light and dark.

Categories: Okabe and Ito 2008 (okabe2008 in docs/bibliography.bib), the yellow left out, which vanishes on white.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Final

CATEGORIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#5F5F5F")
RIGHT, WRONG = "#009E73", "#D55E00"
SEQUENTIAL: Final = ("#f6f9fc", "#a9cbe6", "#3d87c0", "#0b4a94")
DIVERGING: Final = ("#0b4a94", "#7db0d8", "#f7f7f7", "#f0a46a", "#b34700")
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
INK, QUIET, LINE, PAPER = "#1b1b1f", "#5c5c66", "#dcdce2", "#ffffff"


def theme(*, ink: str = INK, quiet: str = QUIET, line: str = LINE, paper: str = PAPER) -> dict[str, Any]:
    """The configuration of every Vega-Lite chart. Marks of its styles follow it too."""
    return {
        "background": paper,
        "customFormatTypes": True,
        "font": FONT,
        "view": {"stroke": None},
        "title": {
            "anchor": "start",
            "fontSize": 14,
            "fontWeight": 600,
            "color": ink,
            "subtitleColor": quiet,
            "offset": 12,
        },
        "style": {
            "note": {"color": quiet, "fontSize": 10},
            "guide": {"color": quiet},
            "interval": {"color": ink},
            "halo": {"color": paper, "stroke": paper, "strokeWidth": 3, "fontSize": 10},
            "head": {"color": ink, "fontSize": 11, "fontWeight": 600},
            "scale": {"color": line},
        },
        "axis": {
            "labelColor": quiet,
            "titleColor": ink,
            "titleFontWeight": 500,
            "labelFontSize": 11,
            "titleFontSize": 12,
            "gridColor": line,
            "domainColor": quiet,
            "tickColor": quiet,
            "labelLimit": 200,
        },
        "legend": {"labelColor": ink, "titleColor": ink, "labelFontSize": 11, "titleFontSize": 11, "labelLimit": 180},
        "range": {"category": list(CATEGORIES)},
        "line": {"strokeWidth": 2},
    }


@cache
def design() -> str:
    """The style sheet of every page: type scale, spacing, colours, light and dark."""
    return files("pellucid.displays").joinpath("design.css").read_text(encoding="utf-8")


@cache
def fragments() -> str:
    """The part of it that every display's fragment needs, where there is no page around it."""
    return design().partition("/* Fragments */")[2].partition("/* End of fragments */")[0]

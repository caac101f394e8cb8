"""Colours and type for everything drawn: one palette, told apart by colour-blind eyes, light and dark.

Categories: Okabe and Ito 2008 (okabe2008 in docs/bibliography.bib), the yellow left out, which vanishes on white.
"""

from __future__ import annotations

from typing import Any, Final

CATEGORIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#5F5F5F")
RIGHT, WRONG = "#009E73", "#D55E00"
SEQUENTIAL: Final = ("#f6f9fc", "#a9cbe6", "#3d87c0", "#0b4a94")
DIVERGING: Final = ("#0b4a94", "#7db0d8", "#f7f7f7", "#f0a46a", "#b34700")
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
INK, QUIET, LINE, PAPER = "#1b1b1f", "#5c5c66", "#dcdce2", "#ffffff"


def theme() -> dict[str, Any]:
    """The configuration of every Vega-Lite chart."""
    return {
        "background": PAPER,
        "font": FONT,
        "view": {"stroke": None},
        "title": {"anchor": "start", "fontSize": 14, "fontWeight": 600, "color": INK, "offset": 12},
        "axis": {
            "labelColor": QUIET,
            "titleColor": INK,
            "titleFontWeight": 500,
            "labelFontSize": 11,
            "titleFontSize": 12,
            "gridColor": LINE,
            "domainColor": QUIET,
            "tickColor": QUIET,
            "labelLimit": 140,
        },
        "legend": {"labelColor": INK, "titleColor": INK, "labelFontSize": 11, "titleFontSize": 11, "labelLimit": 180},
        "range": {"category": list(CATEGORIES)},
        "line": {"strokeWidth": 2},
    }


#: For pages: the light colours, and the dark ones where the reader prefers them. Charts keep their white paper.
STYLE = f"""
:root {{ color-scheme: light dark; --ink: {INK}; --quiet: {QUIET}; --line: {LINE}; --paper: {PAPER}; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #ececf1; --quiet: #a9a9b4; --line: #3a3a44; --paper: #17171b; }}
  .pellucid-chart {{ background: #ffffff; padding: 0.75rem; border-radius: 6px; }}
}}
body {{ margin: 2rem auto; padding: 0 1rem; max-width: 64rem; font: 16px/1.5 {FONT}; color: var(--ink);
       background: var(--paper); }}
figure {{ margin: 0 0 2rem; overflow-x: auto; }}
figcaption {{ font-weight: 600; margin-bottom: 0.5rem; }}
.pellucid-chart svg {{ max-width: 100%; height: auto; }}
table {{ border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }}
th, td {{ padding: 0.25rem 0.75rem; border-bottom: 1px solid var(--line); text-align: left; }}
th {{ color: var(--quiet); font-weight: 600; }}
td.number, th.number {{ text-align: right; }}
"""

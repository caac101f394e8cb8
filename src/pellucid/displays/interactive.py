"""Displays as pieces of a page that answers the pointer: the report's and the app's.

A chart is its Vega-Lite specification as JSON beside a place to draw it in; `vega_bundle` and `start_script` draw it,
without `eval`. Colours are those of the style sheet, so that charts follow it into the dark. What is no chart stands
in the page as it is, images in rows that wrap, tables with links to their CSV and LaTeX.
"""

from __future__ import annotations

import base64
import html
import io
import json
import re
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from pellucid.displays import svg
from pellucid.displays.chart import Chart
from pellucid.displays.curves import Curves
from pellucid.displays.display import Display, plain
from pellucid.displays.image_grid import ImageGrid
from pellucid.displays.maps import Maps
from pellucid.displays.matrix import Matrix
from pellucid.displays.page import Page
from pellucid.displays.palette import INK, PAPER, QUIET, design
from pellucid.displays.pixels import Pixels
from pellucid.displays.table import Table

#: Points that a line has in a page, at most: more than there are pixels for would only be heavy.
POINTS = 120
#: The style sheet's names in place of the colours of pictures.
_VARIABLES = {"ink": "var(--ink)", "quiet": "var(--quiet)", "line": "var(--line)", "paper": "transparent"}

_PATH, _LONG = re.compile(r' d="[^"]*"'), re.compile(r"\d+\.\d{3,}")


@cache
def vega_bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, 0.9 MB, which may stand inside a ``<script>``."""
    import vl_convert

    bundle = str(vl_convert.javascript_bundle())  # type: ignore[call-arg]  # its stub asks for what has a default
    return re.sub("</(?=script)", r"<\\/", bundle, flags=re.IGNORECASE)


@cache
def start_script() -> str:
    """The script that draws the charts of a page once `vega_bundle` is there, and opens the cells of matrices."""
    return files("pellucid.displays").joinpath("interactive.js").read_text(encoding="utf-8")


def json_script(data: Any, **attributes: str) -> str:
    """`data` as JSON in a ``<script>`` that no browser runs and no text in it can end; NaN is null."""
    text = json.dumps(plain(data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for mark in "<>&\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    words = "".join(f' {key}="{html.escape(value)}"' for key, value in attributes.items())
    return f'<script type="application/json"{words}>{text}</script>'


def figure(display: Display, *, drawn: bool = True) -> str:
    """The display as HTML for a page with the style sheet, `vega_bundle` and `start_script`.

    drawn: charts stand there as drawings too, for readers without scripts and at a tenth of a second each.
    """
    match display:
        case Chart():
            return _chart(display, drawn)
        case Page():
            return display.arranged(lambda one: figure(one, drawn=drawn))
        case Table():
            return f'<div class="wide">{display.fragment()}</div>{_downloads(display)}'
        case Matrix():
            return display.fragment() + _downloads(display.table)
        case ImageGrid() if not display.row_names and len(display.images):
            return _tiles(display)
        case ImageGrid() | Maps() | Pixels():
            return f'<div class="drawing">{_themed(display.svg())}</div>'
    return display.fragment()


def page(display: Display) -> str:
    """The display alone as one HTML page that needs nothing but itself; with charts 0.9 MB of it are scripts."""
    title, body = html.escape(display.title or "pellucid"), f"{display.heading()}<figure>{figure(display)}</figure>"
    scripts = [vega_bundle()] * ('class="chart"' in body) + [start_script()] * (
        "<script" in body or "<button" in body
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<style>{design()}</style></head><body class="single">{body}'
        f"{''.join(f'<script>{one}</script>' for one in scripts)}</body></html>"
    )


def _chart(chart: Chart, drawn: bool) -> str:
    """The specification, and where wanted the drawing."""
    title = html.escape(svg.printable(chart.title)[:200], quote=True)
    shown = chart.thinned(POINTS) if isinstance(chart, Curves) else chart
    spec = json_script(_rounded(plain(shown.spec(hovering=True, **_VARIABLES))))
    drawing = ""
    if drawn:
        short = _PATH.sub(lambda path: _LONG.sub(lambda one: f"{float(one[0]):.2f}", path[0]), shown.fragment())
        drawing = f"<noscript>{short}</noscript>"
    return f'<div class="chart" role="figure" aria-label="{title}">{spec}{drawing}</div>'


def _rounded(value: Any) -> Any:
    """Numbers to six digits, which no eye tells from more."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value


def _downloads(table: Table) -> str:
    """What a spreadsheet and a paper take, as links that hold it."""
    name = re.sub(r"\W+", "-", table.title.lower(), flags=re.ASCII).strip("-")[:60] or "table"
    links = " · ".join(
        f'<a download="{name}.{ending}" href="data:{kind};charset=utf-8,{quote(text)}">{word}</a>'
        for word, ending, kind, text in (
            ("CSV", "csv", "text/csv", table.csv()),
            ("LaTeX", "tex", "text/plain", table.latex()),
        )
    )
    return f'<p class="quiet downloads">{links}</p>'


def _tiles(grid: ImageGrid) -> str:
    """Each image with its caption; as many in a row as there is room for."""
    height, width = (side * grid.factor for side in grid.images.shape[1:3])
    parts = []
    for k, image in enumerate(grid.images):
        mark = grid.marks[k] if grid.marks else None
        words = html.escape(grid.caption(k)) if grid.captions else ""
        picture = (
            f'<img class="{mark or "plain"}" src="{png_address(image)}" width="{width}" height="{height}" alt="">'
        )
        parts.append(f'<li>{picture}<span title="{words}">{words}</span></li>')
    title = f"<h3>{html.escape(svg.printable(grid.title))}</h3>" if grid.title else ""
    return f'{title}<ul class="tiles">{"".join(parts)}</ul>'


def _themed(drawing: str) -> str:
    """An SVG document of `displays.svg` on the page's own ground, in its ink."""
    for colour, name in ((INK, "--ink"), (QUIET, "--quiet")):
        drawing = drawing.replace(f'fill="{colour}"', f'fill="var({name})"')
    return drawing.replace(f'fill="{PAPER}"', 'fill="none"', 1)


def png_address(image: Any) -> str:
    """A uint8 image H W C as the address of a PNG that holds it."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(out, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"

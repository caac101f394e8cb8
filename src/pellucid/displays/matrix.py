"""A matrix of counts whose cells open the images behind them."""

from __future__ import annotations

import base64
import html
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.displays.display import Display
from pellucid.displays.heatmap import Heatmap
from pellucid.displays.svg import printable
from pellucid.displays.table import Table

_SIDE = 64


@dataclass(frozen=True, eq=False)
class Behind:
    """Images of one cell: uint8 N H W C, with a caption each."""

    images: NDArray[np.uint8]
    captions: Sequence[str]


@dataclass(frozen=True, eq=False)
class Matrix(Display):
    """heatmap: the matrix as a picture; its texts stand in the cells. table: the same in numbers.

    behind: images by (row, column), all of one shape. In a page they lie in one picture, each once;
    `interactive.js` cuts them out.
    """

    heatmap: Heatmap
    table: Table
    behind: Mapping[tuple[int, int], Behind]

    @property
    def title(self) -> str:  # type: ignore[override]
        return self.heatmap.title

    def to_dict(self) -> dict[str, Any]:
        return self.heatmap.to_dict()

    def svg(self) -> str:
        return self.heatmap.svg()

    def png(self) -> bytes:
        return self.heatmap.png()

    def fragment(self) -> str:
        """A table of buttons, and a place for the images of the one that was pressed."""
        every = [image for one in self.behind.values() for image in one.images]
        across = max(1, math.ceil(math.sqrt(len(every))))
        height, width = every[0].shape[:2] if every else (1, 1)
        scale = max(1, round(_SIDE / max(height, width)))
        data = f'data-across="{across}" data-width="{width}" data-height="{height}" data-scale="{scale}"'
        places: dict[tuple[int, int], int] = {}
        for key in self.behind:
            places[key] = sum(len(self.behind[before].images) for before in places)
        rows = "".join(self._row(i, places) for i in range(len(self.heatmap.rows)))
        turned = " class=long" * any(len(name) > 3 for name in self.heatmap.columns)
        head = "".join(
            f'<th scope="col"{turned} title="{_words(name)}">{_words(name)}</th>' for name in self.heatmap.columns
        )
        corner = f"{_words(self.heatmap.row_title)} ↓ &nbsp; {_words(self.heatmap.column_title)} →"
        table = f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>"
        hint = '<p class="quiet screen">A cell opens the images behind it.</p>' if every else ""
        picture = f'<img class="sprite" src="{_sprite(every, across)}" alt="" hidden>' if every else ""
        return (
            f'<div class="cells" {data}><p class="quiet">{corner}</p>{hint}<div class="wide">{table}</div>'
            f'<div class="behind" aria-live="polite"></div>{picture}</div>'
        )

    def _row(self, i: int, places: Mapping[tuple[int, int], int]) -> str:
        values = np.asarray(self.heatmap.values, np.float64)[i]
        cells = []
        for j, text in enumerate(self.heatmap.texts[i]):
            words = html.escape(text)
            if (i, j) in places:
                row, column = (printable(name)[:80] for name in (self.heatmap.rows[i], self.heatmap.columns[j]))
                one = self.behind[i, j]
                told = f"{row} taken for {column}" if i != j else f"{row}, taken for what it is"
                shown = f": {len(one.images)} of {text} images" if str(len(one.images)) != text else f": {text}"
                words = (
                    f'<button type="button" aria-expanded="false" data-first="{places[i, j]}" '
                    f'data-words="{html.escape(told + shown)}" '
                    f'data-captions="{html.escape(json.dumps(list(one.captions)))}" '
                    f'aria-label="{html.escape(f"{told}: {text}")}">{words}</button>'
                )
            # the shade is the page's to mix, light or dark; by class, since pages may forbid inline style
            depth = f' class="some share-{_step(values[j])}"'
            cells.append(f"<td{depth if text else ''}>{words}</td>")
        name = _words(self.heatmap.rows[i])
        return f'<tr><th scope="row" title="{name}">{name}</th>{"".join(cells)}</tr>'


def _step(share: float) -> int:
    """A share as a whole number of twentieths, at least one where there is anything."""
    return min(20, math.ceil(20 * share - 1e-9)) if share > 0 else 0


def _words(name: str) -> str:
    return html.escape(printable(name)[:200], quote=True)


def _sprite(images: Sequence[NDArray[np.uint8]], across: int) -> str:
    """All images in one PNG, `across` a row, as an address."""
    from PIL import Image

    height, width, channels = images[0].shape
    sheet = np.zeros((math.ceil(len(images) / across) * height, across * width, channels), np.uint8)
    for k, image in enumerate(images):
        y, x = k // across * height, k % across * width
        sheet[y : y + height, x : x + width] = image
    out = io.BytesIO()
    Image.fromarray(sheet[..., 0] if channels == 1 else sheet).save(out, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"

"""A large matrix as crisp pixels with axes, beside the image that it belongs to."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.displays import svg
from pellucid.displays.colours import positive, signed
from pellucid.displays.display import Display
from pellucid.displays.palette import INK, QUIET

_LEFT, _TOP, _BELOW, _GAP = 56, 40, 44, 26


@dataclass(frozen=True, eq=False)
class Pixels(Display):
    """values: rows x columns. bound: end of the colour scale, which begins at zero or, if `both`, at -bound.

    beside: uint8 H W C, drawn before it as high as the matrix, so that rows of both stand beside each other.
    first_row: the number of the first row. cell: width and height of a value on the screen.
    """

    values: NDArray[Any]
    row_title: str
    column_title: str
    bound: float
    both: bool = True
    beside: NDArray[np.uint8] | None = None
    first_row: int = 0
    cell: tuple[int, int] = (6, 8)
    title: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "row_title": self.row_title,
            "column_title": self.column_title,
            "first_row": self.first_row,
            "scale": [-self.bound if self.both else 0.0, self.bound],
            "values": self.values,
        }

    def svg(self) -> str:
        draw = signed if self.both else positive
        wide, high = self.values.shape[1] * self.cell[0], self.values.shape[0] * self.cell[1]
        parts = [svg.text(self.title, x=10, y=24, font_size=14, font_weight=600, fill=INK)] if self.title else []
        left = _LEFT
        if self.beside is not None:
            across = round(high * self.beside.shape[1] / self.beside.shape[0])
            pixels = _to_size(self.beside, 2 * high, 2 * across)
            parts.append(_image(pixels, left, _TOP, across, high))
            left += across + 10
        parts.append(_image(_to_size(draw(self.values, self.bound), 2 * high, 2 * wide), left, _TOP, wide, high))
        for row in _ticks(len(self.values), self.first_row, self.cell[1], 13):
            y = _TOP + (row - self.first_row + 0.5) * self.cell[1] + 4
            parts.append(svg.text(str(row), x=_LEFT - 6, y=f"{y:.1f}", text_anchor="end", fill=QUIET))
        for column in _ticks(self.values.shape[1], 0, self.cell[0], 36):
            x = left + (column + 0.5) * self.cell[0]
            parts.append(svg.text(str(column), x=f"{x:.1f}", y=_TOP + high + 15, text_anchor="middle", fill=QUIET))
        middle = _TOP + high / 2
        turned = f"rotate(-90 18 {middle:.1f})"
        words = {"text_anchor": "middle", "font_size": 12, "fill": INK}
        parts.append(svg.text(self.row_title, x=18, y=f"{middle:.1f}", transform=turned, **words))
        parts.append(svg.text(self.column_title, x=f"{left + wide / 2:.1f}", y=_TOP + high + 34, **words))
        at, tall = left + wide + _GAP, min(high, 120)
        scale = np.linspace(self.bound, -self.bound if self.both else 0.0, 2 * tall)[:, None].repeat(24, axis=1)
        parts.append(_image(draw(scale, self.bound), at, _TOP, 12, tall))
        ends = [
            (self.bound, 9),
            *([(0.0, tall / 2 + 4)] if self.both else []),
            (-self.bound if self.both else 0.0, tall),
        ]
        for value, y in ends:
            parts.append(svg.text(f"{value:.2g}", x=at + 17, y=f"{_TOP + y:.1f}", fill=QUIET))
        width = max(at + 64, 20 + 8.5 * len(self.title), left + 7.5 * len(self.column_title))
        return svg.document(width, _TOP + high + _BELOW, "".join(parts))

    def png(self) -> bytes:
        import vl_convert

        return bytes(vl_convert.svg_to_png(self.svg(), scale=2))


def _ticks(count: int, first: int, step: float, room: float) -> list[int]:
    """Numbers from `first`, round ones, at least `room` pixels apart."""
    apart = next((k for k in (1, 2, 4, 5, 10, 20, 50, 100, 200, 500) if k * step >= room), max(count, 1))
    return [k for k in range(first, first + count) if k % apart == 0 or (k == first and apart > 2)]


def _to_size(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Nearest neighbour."""
    rows = np.arange(height) * picture.shape[0] // height
    columns = np.arange(width) * picture.shape[1] // width
    found: NDArray[np.uint8] = picture[rows[:, None], columns]
    return found if found.shape[2] == 3 else found[..., :1].repeat(3, axis=2)


def _image(pixels: NDArray[np.uint8], x: int, y: int, width: int, height: int) -> str:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    href = f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
    return svg.element(
        "image",
        x=x,
        y=y,
        width=width,
        height=height,
        preserveAspectRatio="none",
        image_rendering="pixelated",
        href=href,
    )

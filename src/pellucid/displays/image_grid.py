"""Small images in rows, each pixel crisp."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.displays import svg
from pellucid.displays.display import Display
from pellucid.displays.palette import INK, PAPER, QUIET, RIGHT, WRONG

if TYPE_CHECKING:
    from PIL import Image
    from PIL.ImageFont import FreeTypeFont

_MARGIN, _CAPTION, _TITLE, _FRAME, _TARGET = 10, 18, 30, 3, 88
_MARKS = {"right": (RIGHT, "✓"), "wrong": (WRONG, "✗")}


@dataclass(frozen=True, eq=False)
class ImageGrid(Display):
    """images: uint8 N H W C. captions: below each. marks: "right", "wrong" or None for each, a frame and a sign.

    row_names: one for each row of `columns` images, written before it. Each pixel becomes a square of a whole number
    of screen pixels (nearest neighbour), so that 28 pixels are about 88 wide.
    """

    images: NDArray[np.uint8]
    captions: Sequence[str] = ()
    marks: Sequence[str | None] = ()
    columns: int | None = None
    row_names: Sequence[str] = ()
    title: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "shape": list(self.images.shape),
            "captions": list(self.captions),
            "marks": list(self.marks),
            "png": base64.b64encode(self.png()).decode(),
        }

    @property
    def factor(self) -> int:
        """Screen pixels a pixel of the images."""
        return max(1, round(_TARGET / max(self.images.shape[1:3]))) if self.images.size else 1

    def _columns(self) -> int:
        count = len(self.images)
        return self.columns or (count if count <= 10 else max(10, min(25, math.ceil(math.sqrt(1.6 * count)))))

    def _layout(self) -> tuple[int, int, int, int, int, int]:
        """Columns, rows, width and height of a cell, left edge, top edge; in CSS pixels."""
        columns = max(self._columns(), 1)
        rows = math.ceil(len(self.images) / columns)
        height, width = (side * self.factor for side in self.images.shape[1:3])
        left = _MARGIN + (int(max(map(len, self.row_names)) * 7) + _MARGIN if self.row_names else 0)
        top = _MARGIN + (_TITLE if self.title else 0)
        return (
            columns,
            rows,
            max(width, 20) + _MARGIN,
            height + _MARGIN + (_CAPTION if self.captions else 0),
            left,
            top,
        )

    def _cells(self) -> list[tuple[int, int, int]]:
        """Index, left and top of every image."""
        columns, _, width, height, left, top = self._layout()
        return [(k, left + k % columns * width, top + k // columns * height) for k in range(len(self.images))]

    def _size(self) -> tuple[int, int]:
        columns, rows, width, height, left, top = self._layout()
        words = int(len(self.title) * 8.5) + 2 * _MARGIN
        return max(left + columns * width, words, 320 if not rows else 0), max(top + rows * height, top + 24)

    def png(self) -> bytes:
        return _encoded(self._picture(2))

    def _picture(self, scale: int) -> Image.Image:
        from PIL import Image, ImageDraw

        picture = Image.new("RGB", (scale * self._size()[0], scale * self._size()[1]), PAPER)
        pen = ImageDraw.Draw(picture)
        if self.title:
            pen.text((scale * _MARGIN, scale * _MARGIN), self.title, INK, _font(scale * 14))
        if not len(self.images):
            pen.text((scale * _MARGIN, scale * self._layout()[5]), "no images to show", QUIET, _font(scale * 12))
        height, width = (side * self.factor * scale for side in self.images.shape[1:3])
        font, room = _font(scale * 11), scale * (self._layout()[2] - 4)
        for k, x, y in self._cells():
            x, y = scale * x, scale * y
            tile = _picture_of(self.images[k]).resize((width, height), Image.Resampling.NEAREST)
            mark = self.marks[k] if self.marks else None
            if mark:
                edge = scale * _FRAME
                pen.rectangle((x - edge, y - edge, x + width + edge - 1, y + height + edge - 1), fill=_MARKS[mark][0])
            picture.paste(tile, (x, y))
            if self.captions:
                pen.text((x, y + height + scale * 4), _fitting(self.caption(k), font, room), INK, font)
        _, _, _, cell, _, top = self._layout()
        for k, name in enumerate(self.row_names):
            pen.text(
                (scale * _MARGIN, scale * (top + k * cell) + height // 2 - scale * 8),
                svg.printable(name),
                INK,
                _font(scale * 12),
            )
        return picture

    def svg(self) -> str:
        width, height = self._size()
        high, wide = (side * self.factor for side in self.images.shape[1:3])
        _, _, cell_width, cell_height, _, top = self._layout()
        parts = []
        if self.title:
            parts.append(svg.text(self.title, x=_MARGIN, y=_MARGIN + 14, font_size=14, font_weight=600, fill=INK))
        if not len(self.images):
            parts.append(svg.text("no images to show", x=_MARGIN, y=height - 8, fill=QUIET))
        for k, x, y in self._cells():
            mark = self.marks[k] if self.marks else None
            if mark:
                frame = {"x": x - _FRAME, "y": y - _FRAME, "width": wide + 2 * _FRAME, "height": high + 2 * _FRAME}
                parts.append(svg.element("rect", fill=_MARKS[mark][0], **frame))
            data = f"data:image/png;base64,{base64.b64encode(_encoded(_picture_of(self.images[k]))).decode()}"
            place = {"x": x, "y": y, "width": wide, "height": high}
            parts.append(svg.element("image", image_rendering="pixelated", href=data, **place))
            if self.captions:
                words = _fitting(self.caption(k), _font(11), cell_width - 4)
                parts.append(svg.text(words, x=x, y=y + high + 13, fill=INK))
        for k, name in enumerate(self.row_names):
            parts.append(svg.text(name, x=_MARGIN, y=top + k * cell_height + high // 2 + 4, font_size=12, fill=INK))
        return svg.document(width, height, "".join(parts))

    def caption(self, k: int) -> str:
        """What stands below an image: its mark and its caption, on one line."""
        mark = self.marks[k] if self.marks else None
        return svg.printable(f"{_MARKS[mark][1]} {self.captions[k]}" if mark else self.captions[k])


def _picture_of(image: NDArray[np.uint8]) -> Image.Image:
    from PIL import Image

    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).convert("RGB")


def _encoded(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


@cache
def _font(size: int) -> FreeTypeFont:
    """A font with the signs and most scripts where the system has one, else Pillow's own."""
    from PIL import ImageFont

    for path in ("DejaVuSans.ttf", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "Arial.ttf"):
        try:
            return ImageFont.truetype(path, size)
        except OSError:
            continue
    found = ImageFont.load_default(size)
    assert isinstance(found, ImageFont.FreeTypeFont)
    return found


def _fitting(text: str, font: FreeTypeFont, room: float) -> str:
    """`text`, its end replaced by an ellipsis where it is wider than `room` pixels."""
    text = text[:200]
    if font.getlength(text) <= room:
        return text
    while text and font.getlength(text + "…") > room:
        text = text[:-1]
    return text + "…"

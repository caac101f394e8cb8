"""Several displays as one."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.displays import svg
from pellucid.displays.display import Display
from pellucid.displays.palette import PAPER


@dataclass(frozen=True)
class Page(Display):
    """Displays beside each other, `columns` a row."""

    displays: Sequence[Display]
    title: str = ""
    columns: int = 1

    def to_dict(self) -> dict[str, Any]:
        return {"title": self.title, "displays": [display.to_dict() for display in self.displays]}

    def fragment(self) -> str:
        return self.arranged(lambda one: one.fragment())

    def heading(self) -> str:
        return f"<h1>{html.escape(self.title)}</h1>" if self.title else ""

    def arranged(self, draw: Callable[[Display], str]) -> str:
        """The displays beside each other as `draw` writes each in HTML; one a row on narrow screens."""
        beside = ("", " two", " more")[min(self.columns, 3) - 1]
        inner = "".join(f"<div>{draw(one)}</div>" for one in self.displays)
        return f'<div class="pellucid-beside{beside}">{inner}</div>'

    def _placed(self, sizes: Sequence[tuple[int, int]]) -> tuple[list[tuple[int, int]], int, int]:
        """Left and top of each display, and the whole's width and height."""
        places, y, width = [], 0, 0
        for start in range(0, len(sizes), self.columns):
            row, x = sizes[start : start + self.columns], 0
            for w, _ in row:
                places.append((x, y))
                x += w
            y, width = y + max(h for _, h in row), max(width, x)
        return places, max(width, 1), max(y, 1)

    def svg(self) -> str:
        documents = [display.svg() for display in self.displays]
        sizes = [(_length(document, "width"), _length(document, "height")) for document in documents]
        places, width, height = self._placed(sizes)
        inner = (
            re.sub(r"<svg ", f'<svg x="{x}" y="{y}" ', document, count=1)
            for document, (x, y) in zip(documents, places, strict=True)
        )
        return svg.document(width, height, "".join(inner))

    def png(self) -> bytes:
        from PIL import Image

        tiles = [Image.open(io.BytesIO(display.png()), formats=["PNG"]) for display in self.displays]
        places, width, height = self._placed([tile.size for tile in tiles])
        whole = Image.new("RGB", (width, height), PAPER)
        for tile, place in zip(tiles, places, strict=True):
            whole.paste(tile.convert("RGB"), place)
        out = io.BytesIO()
        whole.save(out, "PNG")
        return out.getvalue()


def _length(document: str, name: str) -> int:
    found = re.search(rf'<svg[^>]* {name}="([0-9.]+)', document)
    return round(float(found[1])) if found else 0

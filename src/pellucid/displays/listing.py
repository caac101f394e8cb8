"""Text as it is typed: commands and files."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

from pellucid.displays import svg
from pellucid.displays.display import Display
from pellucid.displays.palette import INK

_LINE, _CHARACTER = 17, 7.3


@dataclass(frozen=True)
class Listing(Display):
    """text: lines that keep their breaks and spaces."""

    text: str
    title: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {"title": self.title, "text": self.text}

    def fragment(self) -> str:
        title = f"<h3>{html.escape(self.title)}</h3>" if self.title else ""
        return f"{title}<pre>{html.escape(self.text)}</pre>"

    def svg(self) -> str:
        top = 34 if self.title else 10
        lines = self.text.splitlines()
        parts = [svg.text(self.title, x=8, y=20, font_weight=600, font_size=14, fill=INK)] if self.title else []
        for k, line in enumerate(lines):
            parts.append(
                svg.text(line, x=8, y=top + _LINE * (k + 0.8), font_family="DejaVu Sans Mono, monospace", fill=INK)
            )
        width = max((len(line) for line in lines), default=1) * _CHARACTER + 16
        return svg.document(width, top + _LINE * max(len(lines), 1) + 8, "".join(parts))

    def png(self) -> bytes:
        import vl_convert

        return bytes(vl_convert.svg_to_png(self.svg(), scale=2))

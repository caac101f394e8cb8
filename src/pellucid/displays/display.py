"""What every display can do: be drawn, saved, shown in a notebook, and given back as data."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from pellucid.displays.palette import fragments
from pellucid.errors import StorageError, UsageError

FORMATS = ("png", "svg", "pdf", "html", "json")


class Display(ABC):
    """Data plus its drawings."""

    title: str

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The data behind the drawing, JSON-safe: NaN is null."""

    @abstractmethod
    def svg(self) -> str:
        """The drawing as an SVG document."""

    @abstractmethod
    def png(self) -> bytes:
        """The drawing as a PNG on white, at twice its size in CSS pixels."""

    def fragment(self) -> str:
        """The drawing as a piece of an HTML page that has the rules of `design`; without inline style."""
        return f'<div class="pellucid-chart">{self.svg()}</div>'

    def heading(self) -> str:
        """Above a drawing that does not hold its title itself."""
        return ""

    def render(self, format: str) -> bytes:
        """The drawing in one of `FORMATS`. Raises UsageError for another."""
        match format:
            case "png":
                return self.png()
            case "svg":
                return self.svg().encode()
            case "pdf":
                import vl_convert

                return bytes(vl_convert.svg_to_pdf(self.svg()))
            case "html":
                from pellucid.displays.interactive import page  # it knows every kind of display

                return page(self).encode()
            case "json":
                return json.dumps(plain(self.to_dict()), ensure_ascii=False, allow_nan=False).encode()
        raise UsageError(f"unknown format {format!r}. Valid: {', '.join(FORMATS)}.")

    def save(self, path: str | Path) -> Path:
        """Writes the drawing, in the format that the name ends in; the path.

        Raises UsageError for another ending, StorageError where the file cannot be written.
        """
        target = Path(path)
        data = self.render(target.suffix.removeprefix(".").lower())
        try:
            target.write_bytes(data)
        except OSError as error:
            raise StorageError(
                f"{target}: expected to write {len(data):,} bytes here, found that I cannot ({error.strerror}). "
                "Give another place."
            ) from error
        return target

    def _repr_html_(self) -> str:
        return f"<style>{fragments()}</style>{self.fragment()}"  # a notebook has not the whole sheet


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: arrays as lists, NaN and infinities as None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value

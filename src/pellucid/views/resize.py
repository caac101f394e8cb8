"""Images at another size."""

from __future__ import annotations

from pellucid.errors import UsageError
from pellucid.images import Splits
from pellucid.views._mapped import mapped, whole_number
from pellucid.views._resized import resized

_LARGEST = 1024


def resize(splits: Splits, *, value: str | None = None) -> Splits:
    """Each image at SIZE x SIZE pixels: resize=SIZE; bilinear, averaged when shrunk."""
    size = whole_number("resize", value)
    if size > _LARGEST:
        raise UsageError(f"view resize: expected at most {_LARGEST} pixels a side, found {size}.")
    return mapped("resize", splits, lambda pixels: resized(pixels, size, size))

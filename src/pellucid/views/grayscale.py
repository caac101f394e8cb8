"""Colour images in gray."""

from __future__ import annotations

from pellucid.images import Splits
from pellucid.views._luma import luma
from pellucid.views._mapped import mapped, require_no_value


def grayscale(splits: Splits, *, value: str | None = None) -> Splits:
    """One channel: 0.299 R + 0.587 G + 0.114 B, rounded (ITU-R BT.601); gray images stay as they are."""
    require_no_value("grayscale", value)
    return mapped("grayscale", splits, lambda pixels: pixels if pixels.shape[3] == 1 else luma(pixels))

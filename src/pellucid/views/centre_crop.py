"""The middle of each image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import DataError
from pellucid.images import Splits
from pellucid.views._mapped import mapped, whole_number


def centre_crop(splits: Splits, *, value: str | None = None) -> Splits:
    """The middle SIZE x SIZE pixels of each image: centre_crop=SIZE.

    Where the border is odd, the smaller half is cut at the top and on the left.
    """
    size = whole_number("centre_crop", value)
    height, width, _ = splits.shape
    if size > min(height, width):
        raise DataError(
            f"view centre_crop={size}: expected images of at least {size}x{size} pixels, found {height}x{width}. "
            f"Crop to {min(height, width)} or less, or put resize={size} before."
        )
    top, left = (height - size) // 2, (width - size) // 2

    def cropped(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.ascontiguousarray(pixels[:, top : top + size, left : left + size])  # rows of a batch lie together

    return mapped("centre_crop", splits, cropped)

"""Gray from colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_CHUNK = 2048


def luma(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 N H W 1 of N H W 3: ``0.299 R + 0.587 G + 0.114 B``, rounded, halves up. Source: ITU-R BT.601.

    >>> luma(np.array([[[[255, 0, 0]]]], np.uint8)).item()
    76
    """
    result = np.empty((*pixels.shape[:3], 1), np.uint8)
    for start in range(0, len(pixels), _CHUNK):
        red, green, blue = (pixels[start : start + _CHUNK, ..., k].astype(np.int32) for k in range(3))
        result[start : start + _CHUNK, ..., 0] = (299 * red + 587 * green + 114 * blue + 500) // 1000
    return result

"""Smaller images whose pixels are means over areas of the larger ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def area_means(pixels: Any, height: int, width: int) -> Any:
    """`pixels` (uint8, N H W C; an array or a tensor) at height x width: the same kind and type.

        y[i, j] = sum over h, w of  a[i, h] b[j, w] x[h, w] / (H W),  rounded

    where a[i, h] is how much of row i of the small image lies on row h of the large one, in units in which the rows
    of the one are H high and those of the other height; b the same of columns. All of them are whole numbers, whose
    sums float64 holds exactly: arrays and tensors get the same bytes, in whatever order they add.

    >>> area_means(np.arange(9, dtype=np.uint8).reshape(1, 3, 3, 1), 2, 1).ravel().tolist()
    [2, 6]
    """
    count, rows, columns, channels = pixels.shape
    down: Any = _overlaps(rows, height)
    across: Any = np.kron(_overlaps(columns, width), np.eye(channels)).T
    if isinstance(pixels, np.ndarray):
        floats = pixels.astype(np.float64)
    else:
        floats = pixels.double()
        down, across = floats.new_tensor(down), floats.new_tensor(across)
    sums = (down @ floats.reshape(count, rows, -1)).reshape(count * height, -1) @ across
    size = rows * columns
    # whole numbers and a quarter: never near enough to a multiple that a rounded quotient could fall below it
    means = (sums + (size // 2 + 0.25)) // size
    means = means.reshape(count, height, width, channels)
    return means.astype(np.uint8) if isinstance(pixels, np.ndarray) else means.to(pixels.dtype)


def _overlaps(size: int, smaller: int) -> NDArray[np.float64]:
    """How much of each of `smaller` parts of a line lies on each of its `size` parts, smaller x size."""
    first, other = np.arange(smaller)[:, None] * size, np.arange(size) * smaller
    overlap: NDArray[np.int64] = np.minimum(first + size, other + smaller) - np.maximum(first, other)
    return overlap.clip(0).astype(np.float64)

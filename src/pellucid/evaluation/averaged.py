"""Logits averaged over slightly changed copies of each image: test-time augmentation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Logits = NDArray[np.float32]


def averaged(logits: Callable[[Pixels], Logits], pixels: Pixels, *, mirror: bool, shifted: bool) -> Logits:
    """The mean logits, N x classes, of images N H W C and of changed copies of them.

    mirror: of each image and its mirror image, left to right. shifted: half of the image as it is, and a quarter each
    of what it is when moved by a pixel down and right, and up and left, its border reflected; with mirror six copies.
    Source: jordan2024 (docs/bibliography.bib).
    """

    def both(seen: Pixels) -> Logits:
        one = logits(np.ascontiguousarray(seen))
        return (one + logits(np.ascontiguousarray(seen[:, :, ::-1]))) / np.float32(2) if mirror else one

    found = both(pixels)
    if shifted:
        around = np.pad(pixels, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
        found = found / np.float32(2) + (both(around[:, :-2, :-2]) + both(around[:, 2:, 2:])) / np.float32(4)
    return found

"""Images at another size, by Pillow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def resized(pixels: NDArray[np.uint8], height: int, width: int, *, bicubic: bool = False) -> NDArray[np.uint8]:
    """uint8 N H W C at `height` x `width`: bilinear or bicubic, averaged over what a pixel covers when shrunk."""
    from PIL import Image

    filtering = Image.Resampling.BICUBIC if bicubic else Image.Resampling.BILINEAR
    count, _, _, channels = pixels.shape
    result = np.empty((count, height, width, channels), np.uint8)
    for image, target in zip(pixels, result, strict=True):
        source = Image.fromarray(image[..., 0] if channels == 1 else image)
        target[...] = np.asarray(source.resize((width, height), filtering)).reshape(target.shape)
    return result

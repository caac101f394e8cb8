"""What a step of a training shows of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets._area_means import area_means
from pellucid.datasets._batches import apply, draw
from pellucid.spec.progressive import smaller
from pellucid.spec.recipe import Recipe


def shown(pixels: Any, recipe: Recipe, *, images: NDArray[np.int64], seed: int, epoch: int, step: int) -> Any:
    """`pixels` (uint8, N H W C; an array or a tensor) as changed at random, then made smaller in the first epochs.

    images: their places among the training images, N. A pure function of its arguments.
    """
    if recipe.augmentation.active:
        shape = tuple(pixels.shape[1:])
        chosen = draw(recipe.augmentation, images=images, shape=shape, seed=seed, epoch=epoch, step=step)
        pixels = apply(pixels, chosen)
    side = recipe.side(epoch)
    if side:
        height, width, _ = smaller(tuple(pixels.shape[1:]), side)
        pixels = area_means(pixels, height, width)
    return pixels

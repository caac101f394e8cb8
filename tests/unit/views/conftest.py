"""Small splits to look at through views."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pellucid.images import Images, Scaling, Splits


@pytest.fixture
def make_splits() -> Callable[..., Splits]:
    """Splits of random pixels: 40, 12 and 8 images of two classes in turn."""

    def make(shape: tuple[int, int, int] = (6, 9, 3), *, low: int = 0, high: int = 256, seed: int = 0) -> Splits:
        generator = np.random.default_rng(seed)
        parts = []
        for part, count in (("train", 40), ("validation", 12), ("test", 8)):
            pixels = generator.integers(low, high, (count, *shape), dtype=np.uint8)
            sources = tuple(f"{part}/{k}.png" for k in range(count))
            groups = tuple(f"{part}{k // 2}" for k in range(count))
            parts.append(Images(pixels, np.arange(count) % 2, ("a", "b"), sources, groups))
        return Splits(*parts, scaling=Scaling.unit(shape[2]))

    return make

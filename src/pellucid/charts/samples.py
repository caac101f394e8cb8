"""Images of each class."""

from __future__ import annotations

import numpy as np

from pellucid.displays.image_grid import ImageGrid
from pellucid.images import Images


def samples(images: Images, *, per_class: int = 10, seed: int = 0, title: str = "") -> ImageGrid:
    """A row of random images for each class, its name before it. A class without images has no row."""
    generator = np.random.default_rng(seed)
    rows = []
    for label, name in enumerate(images.class_names):
        found = np.flatnonzero(images.labels == label)
        if found.size:
            rows.append((name, generator.choice(found, per_class, replace=found.size < per_class)))
    chosen = np.concatenate([row for _, row in rows]) if rows else np.arange(0)
    return ImageGrid(images.pixels[chosen], columns=per_class, row_names=[name for name, _ in rows], title=title)

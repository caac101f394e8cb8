"""Folders of images, one folder a class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def noise(path: Path, seed: int) -> None:
    """One picture of 8 x 8 random pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8), np.uint8)
    Image.fromarray(pixels).save(path)


def two_classes(root: Path, count: int = 20) -> Path:
    """Two classes, a and b, of noise; the folder."""
    for k, name in enumerate("ab"):
        (root / name).mkdir(parents=True)
        for number in range(count):
            noise(root / name / f"{number}.png", seed=1000 * k + number)
    return root

"""What the network got wrong, and how sure it was."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.displays.image_grid import ImageGrid
from pellucid.images import Images


def mistakes(images: Images, *, probabilities: NDArray[Any], n: int = 40) -> ImageGrid:
    """The `n` wrong predictions of highest confidence: true class, predicted class, its probability.

    probabilities: N x classes.
    """
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != images.labels)
    confidence = probabilities[wrong, predicted[wrong]]
    chosen = wrong[np.argsort(-confidence, kind="stable")[:n]]
    names = images.class_names
    return ImageGrid(
        images.pixels[chosen],
        captions=[
            f"{names[images.labels[k]]} → {names[predicted[k]]} {100 * probabilities[k, predicted[k]]:.0f}%"
            for k in chosen
        ],
        marks=["wrong"] * len(chosen),
        columns=min(10, max(len(chosen), 1)),
        title=f"Mistakes by confidence: {len(wrong):,} of {len(images):,} images wrong (true → predicted)",
    )

"""Draws with the same number of images of each class."""

from __future__ import annotations

import numpy as np

from pellucid.errors import DataError
from pellucid.images import Images

_STREAM = 103


def balanced(images: Images, n: int, *, seed: int) -> Images:
    """`n` of the images, as many of each class as of any other or one more, in their old order.

    A pure function of (images, n, seed); a smaller draw with the same seed is part of a larger one. Classes without
    images are left out. Raises DataError where a class has too few, or would have none.
    """
    counts = images.class_counts()
    present = np.flatnonzero(counts)
    if n < len(present):
        raise DataError(
            f"subset of {n:,} images: expected at least one of each of {len(present)} classes, found fewer images "
            f"than classes. Ask for {len(present)} or more."
        )
    generator = np.random.default_rng([seed, _STREAM])
    extra = generator.permutation(present)[: n % len(present)]
    wanted = {int(label): n // len(present) + int(label in extra) for label in present}
    chosen = []
    for label in present:
        places = generator.permutation(np.flatnonzero(images.labels == label))
        if wanted[int(label)] > len(places):
            most = int(counts[present].min()) * len(present)
            raise DataError(
                f"subset of {n:,} images: expected {wanted[int(label)]:,} of class {images.class_names[label]!r}, "
                f"found {len(places):,}. Ask for at most {most:,} images, or none to use all {len(images):,}."
            )
        chosen.append(places[: wanted[int(label)]])
    return images.take(np.sort(np.concatenate(chosen)))

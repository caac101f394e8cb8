"""Mean 0 and standard deviation 1, by the training split."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import numpy as np

from pellucid.errors import DataError
from pellucid.images import Scaling, Splits
from pellucid.views._mapped import require_no_value, require_unscaled


def standardise(splits: Splits, *, value: str | None = None) -> Splits:
    """Scales each channel to mean 0 and standard deviation 1 over the training split alone.

    The standard deviation is the root of the mean squared deviation (division by n). Bytes are counted, so both are
    exact up to the last division.
    """
    require_no_value("standardise", value)
    require_unscaled("standardise", splits)
    pixels = splits.train.pixels
    scale, shift = [], []
    for channel in range(splits.shape[2]):
        counts = np.zeros(256, np.int64)
        for image_block in np.array_split(pixels[..., channel], max(1, len(pixels) // 4096)):
            counts += np.bincount(image_block.reshape(-1), minlength=256)
        n, first, second = (sum(int(count) * byte**power for byte, count in enumerate(counts)) for power in range(3))
        variance = (n * second - first * first) / (n * n)
        if not variance:
            raise DataError(
                f"view standardise: expected pixels of different values in channel {channel} of the training split, "
                f"found {first // n} everywhere. Use grayscale, or leave standardise out."
            )
        scale.append(1 / sqrt(variance))
        shift.append(-first / n / sqrt(variance))
    return replace(splits, scaling=Scaling(tuple(scale), tuple(shift)))

"""Numbers to colours, for pictures made of pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.displays.palette import DIVERGING, SEQUENTIAL


def coloured(values: NDArray[np.floating], colours: Sequence[str], *, low: float, high: float) -> NDArray[np.uint8]:
    """uint8 ... x 3 of `values`: `low` and below in the first colour, `high` and above in the last, mixed between.

    NaN is the middle gray. Where low and high are one, everything has the middle colour.

    >>> coloured(np.array([0.0, 1.0]), ("#000000", "#ffffff"), low=0, high=1).tolist()
    [[0, 0, 0], [255, 255, 255]]
    """
    table = np.array([[int(one[k : k + 2], 16) for k in (1, 3, 5)] for one in colours], np.float64)
    share = (values - low) / (high - low) if high > low else np.full(values.shape, 0.5)
    at = np.clip(np.nan_to_num(share, nan=0.5), 0, 1) * (len(table) - 1)
    first = np.minimum(at.astype(np.int64), len(table) - 2)
    mixed = table[first] + (at - first)[..., None] * (table[first + 1] - table[first])
    mixed[np.isnan(values)] = 128
    found: NDArray[np.uint8] = np.rint(mixed).astype(np.uint8)
    return found


def signed(values: NDArray[np.floating], bound: float) -> NDArray[np.uint8]:
    """Signed values, zero in the middle, -bound and bound at the ends."""
    return coloured(values, DIVERGING, low=-bound, high=bound)


def positive(values: NDArray[np.floating], bound: float) -> NDArray[np.uint8]:
    """Values from zero to bound."""
    return coloured(values, SEQUENTIAL, low=0.0, high=bound)


def around_gray(values: NDArray[np.floating], bound: float) -> NDArray[np.uint8]:
    """A picture of signed values: zero is the middle gray, -bound black, bound full; channels stay channels."""
    found: NDArray[np.uint8] = np.rint((values / bound if bound else values).clip(-1, 1) * 127 + 128).astype(np.uint8)
    return found

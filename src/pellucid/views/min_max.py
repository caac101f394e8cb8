"""From the darkest to the lightest training pixel."""

from __future__ import annotations

from dataclasses import replace

from pellucid.errors import DataError
from pellucid.images import Scaling, Splits
from pellucid.views._mapped import require_no_value, require_unscaled


def min_max(splits: Splits, *, value: str | None = None) -> Splits:
    """Scales so that the least pixel of the training split becomes 0 and its greatest 1."""
    require_no_value("min_max", value)
    require_unscaled("min_max", splits)
    low, high = int(splits.train.pixels.min()), int(splits.train.pixels.max())
    if low == high:
        raise DataError(
            f"view min_max: expected pixels of different values in the training split, found {low} everywhere. "
            "Look at the images with pellucid data show."
        )
    channels, reach = splits.shape[2], high - low
    return replace(splits, scaling=Scaling((1 / reach,) * channels, (-low / reach,) * channels))

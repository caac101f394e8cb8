"""Light becomes dark."""

from __future__ import annotations

from pellucid.images import Splits
from pellucid.views._mapped import mapped, require_no_value


def negative(splits: Splits, *, value: str | None = None) -> Splits:
    """Every pixel p as 255 - p, which is 1 - x after the default scaling."""
    require_no_value("negative", value)
    return mapped("negative", splits, lambda pixels: 255 - pixels)

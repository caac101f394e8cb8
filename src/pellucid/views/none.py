"""The images as they are: one half of many a union."""

from __future__ import annotations

from pellucid.images import Splits
from pellucid.views._mapped import require_no_value


def none(splits: Splits, *, value: str | None = None) -> Splits:
    """Changes nothing; for unions, such as union=none+negative."""
    require_no_value("none", value)
    return splits

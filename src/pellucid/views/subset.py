"""A smaller training split."""

from __future__ import annotations

from dataclasses import replace

from pellucid.images import Splits
from pellucid.views._balanced import balanced
from pellucid.views._mapped import require_unscaled, whole_number


def subset(splits: Splits, *, value: str | None = None) -> Splits:
    """N training images, the same number of each class: subset=N; validation and test stay whole."""
    n = whole_number("subset", value)
    require_unscaled("subset", splits)
    return replace(splits, train=balanced(splits.train, n, seed=0))

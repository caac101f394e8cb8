"""Accuracy of each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.displays.bars import Bars


def per_class_accuracy(
    matrix: NDArray[Any], *, class_names: Sequence[str], title: str = "Accuracy by class, 95 % intervals"
) -> Bars:
    """The share of each class's images that is classified right, with its 95 % Wilson interval and their number.

    matrix: confusion matrix, true class by row. Source of the interval: Wilson 1927 (wilson1927 in
    docs/bibliography.bib).
    """
    from scipy.stats import binomtest

    counts = np.asarray(matrix)
    values, low, high, notes = [], [], [], []
    for k, total in enumerate(counts.sum(axis=1).tolist()):
        right = int(counts[k, k])
        interval = binomtest(right, total).proportion_ci(method="wilson") if total else None
        values.append(right / total if total else float("nan"))
        low.append(float(interval.low) if interval else float("nan"))
        high.append(float(interval.high) if interval else float("nan"))
        notes.append(f"{right:,} of {total:,}")
    return Bars(
        class_names, values, "accuracy", low=low, high=high, notes=notes, title=title, percent=True, zero=False
    )

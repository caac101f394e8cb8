"""True against predicted classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.displays.heatmap import Heatmap


def confusion_matrix(matrix: NDArray[Any], *, class_names: Sequence[str], title: str = "Confusion matrix") -> Heatmap:
    """Images by true class (rows) and predicted class (columns), coloured by their share of the true class.

    matrix: whole numbers, classes x classes. A cell with no image stays empty.
    """
    counts = np.asarray(matrix).reshape(len(class_names), len(class_names))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return Heatmap(
        shares,
        class_names,
        class_names,
        "true class",
        "predicted class",
        "share of true class",
        texts=[[f"{count:,}" if count else "" for count in row] for row in counts.tolist()],
        title=title,
        value_format=".0%",
    )

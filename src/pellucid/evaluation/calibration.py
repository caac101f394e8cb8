"""Whether a model that says 80 % is right in 80 % of cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Calibration:
    """Images binned by confidence, the largest probability.

    edges: of the bins, one more than there are. confidence, accuracy: mean in each bin, 0 for an empty one. count:
    images in each. error: expected calibration error.
    """

    edges: tuple[float, ...]
    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]
    count: tuple[int, ...]
    error: float


def calibration(probabilities: NDArray[np.float64], labels: NDArray[np.int64], *, bins: int = 15) -> Calibration:
    """The expected calibration error of probabilities N x classes over bins of equal width.

        error = sum_b n_b / N * |accuracy_b - confidence_b|

    Source: Naeini, Cooper, Hauskrecht 2015 (naeini2015 in docs/bibliography.bib); 15 bins as in Guo et al. 2017
    (guo2017).
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    edges = np.linspace(0, 1, bins + 1)
    where = np.clip(np.digitize(confidence, edges[1:-1], right=True), 0, bins - 1)
    count = np.bincount(where, minlength=bins)
    some = np.maximum(count, 1)
    mean_confidence = np.bincount(where, weights=confidence, minlength=bins) / some
    mean_accuracy = np.bincount(where, weights=right, minlength=bins) / some
    error = float((count * np.abs(mean_accuracy - mean_confidence)).sum() / len(labels))
    return Calibration(
        edges=tuple(edges.tolist()),
        confidence=tuple(mean_confidence.tolist()),
        accuracy=tuple(mean_accuracy.tolist()),
        count=tuple(count.tolist()),
        error=error,
    )

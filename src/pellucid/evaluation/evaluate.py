"""What a model's logits are worth on labelled images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import DataError
from pellucid.evaluation.calibration import Calibration, calibration


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Numbers of one model on one split. Accuracies, precision, recall and F1 are fractions.

    loss: mean cross entropy in nats. top2_accuracy: the label is among the two largest logits. confusion: images by
    true class (rows) and predicted class (columns). A class never predicted has precision 0.
    """

    images: int
    accuracy: float
    top2_accuracy: float
    loss: float
    calibration: Calibration
    class_names: tuple[str, ...]
    precision: tuple[float, ...]
    recall: tuple[float, ...]
    f1: tuple[float, ...]
    support: tuple[int, ...]
    confusion: NDArray[np.int64]

    @property
    def interval(self) -> tuple[float, float]:
        """95 % of the accuracy over images like these, after Wilson 1927 (wilson1927 in docs/bibliography.bib)."""
        from scipy.stats import binomtest

        found = binomtest(int(np.trace(self.confusion)), self.images).proportion_ci(method="wilson")
        return float(found.low), float(found.high)

    def to_dict(self) -> dict[str, Any]:
        """Plain data; fractions unrounded."""
        return {
            "images": self.images,
            "accuracy": self.accuracy,
            "top2_accuracy": self.top2_accuracy,
            "loss": self.loss,
            "calibration_error": self.calibration.error,
            "per_class": [
                {"class": name, "precision": precision, "recall": recall, "f1": f1, "images": support}
                for name, precision, recall, f1, support in zip(
                    self.class_names, self.precision, self.recall, self.f1, self.support, strict=True
                )
            ],
            "confusion": self.confusion.tolist(),
        }


def evaluate(logits: NDArray[np.float32], labels: NDArray[np.int64], class_names: tuple[str, ...]) -> Evaluation:
    """Everything that can be said of logits N x classes for labels N.

    Raises DataError for an empty split.
    """
    if not len(labels):
        raise DataError("evaluation: expected at least one image, found an empty split. Give the split a size.")
    from scipy.special import log_softmax
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    classes = np.arange(len(class_names))
    predicted = logits.argmax(axis=1)
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=classes, zero_division=0.0
    )
    # logits larger than the label's own; a tie counts for the class with the smaller number, as argmax has it
    own = logits[np.arange(len(labels)), labels][:, None]
    rank = ((logits > own) | ((logits == own) & (classes < labels[:, None]))).sum(axis=1)
    log_probabilities = log_softmax(logits.astype(np.float64), axis=1)
    return Evaluation(
        images=len(labels),
        accuracy=float((predicted == labels).mean()),
        top2_accuracy=float((rank < 2).mean()),
        loss=float(-log_probabilities[np.arange(len(labels)), labels].mean()),
        calibration=calibration(np.exp(log_probabilities), labels),
        class_names=class_names,
        precision=tuple(map(float, precision)),
        recall=tuple(map(float, recall)),
        f1=tuple(map(float, f1)),
        support=tuple(map(int, support)),
        confusion=confusion_matrix(labels, predicted, labels=classes).astype(np.int64),
    )

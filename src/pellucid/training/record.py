"""What is known after an epoch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class EpochRecord:
    """One epoch's numbers, a pure function of the spec on one machine, build and thread count.

    epoch counts from 1, step over the whole run. Losses are the recipe's, without penalties, as means over images;
    accuracies fractions. The training numbers are those of the steps themselves, so they lag behind the weights and
    include dropout and augmentation. lr: of the epoch's last step. gradient_norm: mean L2 norm in every
    tenth step. Values of an empty split are None.
    """

    epoch: int
    step: int
    lr: float
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    test_loss: float | None
    test_accuracy: float | None
    gradient_norm: float

    def metric(self, name: str) -> float | None:
        """A value by its name, such as ``validation_accuracy``."""
        value: float | None = getattr(self, name)
        return value

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class EpochTiming:
    """How long an epoch took; measured, so kept apart from the record.

    seconds: training alone, the order of images included, without checkpoints. evaluation_seconds: the scores of
    validation and test after it.
    """

    epoch: int
    seconds: float
    evaluation_seconds: float
    images_per_second: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

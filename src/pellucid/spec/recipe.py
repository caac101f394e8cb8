"""How a network is trained, as data: loss, optimizer, schedule, augmentation and when to stop.

Option names are PyTorch's where it has one. One field, one option of the command line and one key of a spec file; the
`help` beside each is what the command line shows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pellucid.errors import UsageError, unknown_name
from pellucid.spec.augmentation import Augmentation

LOSSES = ("cross_entropy", "mse", "l1", "bce")
OPTIMIZERS = (
    "sgd", "rmsprop", "adam", "adamw", "adagrad", "muon", "muon_on_sphere", "rmsprop_printed", "adam_printed",
)  # fmt: skip
SCHEDULES = ("constant", "step", "cosine", "linear", "one_cycle", "plateau")
#: What early stopping, the best weights, the plateau schedule and the threshold can look at.
METRICS = tuple(f"{split}_{value}" for split in ("validation", "train", "test") for value in ("accuracy", "loss"))


def _option(default: Any, text: str, choices: tuple[str, ...] = (), *, later: bool = False) -> Any:
    """A field of the recipe. later: added since runs were first kept, and left out of their names at its default."""
    return field(default=default, metadata={"help": text, "choices": choices, **({"later": True} if later else {})})


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything about a training but the images, the network and the seed.

    Raises UsageError for a name that does not exist or a value outside its range.
    """

    epochs: int = _option(5, "passes over the training images, at most")
    batch_size: int = _option(64, "images a step")

    loss: str = _option(
        "cross_entropy", f"one of {', '.join(LOSSES)}; mse and l1 on probabilities, bce on logits", LOSSES
    )
    label_smoothing: float = _option(0.0, "share of each label spread over all classes (cross entropy)")
    l2: float = _option(0.0, "penalty on the loss: l2 / (2 * batch) * sum of squared weights, biases left out")

    optimizer: str = _option("adam", f"one of {', '.join(OPTIMIZERS)}", OPTIMIZERS)
    lr: float = _option(0.001, "learning rate; the highest one of one_cycle")
    momentum: float = _option(0.0, "momentum (sgd, rmsprop, rmsprop_printed, muon, muon_on_sphere)")
    nesterov: bool = _option(False, "Nesterov momentum (sgd, muon, muon_on_sphere)")
    betas: tuple[float, float] = _option(
        (0.9, 0.999),
        "decay of the gradient's mean and of its square (adam, adamw, adam_printed, muon, muon_on_sphere)",
    )
    alpha: float = _option(0.99, "decay of the squared gradient (rmsprop, rmsprop_printed)")
    eps: float = _option(1e-8, "added to the root of the squared gradient (adam, adamw, rmsprop, adagrad)")
    weight_decay: float = _option(
        0.0,
        "added to the gradient as weight_decay * weight; adamw and muon: shrinks the weights by lr * weight_decay; "
        "muon_on_sphere: those that AdamW trains",
    )

    schedule: str = _option("constant", f"learning rate over time: one of {', '.join(SCHEDULES)}", SCHEDULES)
    step_size: int = _option(10, "epochs between two drops (schedule step)")
    gamma: float = _option(0.1, "factor of each drop (schedule step)")
    min_lr: float = _option(0.0, "lowest learning rate (schedules cosine, linear and plateau)")
    pct_start: float = _option(0.3, "share of the steps in which the rate rises (one_cycle)")
    div_factor: float = _option(25.0, "the first rate is lr / div_factor (one_cycle)")
    final_div_factor: float = _option(1e4, "the last rate is the first / final_div_factor (one_cycle)")
    plateau_factor: float = _option(0.1, "factor of each drop (plateau)")
    plateau_patience: int = _option(5, "epochs without improvement before a drop (plateau)")

    monitor: str = _option(
        "validation_accuracy", "metric that chooses the best weights, stops early and finds plateaus", METRICS
    )
    min_delta: float = _option(0.0, "smallest change of the monitored metric that counts as improvement")
    patience: int | None = _option(None, "stop after this many epochs without improvement")
    stop_at: float | None = _option(None, "stop when stop_metric reaches this value, for instance 0.99")
    stop_metric: str = _option("validation_accuracy", "metric of stop_at", METRICS)
    time_budget: float | None = _option(None, "stop after this many seconds of training")

    progressive_size: int = _option(
        0, "pixels on the shorter side of the images of the first epochs, made smaller; 0 for none", later=True
    )
    progressive_share: float = _option(
        0.4, "share of the epochs, rounded down, with smaller images (progressive_size)", later=True
    )
    whitening_epochs: int | None = _option(
        None, "train the bias behind a whitening layer in this many epochs, then no more", later=True
    )

    augmentation: Augmentation = field(default_factory=Augmentation)

    def side(self, epoch: int) -> int:
        """`progressive_size` in the epochs, from 1, of smaller images; 0 in the others."""
        return self.progressive_size if epoch <= int(self.progressive_share * self.epochs + 1e-9) else 0

    def trains_whitening(self, epoch: int) -> bool:
        """Whether the bias behind a whitening layer is trained in an epoch, from 1."""
        return self.whitening_epochs is None or epoch <= self.whitening_epochs

    def __post_init__(self) -> None:
        for kind, name, valid in (
            ("loss", self.loss, LOSSES),
            ("optimizer", self.optimizer, OPTIMIZERS),
            ("schedule", self.schedule, SCHEDULES),
            ("metric", self.monitor, METRICS),
            ("metric", self.stop_metric, METRICS),
        ):
            if name not in valid:
                raise unknown_name(kind, name, valid)
        object.__setattr__(self, "betas", tuple(self.betas))
        for what in ("epochs", "batch_size", "step_size"):
            value = getattr(self, what)
            _require(what, value, type(value) is int and value >= 1, "a whole number of 1 or more")
        for what in ("plateau_patience", "progressive_size"):
            value = getattr(self, what)
            _require(what, value, type(value) is int and value >= 0, "a whole number of 0 or more")
        for what, least in (("patience", 1), ("whitening_epochs", 0)):
            some = getattr(self, what)
            holds = some is None or (type(some) is int and some >= least)
            _require(what, some, holds, f"a whole number of {least} or more")
        share = self.progressive_share
        _require("progressive_share", share, 0 <= share <= 1, "a number from 0 to 1")
        for what in ("lr", "eps", "div_factor", "final_div_factor"):
            _require(what, getattr(self, what), getattr(self, what) > 0, "a number above 0")
        for what in ("l2", "weight_decay", "min_lr", "min_delta"):
            _require(what, getattr(self, what), getattr(self, what) >= 0, "a number of 0 or more")
        for what in ("momentum", "alpha", "label_smoothing"):
            _require(what, getattr(self, what), 0 <= getattr(self, what) < 1, "a number from 0 to below 1")
        _require(
            "betas",
            self.betas,
            len(self.betas) == 2 and all(0 <= b < 1 for b in self.betas),
            "two numbers, 0 to below 1",
        )
        for what in ("gamma", "plateau_factor"):
            _require(what, getattr(self, what), 0 < getattr(self, what) <= 1, "a number above 0, at most 1")
        _require("pct_start", self.pct_start, 0 < self.pct_start < 1, "a number between 0 and 1")
        _require(
            "time_budget", self.time_budget, self.time_budget is None or self.time_budget > 0, "a number above 0"
        )
        in_share = self.stop_at is not None and self.stop_metric.endswith("accuracy")
        _require(
            "stop_at", self.stop_at, not in_share or 0 < (self.stop_at or 0) <= 1, "a share such as 0.99, at most 1"
        )
        falls = self.schedule in ("cosine", "linear", "plateau")
        _require("min_lr", self.min_lr, not falls or self.min_lr <= self.lr, f"at most lr, {self.lr:g}")
        _require(
            "label_smoothing",
            self.label_smoothing,
            not self.label_smoothing or self.loss == "cross_entropy",
            "0 unless the loss is cross_entropy",
        )
        _require(
            "nesterov", self.nesterov, not self.nesterov or self.momentum > 0, "a momentum above 0 with nesterov"
        )


def _require(name: str, value: object, holds: bool, expected: str) -> None:
    if not holds:
        raise UsageError(f"{name}: expected {expected}, found {value!r}.")


def higher_is_better(metric: str) -> bool:
    """Whether a larger value of a metric of `METRICS` is the better one."""
    return metric.endswith("accuracy")

"""The training loop: steps, then scores, one record an epoch. Knows neither files nor terminals."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pellucid.engines.engine import Trainer
from pellucid.errors import DivergedError
from pellucid.images import Images, Splits
from pellucid.spec.recipe import Recipe
from pellucid.training.record import EpochRecord, EpochTiming
from pellucid.training.schedules import learning_rate
from pellucid.training.stopping import stop_reason


@dataclass
class Progress:
    """How far a training is; `fit` moves it on, a checkpoint keeps it.

    done: steps done of the current epoch. seconds: of training in the epochs before. epoch_seconds: in this one.
    """

    records: list[EpochRecord] = field(default_factory=list)
    done: int = 0
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    lr: float = 0.0

    @property
    def epoch(self) -> int:
        """The epoch in work, from 1."""
        return len(self.records) + 1


def fit(
    trainer: Trainer,
    splits: Splits,
    recipe: Recipe,
    progress: Progress | None = None,
    *,
    on_step: Callable[[Progress], None] | None = None,
) -> Iterator[tuple[EpochRecord, EpochTiming]]:
    """Trains until the recipe says stop; yields the record and the timing of each epoch as it ends.

    progress: where to go on (the trainer has the state that belongs to it); a new one begins. on_step is called after
    every step and may raise to leave.

    Raises DivergedError within the epoch when a loss is not finite, with epoch, step, learning rate and what to try.
    """
    progress = progress or Progress()
    while stop_reason(recipe, progress.records, progress.seconds) is None:
        epoch, steps = progress.epoch, trainer.steps_per_epoch
        start = time.perf_counter()
        if progress.done == 0:
            trainer.begin_epoch(epoch)
        progress.epoch_seconds += time.perf_counter() - start
        try:
            _epoch_steps(trainer, recipe, progress, on_step)
            start = time.perf_counter()
            totals = trainer.totals()  # waits for steps that an accelerator was only given
            progress.epoch_seconds += time.perf_counter() - start
            start = time.perf_counter()
            validation, test = (_score(trainer, images) for images in (splits.validation, splits.test))
        except DivergedError as error:
            lr = progress.lr
            if error.step is not None:  # losses are looked at together, some steps after the one to blame
                lr = learning_rate(recipe, (epoch - 1) * steps + error.step - 1, steps, progress.records)
            raise DivergedError(f"{error}, learning rate {lr:.3g}. {_ADVICE}", error.step) from None
        record = EpochRecord(
            epoch=epoch,
            step=(epoch - 1) * steps + progress.done,
            lr=progress.lr,
            train_loss=totals.loss,
            train_accuracy=totals.accuracy,
            validation_loss=validation[0],
            validation_accuracy=validation[1],
            test_loss=test[0],
            test_accuracy=test[1],
            gradient_norm=totals.gradient_norm,
        )
        looked_at = (record.validation_loss or 0.0, record.test_loss or 0.0, record.gradient_norm)
        if not all(math.isfinite(value) for value in looked_at):
            raise DivergedError(
                f"epoch {epoch}, step {progress.done}: the loss on the validation images is "
                f"{record.validation_loss}, on the test images {record.test_loss}, the gradient's norm "
                f"{record.gradient_norm:.3g}, learning rate {progress.lr:.3g}. {_ADVICE}"
            )
        timing = EpochTiming(
            epoch=epoch,
            seconds=progress.epoch_seconds,
            evaluation_seconds=time.perf_counter() - start,
            images_per_second=totals.images / progress.epoch_seconds,
        )
        progress.records.append(record)
        progress.seconds += progress.epoch_seconds
        progress.done, progress.epoch_seconds = 0, 0.0
        yield record, timing


_ADVICE = (
    "Try a learning rate ten times lower (--lr), a schedule that begins low (--schedule one_cycle), batch norm in "
    "the network, or --precision fp32."
)


def _epoch_steps(
    trainer: Trainer, recipe: Recipe, progress: Progress, on_step: Callable[[Progress], None] | None
) -> None:
    """The epoch's remaining steps, or fewer where the time budget ends. on_step is outside the clock."""
    steps, before = trainer.steps_per_epoch, (progress.epoch - 1) * trainer.steps_per_epoch
    for index in range(progress.done, steps):
        start = time.perf_counter()
        progress.lr = learning_rate(recipe, before + index, steps, progress.records)
        trainer.step(index, progress.lr)
        progress.done = index + 1
        progress.epoch_seconds += time.perf_counter() - start
        if on_step is not None:
            on_step(progress)
        if recipe.time_budget is not None and progress.seconds + progress.epoch_seconds >= recipe.time_budget:
            return


def _score(trainer: Trainer, images: Images) -> tuple[float | None, float | None]:
    if not len(images):
        return None, None
    score = trainer.score(images)
    return score.loss, score.accuracy

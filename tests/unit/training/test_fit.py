"""The training loop around an engine that only remembers what it was asked."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pellucid.engines.engine import Score, Totals
from pellucid.errors import DivergedError
from pellucid.images import Images, Scaling, Splits
from pellucid.spec import Recipe
from pellucid.training import fit as module
from pellucid.training.fit import Progress, fit
from pellucid.training.record import EpochRecord
from pellucid.training.schedules import learning_rate


def images(count: int) -> Images:
    return Images(np.zeros((count, 4, 4, 1), np.uint8), np.zeros(count, np.int64), ("a", "b"))


SPLITS = Splits(images(8), images(3), images(2), Scaling.unit(1))
ADVICE = (
    "Try a learning rate ten times lower (--lr), a schedule that begins low (--schedule one_cycle), batch norm in "
    "the network, or --precision fp32."
)


class Remembering:
    """An engine's trainer in which nothing happens: losses 0.5, accuracies of validation as given."""

    steps_per_epoch = 4

    def __init__(self, accuracies: tuple[float, ...] = (), loss: float = 0.5, fails_at: int | None = None) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.accuracies, self.loss, self.fails_at = list(accuracies), loss, fails_at

    def begin_epoch(self, epoch: int) -> None:
        self.calls.append(("begin", epoch))

    def step(self, index: int, lr: float) -> None:
        self.calls.append(("step", index, lr))
        if index == self.fails_at:
            raise DivergedError(f"epoch 1, step {index + 1}: the loss is nan")

    def totals(self) -> Totals:
        return Totals(images=8, loss=0.25, accuracy=0.75, gradient_norm=2.0)

    def score(self, of: Images) -> Score:
        self.calls.append(("score", len(of)))
        return Score(self.loss, self.accuracies.pop(0) if self.accuracies and len(of) == 3 else 0.5)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock takes one second."""
    ticks = iter(range(10**6))
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: float(next(ticks))))


def steps(calls: list[tuple[Any, ...]]) -> list[int]:
    return [call[1] for call in calls if call[0] == "step"]


def test_an_epoch_is_its_steps_then_the_scores_of_validation_and_test() -> None:
    trainer = Remembering()
    ((record, timing),) = fit(trainer, SPLITS, Recipe(epochs=1, lr=0.1))  # type: ignore[arg-type]
    assert trainer.calls == [
        ("begin", 1),
        ("step", 0, 0.1),
        ("step", 1, 0.1),
        ("step", 2, 0.1),
        ("step", 3, 0.1),
        ("score", 3),
        ("score", 2),
    ]
    assert record == EpochRecord(
        epoch=1,
        step=4,
        lr=0.1,
        train_loss=0.25,
        train_accuracy=0.75,
        validation_loss=0.5,
        validation_accuracy=0.5,
        test_loss=0.5,
        test_accuracy=0.5,
        gradient_norm=2.0,
    )
    assert timing.epoch == 1
    assert timing.images_per_second == pytest.approx(8 / timing.seconds)


def test_splits_without_images_have_no_score() -> None:
    trainer = Remembering()
    none = replace(SPLITS, validation=images(0), test=images(0))
    ((record, _),) = fit(trainer, none, Recipe(epochs=1))  # type: ignore[arg-type]
    assert (record.validation_loss, record.validation_accuracy, record.test_loss, record.test_accuracy) == (None,) * 4
    assert not any(call[0] == "score" for call in trainer.calls)


def test_the_schedule_sees_the_step_of_the_whole_run_and_the_epochs_before() -> None:
    trainer = Remembering()
    list(fit(trainer, SPLITS, Recipe(epochs=3, lr=1.0, schedule="step", step_size=1, gamma=0.1)))  # type: ignore[arg-type]
    assert [call[2] for call in trainer.calls if call[0] == "step"] == pytest.approx(
        [1.0] * 4 + [0.1] * 4 + [0.01] * 4
    )
    trainer = Remembering((0.9, 0.8, 0.7))
    list(fit(trainer, SPLITS, Recipe(epochs=3, lr=1.0, schedule="plateau", plateau_patience=0)))  # type: ignore[arg-type]
    assert [call[2] for call in trainer.calls if call[0] == "step"] == pytest.approx([1.0] * 8 + [0.1] * 4)


def test_it_stops_for_want_of_patience() -> None:
    trainer = Remembering((0.5, 0.6, 0.6, 0.6, 0.9))
    records = [record for record, _ in fit(trainer, SPLITS, Recipe(epochs=9, patience=2))]  # type: ignore[arg-type]
    assert [record.validation_accuracy for record in records] == [0.5, 0.6, 0.6, 0.6]


def test_it_goes_on_where_the_progress_says() -> None:
    recipe = Recipe(epochs=2, lr=1.0, schedule="cosine")
    whole = Remembering()
    (first, _), (last, _) = fit(whole, SPLITS, recipe)  # type: ignore[arg-type]
    rest = Remembering()
    progress = Progress(records=[first], done=2, seconds=5.0, epoch_seconds=1.0)
    ((again, timing),) = fit(rest, SPLITS, recipe, progress)  # type: ignore[arg-type]
    assert again == last
    assert rest.calls == whole.calls[-4:]  # no second beginning, which would forget the totals
    assert timing.seconds >= 1.0
    assert progress.records == [first, last]
    assert progress.seconds == 5.0 + timing.seconds
    assert (progress.done, progress.epoch_seconds, progress.epoch) == (0, 0.0, 3)


def test_a_run_that_is_done_does_nothing() -> None:
    (done,) = (record for record, _ in fit(Remembering(), SPLITS, Recipe(epochs=1)))  # type: ignore[arg-type]
    trainer = Remembering()
    assert list(fit(trainer, SPLITS, Recipe(epochs=1), Progress(records=[done]))) == []  # type: ignore[arg-type]
    assert trainer.calls == []


def test_whoever_watches_sees_each_step_and_may_leave() -> None:
    seen: list[tuple[int, int]] = []

    def watch(progress: Progress) -> None:
        seen.append((progress.epoch, progress.done))
        if len(seen) == 6:
            raise KeyboardInterrupt

    progress, trainer = Progress(), Remembering()
    with pytest.raises(KeyboardInterrupt):
        list(fit(trainer, SPLITS, Recipe(epochs=3), progress, on_step=watch))  # type: ignore[arg-type]
    assert seen == [(1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2)]
    assert (progress.epoch, progress.done) == (2, 2)


def test_a_time_budget_ends_within_the_epoch_which_is_still_scored(clock: None) -> None:
    trainer = Remembering()
    records = list(fit(trainer, SPLITS, Recipe(epochs=9, time_budget=9.0)))  # type: ignore[arg-type]
    assert steps(trainer.calls) == [0, 1, 2, 3, 0, 1]
    assert [record.step for record, _ in records] == [4, 6]
    assert [timing.seconds for _, timing in records] == [6.0, 4.0], "with the order of images and the last wait"


def test_a_training_loss_that_is_not_finite_is_told_with_the_rate_and_what_to_try() -> None:
    trainer = Remembering(fails_at=2)
    with pytest.raises(DivergedError) as caught:
        list(fit(trainer, SPLITS, Recipe(epochs=1, lr=0.5)))  # type: ignore[arg-type]
    assert str(caught.value) == f"epoch 1, step 3: the loss is nan, learning rate 0.5. {ADVICE}"
    assert steps(trainer.calls) == [0, 1, 2]


def test_the_rate_that_is_told_is_that_of_the_step_to_blame() -> None:
    class Late(Remembering):
        def step(self, index: int, lr: float) -> None:
            super().step(index, lr)
            if index == 3:
                raise DivergedError("epoch 1, step 2: the loss is nan", 2)

    recipe = Recipe(epochs=1, lr=0.5, schedule="cosine")
    with pytest.raises(DivergedError, match=f"learning rate {learning_rate(recipe, 1, 4, []):.3g}") as caught:
        list(fit(Late(), SPLITS, recipe))  # type: ignore[arg-type]
    assert caught.value.step == 2


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_validation_loss_that_is_not_finite_is_told_too(loss: float) -> None:
    progress = Progress()
    with pytest.raises(DivergedError) as caught:
        list(fit(Remembering(loss=loss), SPLITS, Recipe(epochs=1, lr=0.5), progress))  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"epoch 1, step 4: the loss on the validation images is {loss}, on the test images {loss}, "
        f"the gradient's norm 2, learning rate 0.5. {ADVICE}"
    )
    assert progress.records == []

"""Learning rates step by step against PyTorch's schedulers; when a training stops."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from pellucid.spec import Recipe
from pellucid.spec.recipe import SCHEDULES
from pellucid.training.record import EpochRecord
from pellucid.training.schedules import learning_rate
from pellucid.training.stopping import best_epoch, stop_reason

STEPS = 7


def record(epoch: int, accuracy: float | None, loss: float = 1.0) -> EpochRecord:
    return EpochRecord(epoch, epoch * STEPS, 0.1, 1.0, 0.5, loss, accuracy, None, None, 1.0)


@pytest.mark.filterwarnings("ignore:Detected call of")
@pytest.mark.parametrize(
    ("options", "theirs", "by_epoch"),
    [
        ({"schedule": "constant"}, lambda o: lr_scheduler.ConstantLR(o, 1.0), False),
        ({"schedule": "step", "step_size": 2, "gamma": 0.3}, lambda o: lr_scheduler.StepLR(o, 2, 0.3), True),
        (
            {"schedule": "cosine", "min_lr": 0.01},
            lambda o: lr_scheduler.CosineAnnealingLR(o, 5 * STEPS, 0.01),
            False,
        ),
        ({"schedule": "linear"}, lambda o: lr_scheduler.PolynomialLR(o, 5 * STEPS, 1.0), False),
        (
            {"schedule": "one_cycle", "pct_start": 0.4, "div_factor": 10.0, "final_div_factor": 100.0},
            lambda o: lr_scheduler.OneCycleLR(
                o, 0.5, 5 * STEPS, pct_start=0.4, div_factor=10, final_div_factor=100, cycle_momentum=False
            ),
            False,
        ),
    ],
    ids=["constant", "step", "cosine", "linear", "one_cycle"],
)
def test_a_schedule_is_pytorchs(options: dict[str, Any], theirs: Any, by_epoch: bool) -> None:
    recipe = Recipe(lr=0.5, epochs=5, **options)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    scheduler = theirs(optimizer)
    for step in range(5 * STEPS):
        assert learning_rate(recipe, step, STEPS, []) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        if step < 5 * STEPS - 1 and (not by_epoch or step % STEPS == STEPS - 1):
            scheduler.step()


def test_plateau_is_pytorchs() -> None:
    recipe = Recipe(
        lr=0.5, schedule="plateau", plateau_patience=1, plateau_factor=0.1, min_lr=0.002, min_delta=0.01, epochs=20
    )
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    scheduler = lr_scheduler.ReduceLROnPlateau(
        optimizer, "max", 0.1, 1, threshold=0.01, threshold_mode="abs", min_lr=0.002
    )
    records: list[EpochRecord] = []
    for epoch, accuracy in enumerate([0.5, 0.505, 0.509, 0.52, 0.52, 0.1, 0.2, 0.3, 0.4, 0.6, 0.6, 0.6, 0.6], 1):
        records.append(record(epoch, accuracy))
        scheduler.step(accuracy)
        assert learning_rate(recipe, epoch * STEPS, STEPS, records) == pytest.approx(optimizer.param_groups[0]["lr"])


def test_plateau_watches_a_loss_fall() -> None:
    recipe = Recipe(lr=0.5, schedule="plateau", monitor="validation_loss", plateau_patience=0, min_delta=0.05)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, "min", 0.1, 0, threshold=0.05, threshold_mode="abs")
    records: list[EpochRecord] = []
    for epoch, loss in enumerate([1.0, 0.9, 0.88, 0.84, 0.7, 2.0], 1):
        records.append(record(epoch, 0.5, loss))
        scheduler.step(loss)
        assert learning_rate(recipe, epoch * STEPS, STEPS, records) == pytest.approx(optimizer.param_groups[0]["lr"])


@pytest.mark.filterwarnings("ignore:Detected call of")
@given(st.integers(2, 40), st.floats(0.05, 0.95), st.floats(1.5, 50), st.floats(1.5, 1e4))
def test_one_cycle_is_pytorchs_for_any_length(steps: int, start: float, div: float, final: float) -> None:
    # PyTorch's rise ends before its first step where there are too few; ours is then at the top at once
    assume(start * steps > 1.01 and start * steps < steps - 0.01)
    recipe = Recipe(lr=0.5, epochs=1, schedule="one_cycle", pct_start=start, div_factor=div, final_div_factor=final)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    scheduler = lr_scheduler.OneCycleLR(
        optimizer, 0.5, steps, pct_start=start, div_factor=div, final_div_factor=final, cycle_momentum=False
    )
    optimizer.step()
    for step in range(steps):
        assert learning_rate(recipe, step, steps, []) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-6)
        if step < steps - 1:
            scheduler.step()


@given(st.sampled_from(SCHEDULES), st.integers(1, 6), st.integers(1, 6), st.floats(0.01, 0.99), st.floats(1e-5, 1.0))
def test_any_schedule_stays_positive_and_below_the_recipes_rate(
    schedule: str, epochs: int, steps: int, start: float, lr: float
) -> None:
    recipe = Recipe(lr=lr, epochs=epochs, schedule=schedule, pct_start=start, min_lr=lr / 100)
    records = [record(epoch, 0.5) for epoch in range(1, epochs)]
    for step in range(epochs * steps):
        rate = learning_rate(recipe, step, steps, records[: step // steps])
        assert 0 < rate <= lr * (1 + 1e-12)


def test_the_last_step_of_one_cycle_and_the_first_of_cosine_are_at_their_ends() -> None:
    one = Recipe(lr=0.5, epochs=2, schedule="one_cycle", div_factor=10.0, final_div_factor=100.0)
    assert learning_rate(one, 0, STEPS, []) == pytest.approx(0.05)
    assert learning_rate(one, 2 * STEPS - 1, STEPS, []) == pytest.approx(0.0005)
    assert learning_rate(Recipe(lr=0.5, schedule="cosine"), 0, STEPS, []) == 0.5
    line = Recipe(lr=0.5, min_lr=0.1, epochs=2, schedule="linear")
    assert [learning_rate(line, step, STEPS, []) for step in (0, STEPS)] == pytest.approx([0.5, 0.3])


def test_without_validation_images_nothing_is_known_to_have_stalled() -> None:
    records = [record(epoch, None) for epoch in range(1, 5)]
    assert stop_reason(Recipe(patience=2, epochs=9), records, 0.0) is None
    plateau = Recipe(lr=0.5, schedule="plateau", plateau_patience=0)
    assert learning_rate(plateau, 4 * STEPS, STEPS, records) == 0.5
    assert stop_reason(Recipe(stop_at=0.5, epochs=9), records, 0.0) is None


def test_early_stopping_can_watch_a_loss_and_counts_anew_after_an_improvement() -> None:
    recipe = Recipe(patience=2, monitor="validation_loss", epochs=20)
    losses = [1.0, 1.1, 0.9, 0.9, 0.8, 0.8, 0.85]
    reasons = [
        stop_reason(recipe, [record(epoch, 0.5, loss) for epoch, loss in enumerate(losses[:n], 1)], 0.0)
        for n in range(len(losses) + 1)
    ]
    assert reasons == [None] * 7 + ["validation_loss did not improve for 2 epochs (patience 2)"]


def test_a_change_of_exactly_min_delta_is_no_improvement() -> None:
    recipe = Recipe(patience=1, min_delta=0.25, epochs=20)
    assert stop_reason(recipe, [record(1, 0.25), record(2, 0.5)], 0.0) is not None
    assert stop_reason(recipe, [record(1, 0.25), record(2, 0.51)], 0.0) is None


def test_early_stopping_waits_for_patience_epochs_without_improvement_by_min_delta() -> None:
    recipe = Recipe(patience=2, min_delta=0.01, epochs=20)
    records = [record(1, 0.5), record(2, 0.505)]
    assert stop_reason(recipe, records, 0.0) is None
    records.append(record(3, 0.509))
    assert stop_reason(recipe, records, 0.0) == "validation_accuracy did not improve for 2 epochs (patience 2)"


def test_a_threshold_a_budget_and_the_epochs_stop() -> None:
    assert "reached 0.9900" in str(stop_reason(Recipe(stop_at=0.99), [record(1, 0.99)], 0.0))
    assert stop_reason(Recipe(stop_at=0.99), [record(1, 0.98)], 0.0) is None
    low = Recipe(stop_at=0.5, stop_metric="validation_loss")
    assert "reached 0.4000" in str(stop_reason(low, [record(1, 0.1, loss=0.4)], 0.0))
    assert "time_budget 3" in str(stop_reason(Recipe(time_budget=3.0), [record(1, 0.5)], 3.5))
    assert stop_reason(Recipe(epochs=2), [record(1, 0.5), record(2, 0.5)], 0.0) == "2 epochs"


def test_the_best_epoch_is_the_first_of_the_best_and_the_last_without_validation() -> None:
    assert best_epoch(Recipe(), [record(1, 0.5), record(2, 0.7), record(3, 0.7)]) == 2
    by_loss = Recipe(monitor="validation_loss")
    assert best_epoch(by_loss, [record(1, 0.5, 0.9), record(2, 0.7, 0.3), record(3, 0.9, 0.4)]) == 2
    assert best_epoch(Recipe(), [record(1, None), record(2, None)]) == 2
    assert best_epoch(Recipe(), []) is None

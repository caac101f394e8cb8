"""Learning rates step by step against PyTorch's schedulers; when a training stops."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

from pellucid.spec import Recipe
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
        (
            {"schedule": "one_cycle", "pct_start": 0.4, "div_factor": 10.0, "final_div_factor": 100.0},
            lambda o: lr_scheduler.OneCycleLR(
                o, 0.5, 5 * STEPS, pct_start=0.4, div_factor=10, final_div_factor=100, cycle_momentum=False
            ),
            False,
        ),
    ],
    ids=["constant", "step", "cosine", "one_cycle"],
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

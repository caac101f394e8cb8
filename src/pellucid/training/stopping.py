"""When a training ends, and which epoch was its best: pure functions of the records so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pellucid.spec.recipe import Recipe, higher_is_better
from pellucid.training.record import EpochRecord


def improvements(recipe: Recipe, records: Sequence[EpochRecord]) -> Iterator[bool]:
    """For each epoch, whether the monitored metric became better than ever by more than min_delta.

    Epochs that have no value of it, for want of validation images, are passed over: nothing is known of them.
    """
    sign = 1 if higher_is_better(recipe.monitor) else -1
    best: float | None = None
    for record in records:
        value = record.metric(recipe.monitor)
        if value is None:
            continue
        improved = best is None or sign * (value - best) > recipe.min_delta
        if improved:
            best = value
        yield improved


def best_epoch(recipe: Recipe, records: Sequence[EpochRecord]) -> int | None:
    """The first epoch with the best monitored value; without validation images, the last epoch."""
    known = [(record.metric(recipe.monitor), record.epoch) for record in records]
    values = [(value, epoch) for value, epoch in known if value is not None]
    if not values:
        return records[-1].epoch if records else None
    sign = 1 if higher_is_better(recipe.monitor) else -1
    return max(values, key=lambda pair: (sign * pair[0], -pair[1]))[1]


def may_end_early(recipe: Recipe) -> bool:
    """Whether a training may be over before its last epoch, other than by diverging."""
    return recipe.stop_at is not None or recipe.patience is not None or recipe.time_budget is not None


def stop_reason(recipe: Recipe, records: Sequence[EpochRecord], seconds: float) -> str | None:
    """Why the training is over after `records` and `seconds` of training, in words; None to go on."""
    if not records:
        return None
    last = records[-1]
    if recipe.stop_at is not None and _reached(recipe, last):
        value = last.metric(recipe.stop_metric)
        return f"{recipe.stop_metric} reached {value:.4f} (stop_at {recipe.stop_at}) after epoch {last.epoch}"
    if recipe.patience is not None:
        waited = 0
        for improved in improvements(recipe, records):
            waited = 0 if improved else waited + 1
        if waited >= recipe.patience:
            return f"{recipe.monitor} did not improve for {waited} epochs (patience {recipe.patience})"
    if recipe.time_budget is not None and seconds >= recipe.time_budget:
        return f"{seconds:.1f} s of training (time_budget {recipe.time_budget:g})"
    if last.epoch >= recipe.epochs:
        return "1 epoch" if recipe.epochs == 1 else f"{recipe.epochs} epochs"
    return None


def _reached(recipe: Recipe, record: EpochRecord) -> bool:
    value = record.metric(recipe.stop_metric)
    if value is None or recipe.stop_at is None:
        return False
    return value >= recipe.stop_at if higher_is_better(recipe.stop_metric) else value <= recipe.stop_at

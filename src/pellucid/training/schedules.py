"""The learning rate of each step, a pure function of the recipe, the step and the epochs before.

With T steps in all, step t from 0, epoch e from 1:

    constant    lr
    step        lr * gamma^floor((e - 1) / step_size)
    cosine      min_lr + (lr - min_lr) * (1 + cos(pi * t / T)) / 2                  (Loshchilov and Hutter 2017)
    linear      lr + (min_lr - lr) * t / T
    one_cycle   lr / div_factor rises to lr over pct_start of the steps, then falls to
                lr / div_factor / final_div_factor, both along half a cosine        (Smith and Topin 2018)
    plateau     lr * plateau_factor^drops, at least min_lr; a drop after more than plateau_patience epochs
                without improvement of the monitored metric                         (PyTorch's ReduceLROnPlateau)
"""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi

from pellucid.spec.recipe import Recipe
from pellucid.training.record import EpochRecord
from pellucid.training.stopping import improvements

#: Schedules whose every rate depends on the number of epochs: a run of more epochs is another from its first step.
OVER_ALL_EPOCHS = ("cosine", "linear", "one_cycle")


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int, records: Sequence[EpochRecord]) -> float:
    """The rate of `step` (from 0, over the whole run), after the epochs in `records`."""
    total = recipe.epochs * steps_per_epoch
    match recipe.schedule:
        case "step":
            return recipe.lr * recipe.gamma ** (step // steps_per_epoch // recipe.step_size)
        case "cosine":
            return _between(recipe.lr, recipe.min_lr, step / total)
        case "linear":
            return recipe.lr + (recipe.min_lr - recipe.lr) * step / total
        case "one_cycle":
            return _one_cycle(recipe, step, total)
        case "plateau":
            return max(recipe.lr * recipe.plateau_factor ** plateau_drops(recipe, records), recipe.min_lr)
        case _:
            return recipe.lr


def _between(start: float, end: float, share: float) -> float:
    """From `start` to `end` along half a cosine."""
    return end + (start - end) * (1 + cos(pi * share)) / 2


def _one_cycle(recipe: Recipe, step: int, total: int) -> float:
    first = recipe.lr / recipe.div_factor
    peak, last = recipe.pct_start * total - 1, total - 1
    if step <= peak:
        return _between(first, recipe.lr, step / peak if peak > 0 else 1.0)
    return _between(recipe.lr, first / recipe.final_div_factor, (step - peak) / (last - peak) if last > peak else 1.0)


def plateau_drops(recipe: Recipe, records: Sequence[EpochRecord]) -> int:
    """How often the plateau schedule has lowered the rate after `records`."""
    drops = waited = 0
    for improved in improvements(recipe, records):
        waited = 0 if improved else waited + 1
        if waited > recipe.plateau_patience:
            drops, waited = drops + 1, 0
    return drops

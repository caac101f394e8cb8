"""Every optimizer against its formula, written here in float64, over 20 steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from optimizer_formulas import (
    CASES,
    OF_MATRICES,
    Array,
    State,
    adam,
    adam_printed,
    adamw,
    rmsprop,
    rmsprop_printed,
)
from torch import nn

from pellucid.engines.pytorch.optimizers import Muon, optimizers, orthogonalised
from pellucid.spec import Recipe

STEPS = 20
#: A vector, a matrix and filters, wide and tall.
SHAPES = [(7,), (5, 6), (4, 3, 2, 2), (14, 2, 2, 2)]
SHAPE = SHAPES[2]


class Held(nn.Module):
    """Weights to train and a last matrix, which muon leaves to AdamW."""

    def __init__(self, values: list[Array], kind: torch.dtype) -> None:
        super().__init__()
        self.weights = nn.ParameterList([torch.tensor(value, dtype=kind) for value in values])
        self.last = nn.Linear(2, 2, bias=False, dtype=kind)


# float32, in which weights are trained, rounds each step by 6e-8 of a weight: 1e-6 of it over 20 steps.
@pytest.mark.parametrize(
    ("kind", "layout"),
    [(torch.float64, torch.contiguous_format), (torch.float32, torch.channels_last)],
    ids=["double", "single"],
)
@pytest.mark.parametrize("decay", [0.0, 0.1], ids=["", "decay"])
@pytest.mark.parametrize(
    ("formula", "options"), CASES, ids=lambda value: getattr(value, "__name__", None) or str(value)
)
def test_twenty_steps_follow_the_formula(
    formula: Callable[..., Array],
    options: dict[str, object],
    decay: float,
    kind: torch.dtype,
    layout: torch.memory_format,
) -> None:
    recipe = Recipe(optimizer=formula.__name__, lr=0.01, weight_decay=decay, **options)  # type: ignore[arg-type]
    generator = np.random.default_rng(0)
    xs = [generator.standard_normal(shape) for shape in SHAPES]
    held = Held(xs, kind)
    held.to(memory_format=layout)  # type: ignore[call-overload]
    trained, states = optimizers(recipe, held), [State() for _ in xs]
    for t in range(1, STEPS + 1):
        rated = replace(recipe, lr=recipe.lr * (1 + t % 3))  # rates change from step to step
        gs = [generator.standard_normal(shape) for shape in SHAPES]
        for parameter, g in zip(held.weights, gs, strict=True):
            parameter.grad = torch.empty_like(parameter).copy_(torch.from_numpy(g))
        held.last.weight.grad = torch.zeros_like(held.last.weight)
        for optimizer in trained:
            for group in optimizer.param_groups:
                group["lr"] = rated.lr
            optimizer.step()
        rules = [adamw if formula in OF_MATRICES and x.ndim == 1 else formula for x in xs]
        xs = [rule(rated, x, g, s, t) for rule, x, g, s in zip(rules, xs, gs, states, strict=True)]
        for parameter, x in zip(held.weights, xs, strict=True):
            np.testing.assert_allclose(parameter.detach().numpy(), x, rtol=1e-6, atol=1e-6)


def test_the_printed_forms_are_not_pytorchs() -> None:
    generator = np.random.default_rng(0)
    x, g = generator.standard_normal(SHAPE), generator.standard_normal(SHAPE)
    for printed, usual in ((adam_printed, adam), (rmsprop_printed, rmsprop)):
        recipe = Recipe(lr=0.01, eps=1e-2, momentum=0.9)
        ours, theirs, one, two = x, x, {}, {}
        for t in (1, 2):
            recipe_t = Recipe(lr=0.01 / t, eps=1e-2, momentum=0.9) if printed is rmsprop_printed else recipe
            ours, theirs = printed(recipe_t, ours, g, one, t), usual(recipe_t, theirs, g, two, t)
        assert np.abs(ours - theirs).max() > 1e-5


def test_muon_trains_matrices_and_leaves_vectors_and_the_last_layer_to_adamw() -> None:
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(4, 5), nn.Linear(5, 2))
    first, second = optimizers(Recipe(optimizer="muon"), module)
    assert isinstance(first, Muon)
    assert [tuple(p.shape) for group in first.param_groups for p in group["params"]] == [(4, 1, 3, 3), (5, 4)]
    assert isinstance(second, torch.optim.AdamW)
    assert [tuple(p.shape) for group in second.param_groups for p in group["params"]] == [(4,), (5,), (2, 5), (2,)]


@pytest.mark.parametrize("shape", [(8, 3), (3, 8), (6, 6)])
def test_orthogonalised_singular_values_are_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.from_numpy(np.random.default_rng(0).standard_normal(shape))
    values = torch.linalg.svdvals(orthogonalised(matrix))
    assert values.min() > 0.5
    assert values.max() < 1.3

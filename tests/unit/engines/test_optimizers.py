"""Every optimizer against its formula, written here in float64, over 20 steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.engines.pytorch.optimizers import Muon, optimizers, orthogonalised
from pellucid.spec import Recipe

STEPS = 20
#: A vector, a matrix and filters, wide and tall.
SHAPES = [(7,), (5, 6), (4, 3, 2, 2), (14, 2, 2, 2)]
SHAPE = SHAPES[2]
Array = np.ndarray
State = dict[str, Array]


def sgd(r: Recipe, x: Array, g: Array, s: State, t: int) -> Array:
    g = g + r.weight_decay * x
    if r.momentum:
        s["m"] = g if t == 1 else r.momentum * s["m"] + g
        g = g + r.momentum * s["m"] if r.nesterov else s["m"]
    return x - r.lr * g


def rmsprop(r: Recipe, x: Array, g: Array, s: State, t: int) -> Array:
    g = g + r.weight_decay * x
    s["v"] = r.alpha * s.get("v", 0 * x) + (1 - r.alpha) * g**2
    step = g / (np.sqrt(s["v"]) + r.eps)
    s["m"] = r.momentum * s.get("m", 0 * x) + step
    return x - r.lr * s["m"]


def adam(r: Recipe, x: Array, g: Array, s: State, t: int) -> Array:
    g = g + r.weight_decay * x
    return moments(r, x, g, s, t)


def adamw(r: Recipe, x: Array, g: Array, s: State, t: int) -> Array:
    return moments(r, x * (1 - r.lr * r.weight_decay), g, s, t)


def moments(r: Recipe, x: Array, g: Array, s: State, t: int) -> Array:
    b1, b2 = r.betas
    s["m"] = b1 * s.get("m", 0 * x) + (1 - b1) * g
    s["v"] = b2 * s.get("v", 0 * x) + (1 - b2) * g**2
    return x - r.lr * (s["m"] / (1 - b1**t)) / (np.sqrt(s["v"] / (1 - b2**t)) + r.eps)


def adagrad(r: Recipe, x: Array, g: Array, s: State, t: int) -> Array:
    g = g + r.weight_decay * x
    s["v"] = s.get("v", 0 * x) + g**2
    return x - r.lr * g / (np.sqrt(s["v"]) + r.eps)


def rmsprop_printed(r: Recipe, x: Array, g: Array, s: State, t: int) -> Array:
    g = g + r.weight_decay * x
    s["v"] = r.alpha * s.get("v", 0 * x) + (1 - r.alpha) * g**2
    s["m"] = r.momentum * s.get("m", 0 * x) + r.lr * g / (np.sqrt(s["v"]) + r.eps)
    return x - s["m"]


def adam_printed(r: Recipe, x: Array, g: Array, s: State, t: int) -> Array:
    g = g + r.weight_decay * x
    b1, b2 = r.betas
    rate = r.lr * np.sqrt(1 - b2**t) / (1 - b1**t)
    s["m"] = b1 * s.get("m", 0 * x) + (1 - b1) * g
    s["v"] = b2 * s.get("v", 0 * x) + (1 - b2) * g**2
    return x - rate * s["m"] / (np.sqrt(s["v"]) + r.eps)


def muon(r: Recipe, x: Array, g: Array, s: State, t: int) -> Array:
    s["m"] = r.momentum * s.get("m", 0 * x) + g
    u = (g + r.momentum * s["m"] if r.nesterov else s["m"]).reshape(len(x), -1)
    y = u / (np.linalg.norm(u) + 1e-7)
    for _ in range(5):
        a = y @ y.T
        y = 3.4445 * y + (-4.7750 * a + 2.0315 * a @ a) @ y
    return x * (1 - r.lr * r.weight_decay) - r.lr * 0.2 * np.sqrt(max(u.shape)) * y.reshape(x.shape)


CASES: list[tuple[Callable[..., Array], dict[str, object]]] = [
    (sgd, {}),
    (sgd, {"momentum": 0.9}),
    (sgd, {"momentum": 0.9, "nesterov": True}),
    (rmsprop, {}),
    (rmsprop, {"momentum": 0.5, "alpha": 0.9}),
    (adam, {}),
    (adam, {"betas": (0.8, 0.95), "eps": 1e-3}),
    (adamw, {}),
    (adagrad, {}),
    (rmsprop_printed, {"momentum": 0.9, "alpha": 0.9, "eps": 1e-2}),
    (adam_printed, {"eps": 1e-2}),
    (muon, {"momentum": 0.95, "nesterov": True}),
    (muon, {}),
]


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
        # muon trains matrices alone; vectors are AdamW's
        rules = [adamw if formula is muon and x.ndim == 1 else formula for x in xs]
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

"""Every optimizer as its formula, one parameter and one step at a time, in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pellucid.spec import Recipe

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
    y = _orthogonal(r, x, g, s, steps=5)
    return x * (1 - r.lr * r.weight_decay) - r.lr * 0.2 * np.sqrt(max(y.shape)) * y.reshape(x.shape)


def muon_on_sphere(r: Recipe, x: Array, g: Array, s: State, t: int) -> Array:
    y = _orthogonal(r, x, g, s, steps=3)
    step = r.lr * 12 * np.sqrt(len(y) / min(y.shape)) * y.reshape(x.shape)
    return x * np.sqrt(len(x)) / np.linalg.norm(x) - step


def _orthogonal(r: Recipe, x: Array, g: Array, s: State, *, steps: int) -> Array:
    s["m"] = r.momentum * s.get("m", 0 * x) + g
    u = (g + r.momentum * s["m"] if r.nesterov else s["m"]).reshape(len(x), -1)
    y: Array = u / (np.linalg.norm(u) + 1e-7)
    for _ in range(steps):
        a = y @ y.T
        y = 3.4445 * y + (-4.7750 * a + 2.0315 * a @ a) @ y
    return y


#: The rules of matrices alone: vectors and the last matrix are AdamW's.
OF_MATRICES = (muon, muon_on_sphere)


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
    (muon_on_sphere, {"momentum": 0.6, "nesterov": True}),
]

"""Gradients by hand against central differences of the loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.engines.initial_weights import initial_weights
from pellucid.engines.scratch.losses import loss_and_gradient
from pellucid.engines.scratch.network import build
from pellucid.spec.layer import Shape
from pellucid.spec.network import Network
from pellucid.spec.recipe import Recipe

#: Steps of the differences, from coarse to fine: a kink between two points spoils some, rounding the finest.
STEPS = (1e-4, 1e-5, 1e-6, 1e-7)
#: Relative differences that are taken for agreement.
TOLERANCE = 1e-5
#: Directions that are tried in each array.
DIRECTIONS = 3


@dataclass(frozen=True)
class Slope:
    """Of one array: the largest differences between its gradient along a direction and the central difference."""

    layer: str
    array: str
    absolute: float
    relative: float

    @property
    def agrees(self) -> bool:
        return self.relative <= TOLERANCE


def slopes(
    value: Callable[[], float], arrays: dict[str, tuple[NDArray[Any], NDArray[Any]]], generator: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """For each array (its values, which `value` reads, and its gradient): largest absolute and relative difference.

        (L(a + e d) - L(a - e d)) / 2e  against  <dL/da, d>,  d random of length 1

    of the step e that agrees best. Relative to the gradient's length, or to 1e-4 of the longest gradient where that
    is more: an array without effect has a gradient of rounding alone.
    """
    longest = max((float(np.linalg.norm(gradient)) for _, gradient in arrays.values()), default=0.0)
    found = {}
    for name, (values, gradient) in arrays.items():
        scale = max(float(np.linalg.norm(gradient)), 1e-4 * longest, 1e-12) / np.sqrt(max(gradient.size, 1))
        worst = 0.0
        for _ in range(DIRECTIONS):
            direction = generator.standard_normal(values.shape)
            direction /= np.linalg.norm(direction)
            expected = float((gradient * direction).sum())
            best = float("inf")
            for step in STEPS:
                ends = []
                for sign in (1, -1):
                    before = values.copy()
                    values += sign * step * direction
                    ends.append(value())
                    values[...] = before
                best = min(best, abs((ends[0] - ends[1]) / (2 * step) - expected))
            worst = max(worst, best)
        found[name] = worst, worst / scale
    return found


def check_gradients(
    network: Network, shape: Shape, *, recipe: Recipe, batch: int = 4, seed: int = 0, classes: int = 10
) -> list[Slope]:
    """Every gradient of `network` by the engine scratch, in float64 on random images, layer by layer."""
    generator = np.random.default_rng(seed)
    images = generator.random((batch, *shape))
    labels = generator.integers(0, classes, batch)
    weights = initial_weights(network, shape, seed=seed, images=images.astype(np.float32))
    # a seed of its own for each forward pass: dropout draws the same masks every time
    module = build(
        network, shape, weights, dtype=np.float64, generator=lambda name, share: np.random.default_rng(seed)
    )
    for layer in module.named.values():
        layer.first = False
    x = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    buffers = [(one, one.copy()) for layer in module.named.values() for one in layer.buffers.values()]

    def value() -> float:
        for buffer, kept in buffers:
            buffer[...] = kept
        return loss_and_gradient(recipe, module.forward(x), labels)[0]

    _, grad = loss_and_gradient(recipe, module.forward(x), labels)
    at_x = module.backward(grad)
    assert at_x is not None
    arrays: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {"(images).x": (x, at_x.copy())}
    for (name, part), size in zip(module.parts().items(), module.shapes, strict=True):
        arrays[name] = module.vector[part].reshape(size), module.gradient[part].reshape(size).copy()
    found = slopes(value, arrays, generator)
    return [Slope(*name.rpartition(".")[::2], absolute, relative) for name, (absolute, relative) in found.items()]

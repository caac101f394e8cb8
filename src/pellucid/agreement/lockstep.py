"""Two engines on the same weights and batches: the first layer, tensor and step at which they part.

In each step PyTorch's layers are recorded, and every layer by hand is given the same weights, the same input and the
same gradient at its output: what differs then is that layer's own doing, nothing that an earlier one passed on. Where
a ReLU's or a maximum's arguments differ in the last bits alone, whole networks may take different sides of the kink,
layers that are given the same never do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.agreement.difference import Difference, difference
from pellucid.engines.initial_weights import initial_weights
from pellucid.engines.pytorch.build import build as build_torch
from pellucid.engines.pytorch.optimizers import optimizers
from pellucid.engines.pytorch.records import Record, records
from pellucid.engines.scratch.dropout import Dropout
from pellucid.engines.scratch.layer import Layer
from pellucid.engines.scratch.losses import loss_and_gradient
from pellucid.engines.scratch.network import Sequential, build
from pellucid.engines.scratch.optimizers import optimizer
from pellucid.errors import UsageError
from pellucid.spec.layer import Shape
from pellucid.spec.network import Network
from pellucid.spec.recipe import Recipe

#: Relative differences that rounding explains, by precision.
TOLERANCE = {"float64": 1e-9, "float32": 1e-4}


@dataclass(frozen=True)
class Line:
    """One tensor of one layer in one step: "output", "gradient of x", "gradient of weight", "weight"..."""

    step: int
    layer: str
    tensor: str
    difference: Difference
    agrees: bool


def of_layers(
    layers: dict[str, Any], kinds: dict[str, str], theirs: dict[str, Record], *, step: int, tolerance: float
) -> Iterator[Line]:
    """Each layer on what PyTorch's saw. kinds: what each layer is, for the words of a failure."""
    for name, record in theirs.items():
        layer = layers[name]
        # gradients are sums of such numbers: what is left where they cancel is rounding
        floor = 0.0 if record.at_y is None else float(np.abs(record.at_y).max(initial=0))

        def line(tensor: str, found: Any, expected: NDArray[Any], floor: float = 0.0, name: str = name) -> Line:
            apart = difference(found, expected, floor=floor)
            return Line(step, name, tensor, apart, apart.relative <= tolerance)

        yield line("output", call(layer.forward, record.x.copy(), f"{name} ({kinds[name]}).forward"), record.y)
        if record.at_y is None:
            continue
        at_x = call(layer.backward, record.at_y.copy(), f"{name} ({kinds[name]}).backward")
        for key, expected in record.gradients.items():
            yield line(f"gradient of {key}", layer.gradients.get(key), expected, floor)
        if record.at_x is not None and at_x is not None:
            yield line("gradient of x", at_x, record.at_x)


def call(function: Callable[[Any], Any], given: Any, what: str) -> Any:
    """`function(given)`. Raises UsageError naming `what` where it fails."""
    try:
        return function(given)
    except Exception as error:
        raise UsageError(
            f"{what}: expected a result for shape {given.shape}, found {type(error).__name__}: {error}."
        ) from error


def lockstep(
    network: Network,
    shape: Shape,
    batches: Callable[[int], tuple[NDArray[Any], NDArray[np.int64]]],
    *,
    recipe: Recipe,
    steps: int = 5,
    seed: int = 0,
    dtype: str = "float64",
    tolerance: float | None = None,
    replaced: Callable[[str, Layer], Any] | None = None,
    images: NDArray[np.float32] | None = None,
) -> list[Line]:
    """Trains both engines for `steps` steps on ``batches(step)`` (floats N C H W, labels); every line of every step.

    Each engine goes its own way from the common first weights; after each step the weights are compared too.
    replaced: gives another layer for one by hand (a student's), or None to leave it. images: N H W C, for whitening.
    Ends after the first step with a line that does not agree.
    """
    if dtype not in TOLERANCE:
        raise UsageError(f"dtype: expected {' or '.join(TOLERANCE)}, found {dtype}.")
    kind = np.dtype(dtype)
    bound = TOLERANCE[dtype] if tolerance is None else tolerance
    weights = initial_weights(network, shape, seed=seed, images=images)
    masks_of = np.random.default_rng([seed, 1])
    ours = build(network, shape, weights, dtype=kind, generator=lambda name, share: masks_of)
    import torch

    theirs = build_torch(network, shape, seed=seed, images=images).to(getattr(torch, dtype))
    kinds = {name: type(layer).__name__ for name, layer in ours.named.items()}
    probes = _probes(build(network, shape, weights, dtype=kind), replaced)
    follow = optimizer(recipe, ours.vector, ours.gradient, ours.shapes)
    expected = optimizers(recipe, theirs)
    for one in expected:
        for group in one.param_groups:  # the fused kernels compute in float32 whatever they are given
            if "fused" in group:
                group["fused"], group["foreach"] = None, False
    lines: list[Line] = []
    for step in range(1, steps + 1):
        x, labels = batches(step)
        x = x.astype(kind)
        logits = ours.forward(x)
        loss, grad = loss_and_gradient(recipe, logits, labels)
        masks = {name: layer.mask for name, layer in ours.named.items() if isinstance(layer, Dropout)}
        _follow(probes, {name: value.numpy() for name, value in theirs.state_dict().items()})
        their_loss, seen = records(theirs, x, labels, recipe, masks)
        for name, layer in probes.items():
            if isinstance(layer, Dropout):
                layer.generator = _same(masks[name], layer.rate)
        found = list(of_layers(probes, kinds, seen, step=step, tolerance=bound))
        ours.backward(grad)
        follow.step(recipe.lr)
        for one in expected:
            one.step()
        whole = difference(np.array([loss]), np.array([their_loss]))
        found.append(Line(step, "(loss)", recipe.loss, whole, whole.relative <= 10 * bound))
        state = {name: value.numpy() for name, value in theirs.state_dict().items()}
        for name, value in ours.weights().items():
            apart = difference(value, state[name], floor=recipe.lr)  # the size of a step
            path, _, key = name.rpartition(".")
            found.append(Line(step, path, f"{key} after the step", apart, apart.relative <= 1e3 * bound))
        lines += found
        if not all(one.agrees for one in found):
            break
    return lines


def _probes(network: Sequential, replaced: Callable[[str, Layer], Any] | None) -> dict[str, Any]:
    """Layers that are asked one by one, some of them a student's."""
    probes: dict[str, Any] = dict(network.named)
    for name, layer in network.named.items():
        layer.first = False
        other = None if replaced is None else replaced(name, layer)
        probes[name] = layer if other is None else other
    return probes


def _follow(probes: dict[str, Any], state: dict[str, NDArray[Any]]) -> None:
    """Gives each layer PyTorch's arrays of this moment: what differs then is no drift of the weights."""
    for name, layer in probes.items():
        for arrays in (getattr(layer, "parameters", {}), getattr(layer, "buffers", {})):
            for key, value in arrays.items():
                value[...] = state[f"{name}.{key}"]


def _same(mask: NDArray[Any], rate: float) -> Callable[[int], Any]:
    """What draws the same mask again."""

    class Again:
        def random(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
            return np.where(mask > 0, 1.0, -1.0).astype(dtype).reshape(shape) if rate else np.ones(shape, dtype)

    return lambda share: Again()


def first_parting(lines: list[Line]) -> Line | None:
    """The first line that does not agree: of a step the layers come before the loss and the weights."""
    return next((one for one in lines if not one.agrees), None)

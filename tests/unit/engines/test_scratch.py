"""The engine by hand agrees with PyTorch to the last digits."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import torch
from optimizer_formulas import CASES
from torch import nn

from pellucid import catalog
from pellucid.agreement.lockstep import of_layers
from pellucid.engines.initial_weights import initial_weights
from pellucid.engines.pytorch.build import build as build_torch
from pellucid.engines.pytorch.losses import loss_function
from pellucid.engines.pytorch.optimizers import optimizers
from pellucid.engines.pytorch.records import Record, records
from pellucid.engines.scratch.activations import ReLU
from pellucid.engines.scratch.dropout import Dropout
from pellucid.engines.scratch.layer import Array
from pellucid.engines.scratch.losses import loss_and_gradient
from pellucid.engines.scratch.network import Sequential, build
from pellucid.engines.scratch.optimizers import optimizer
from pellucid.engines.scratch.pooling import MaxPool
from pellucid.engines.scratch.team import Team
from pellucid.spec import (
    Recipe,
)

NETWORKS = catalog.names("networks")


def both(name: str, kind: Any, *, batch: int = 12) -> tuple[Sequential, nn.Module, Array, Any]:
    """A network of the catalogue in both engines with the same weights, a batch and its labels."""
    make = catalog.load("networks", name)
    shape = inspect.signature(make).parameters["input_shape"].default
    network = make(input_shape=shape, classes=10)
    generator = np.random.default_rng(0)
    images = generator.standard_normal((batch, *shape)).astype(np.float32)
    ours = build(network, shape, initial_weights(network, shape, seed=0, images=images), dtype=kind)
    theirs = build_torch(network, shape, seed=0, images=images).to(torch.from_numpy(np.zeros(0, kind)).dtype)
    for layer in ours.named.values():
        if isinstance(layer, Dropout):
            layer.rate = 0
    for module in theirs.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0
    return ours, theirs, images.transpose(0, 3, 1, 2).astype(kind), generator.integers(0, 10, batch)


def gradients(module: Sequential) -> dict[str, Array]:
    parts = zip(module.parts().items(), module.shapes, strict=True)
    return {name: module.gradient[part].reshape(shape) for (name, part), shape in parts}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("kind", "tolerance"), [(np.float64, 1e-10), (np.float32, 1e-4)], ids=["double", "single"])
def test_outputs_loss_and_every_gradient_are_pytorchs(name: str, kind: Any, tolerance: float) -> None:
    ours, theirs, x, labels = both(name, kind)
    recipe = Recipe(label_smoothing=0.1)
    logits = ours.forward(x)
    loss, grad = loss_and_gradient(recipe, logits, labels)
    ours.backward(grad)
    expected_loss, seen = records(theirs, x, labels, recipe, {key: np.ones(()) for key in ours.named})
    expected = list(seen.values())[-1].y
    np.testing.assert_allclose(logits, expected, rtol=tolerance, atol=tolerance)
    assert loss == pytest.approx(expected_loss, rel=tolerance)
    for key, value in theirs.named_buffers():
        np.testing.assert_allclose(ours.weights()[key], value.numpy(), rtol=tolerance, atol=tolerance)
    found = gradients(ours)
    assert set(found) == {key for key, value in theirs.named_parameters() if value.requires_grad}
    if sides(ours) == sides_of_records(seen, ours):
        whole = max(float(value.grad.norm()) for value in theirs.parameters())  # type: ignore[union-attr]
        for key, parameter in theirs.named_parameters():
            assert parameter.grad is not None
            # a bias before batch norm has no effect: its gradient is what rounding leaves of zero
            scale = max(float(parameter.grad.norm()), 1e-2 * whole)
            assert np.linalg.norm(found[key] - parameter.grad.numpy()) <= tolerance * scale, key
    else:  # a ReLU's or a maximum's arguments are equal but for the last bits: they took different sides
        assert kind == np.float32
    probes = ours.twin()
    for layer in probes.named.values():
        layer.first = False
    kinds = dict.fromkeys(ours.named, "")
    lines = list(of_layers(dict(probes.named), kinds, seen, step=1, tolerance=tolerance))
    assert {one.layer for one in lines} == {key for key, layer in ours.named.items() if not layer.layers()}
    for one in lines:
        assert one.agrees, (one.layer, one.tensor, one.difference.words)


def sides(module: Sequential) -> dict[str, bytes]:
    """Which side of its kinks each layer's values are on: ReLUs that are open, places of the largest values."""
    found = {key: (layer.y > 0).tobytes() for key, layer in module.named.items() if isinstance(layer, ReLU)}
    pools = {key: layer.where.tobytes() for key, layer in module.named.items() if isinstance(layer, MaxPool)}
    return found | pools


def sides_of_records(seen: dict[str, Record], module: Sequential) -> dict[str, bytes]:
    """The same of PyTorch's layers."""
    found = {}
    for key, layer in module.named.items():
        if isinstance(layer, ReLU):
            found[key] = (seen[key].y > 0).tobytes()
        elif isinstance(layer, MaxPool):
            other = layer.twin()
            other.forward(seen[key].x)
            found[key] = other.where.tobytes()
    return found


@pytest.mark.parametrize("loss", ["cross_entropy", "mse", "l1", "bce"])
def test_losses_are_pytorchs(loss: str) -> None:
    generator = np.random.default_rng(1)
    z, labels = 5 * generator.standard_normal((7, 4)), generator.integers(0, 4, 7)
    recipe = Recipe(loss=loss)
    value, grad = loss_and_gradient(recipe, z, labels)
    at = torch.from_numpy(z).requires_grad_()
    expected = loss_function(recipe)(at, torch.from_numpy(labels))
    expected.backward()
    assert value == pytest.approx(expected.item(), rel=1e-12)
    assert at.grad is not None
    np.testing.assert_allclose(grad, at.grad.numpy(), rtol=1e-10, atol=1e-14)
    huge, _ = loss_and_gradient(recipe, 1e4 * z, labels)
    assert np.isfinite(huge)


@pytest.mark.parametrize(
    ("formula", "options"), CASES, ids=lambda value: getattr(value, "__name__", None) or str(value)
)
@pytest.mark.parametrize("name", ["one_conv", "compact"])
def test_twenty_steps_of_training_stay_together(name: str, formula: Any, options: dict[str, object]) -> None:
    ours, theirs, _, _ = both(name, np.float64)
    # eps: where a gradient is zero but for rounding, Adam's quotient is anything
    recipe = Recipe(optimizer=formula.__name__, lr=1e-3, **{"eps": 1e-4, **options})  # type: ignore[arg-type]
    follow, expected = optimizer(recipe, ours.vector, ours.gradient, ours.shapes), optimizers(recipe, theirs)
    team, generator = Team(ours, 2), np.random.default_rng(3)
    for one in expected:
        for group in one.param_groups:
            group["fused"] = None  # the fused kernels round to float32
            group["foreach"] = False
    for _ in range(20):
        x, labels = generator.random((8, 1, 28, 28)), generator.integers(0, 10, 8)
        loss, _ = team.learn(recipe, lambda share, x=x: x[share], labels)
        follow.step(recipe.lr, team.all)
        found = loss_function(recipe)(theirs(torch.from_numpy(x)), torch.from_numpy(labels))
        for one in expected:
            one.zero_grad()
        found.backward()
        for one in expected:
            one.step()
        assert loss == pytest.approx(found.item(), rel=1e-6)
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.weights()[key], value.numpy(), rtol=1e-6, atol=1e-6)

"""The engine by hand agrees with PyTorch to the last digits, with central differences, and with itself resumed."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from optimizer_formulas import CASES, State, adamw, muon
from torch import nn

from pellucid import catalog
from pellucid.agreement.lockstep import of_layers
from pellucid.engines import pytorch, scratch
from pellucid.engines.initial_weights import initial_weights
from pellucid.engines.pytorch.build import build as build_torch
from pellucid.engines.pytorch.losses import loss_function
from pellucid.engines.pytorch.optimizers import optimizers
from pellucid.engines.pytorch.records import Record, records
from pellucid.engines.scratch.activations import ACTIVATIONS, ReLU, erf
from pellucid.engines.scratch.batch_norm import BatchNorm
from pellucid.engines.scratch.conv import Conv
from pellucid.engines.scratch.dense import Dense
from pellucid.engines.scratch.dropout import Dropout
from pellucid.engines.scratch.gru import GRU
from pellucid.engines.scratch.layer import Array, Layer
from pellucid.engines.scratch.losses import loss_and_gradient
from pellucid.engines.scratch.lstm import LSTM
from pellucid.engines.scratch.network import Sequential, build
from pellucid.engines.scratch.optimizers import optimizer
from pellucid.engines.scratch.pooling import AvgPool, GlobalPool, MaxPool
from pellucid.engines.scratch.rnn import RNN
from pellucid.engines.scratch.team import Team
from pellucid.errors import DataError, DivergedError, SpecError, UsageError
from pellucid.images import Images, Scaling
from pellucid.spec import (
    Activation,
    Augmentation,
    Flatten,
    Network,
    Recipe,
)
from pellucid.spec import (
    BatchNorm as BatchNormSpec,
)
from pellucid.spec import Conv as ConvSpec
from pellucid.spec import (
    Dense as DenseSpec,
)
from pellucid.spec import Dropout as DropoutSpec

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


# --- central differences


def check(layer: Layer, x: Array, *, step: float = 1e-6, tolerance: float = 1e-6) -> None:
    """Every gradient of `layer` at x along three directions against a central difference of the scalar sum(y * c)."""
    generator = np.random.default_rng(0)
    y = layer.forward(x)
    c = generator.standard_normal(y.shape)
    given = x.copy()
    at_x = layer.backward(c)
    assert at_x is not None and at_x.shape == x.shape
    assert (x == given).all(), "the input was changed"
    arrays = {"x": (x, at_x.copy())}
    arrays |= {name: (value, layer.gradients[name].copy()) for name, value in layer.parameters.items()}
    before = {name: value.copy() for name, value in layer.buffers.items()}
    for name, (value, gradient) in arrays.items():
        for _ in range(3):
            direction = generator.standard_normal(value.shape)
            found = []
            for sign in (1, -1):
                for key, kept in before.items():
                    layer.buffers[key][...] = kept
                value += sign * step * direction
                found.append(float((layer.forward(x) * c).sum()))
                value -= sign * step * direction
            difference = (found[0] - found[1]) / (2 * step)
            expected = float((gradient * direction).sum())
            scale = max(np.abs(gradient).max() * np.sqrt(value.size), np.abs(c).max(), 1.0)
            assert abs(difference - expected) <= tolerance * scale, name


def drawn(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(max_examples=60, deadline=None)
@given(
    kernel=pairs,
    stride=pairs,
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    groups=st.sampled_from([1, 2, 4]),
    size=st.tuples(st.integers(5, 8), st.integers(5, 9)),
    batch=st.integers(1, 4),
    bias=st.booleans(),
    columns=st.sampled_from([1, 2_000, 2**21]),
)
def test_convolutions_of_any_window(
    kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], dilation: tuple[int, int],
    groups: int, size: tuple[int, int], batch: int, bias: bool, columns: int,
) -> None:  # fmt: skip
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pellucid.engines.scratch.conv.COLUMNS", columns)
        weight = drawn(8, 4 // groups, *kernel)
        offset = drawn(8, seed=1) if bias else None
        layer = Conv(weight, offset, stride=stride, padding=padding, dilation=dilation, groups=groups)
        x = drawn(batch, 4, *size, seed=2)
        expected = nn.functional.conv2d(
            *(None if one is None else torch.from_numpy(one) for one in (x, weight, offset)),  # type: ignore[arg-type]
            stride, padding, dilation, groups,
        )  # fmt: skip
        np.testing.assert_allclose(layer.forward(x), expected.numpy(), rtol=1e-10, atol=1e-12)
        check(layer, x)


@settings(max_examples=60, deadline=None)
@given(
    kernel=pairs, stride=pairs, size=st.tuples(st.integers(4, 8), st.integers(4, 8)), batch=st.integers(1, 3),
    pad=st.booleans(),
)  # fmt: skip
@pytest.mark.parametrize("kind", [MaxPool, AvgPool])
def test_pools_of_any_window(
    kind: type[MaxPool],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    size: tuple[int, int],
    batch: int,
    pad: bool,
) -> None:
    padding = (kernel[0] // 2, kernel[1] // 2) if pad else (0, 0)
    # no two values are closer than a step: a maximum has no gradient where two are equal
    x = np.random.default_rng(0).permutation(batch * 2 * size[0] * size[1]).reshape(batch, 2, *size) / 10.0
    layer = kind(kernel, stride, padding)
    function = nn.functional.max_pool2d if kind is MaxPool else nn.functional.avg_pool2d
    np.testing.assert_allclose(layer.forward(x), function(torch.from_numpy(x), kernel, stride, padding).numpy())
    check(layer, x)


def test_of_equal_values_the_first_is_the_maximum_as_in_pytorch() -> None:
    x = np.random.default_rng(0).integers(0, 3, (4, 3, 9, 8)).astype(np.float64)
    for size, stride in (((2, 2), (2, 2)), ((3, 3), (2, 1))):
        layer, at = MaxPool(size, stride), torch.from_numpy(x).requires_grad_()
        y = nn.functional.max_pool2d(at, size, stride)
        c = drawn(*y.shape)
        y.backward(torch.from_numpy(c))
        layer.forward(x)
        assert at.grad is not None
        np.testing.assert_allclose(layer.backward(c), at.grad.numpy(), atol=1e-14)
    pool, at = GlobalPool("max"), torch.from_numpy(x).requires_grad_()
    at.amax((2, 3)).sum().backward()
    pool.forward(x)
    np.testing.assert_allclose(pool.backward(np.ones((4, 3))), at.grad.numpy(), atol=1e-14)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_pytorchs_also_far_out(name: str) -> None:
    x = np.concatenate([np.linspace(-40, 40, 2001), np.linspace(-1, 1, 501)]).reshape(1, -1)
    layer = ACTIVATIONS[name]()
    at = torch.from_numpy(x).requires_grad_()
    y = {"leaky_relu": nn.LeakyReLU(), "elu": nn.ELU(), "gelu": nn.GELU(), "silu": nn.SiLU()}.get(
        name, {"relu": nn.ReLU(), "tanh": nn.Tanh(), "sigmoid": nn.Sigmoid()}.get(name)
    )(at)  # type: ignore[misc]
    y.sum().backward()
    np.testing.assert_allclose(layer.forward(x), y.detach().numpy(), rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(layer.backward(np.ones_like(x)), at.grad.numpy(), rtol=1e-10, atol=1e-15)  # type: ignore[union-attr]


def test_the_error_function_is_scipys() -> None:
    from scipy.special import erf as expected

    x = np.concatenate([np.linspace(-7, 7, 20_001), [0.0, 0.46875, -0.46875, 4, -4, 30, 1e-300, np.inf]])
    np.testing.assert_allclose(erf(x), expected(x), rtol=1e-15)
    assert erf(x.astype(np.float32)).dtype == np.float32


def some_layers() -> list[tuple[Layer, tuple[int, ...]]]:
    def recurrent(kind: Callable[..., Layer], gates: int, **options: Any) -> Layer:
        sizes = [(gates * 5, 6), (gates * 5, 5), (gates * 5,), (gates * 5,)]
        return kind(*(0.5 * drawn(*size, seed=k) for k, size in enumerate(sizes)), **options)

    return [
        (Dense(drawn(4, 7), drawn(4)), (5, 7)),
        (Dense(drawn(4, 7)), (1, 7)),
        (GlobalPool("avg"), (3, 2, 4, 5)),
        (GlobalPool("max"), (3, 2, 4, 5)),
        (BatchNorm(drawn(3), drawn(3, seed=1), np.zeros(3), np.ones(3)), (4, 3, 3, 2)),
        (BatchNorm(drawn(3), drawn(3, seed=1), np.zeros(3), np.ones(3)), (6, 3)),
        *((recurrent(kind, gates, return_sequences=every), (2, 4, 6))
          for kind, gates in ((RNN, 1), (LSTM, 4), (GRU, 3)) for every in (False, True)),
        (recurrent(GRU, 3), (2, 2, 4, 3)),
        *((ACTIVATIONS[name](), (3, 8)) for name in ACTIVATIONS),
    ]  # fmt: skip


@pytest.mark.parametrize("case", range(len(some_layers())))
def test_every_layer_by_central_differences(case: int) -> None:
    layer, shape = some_layers()[case]
    check(layer, drawn(*shape, seed=9))


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 5), features=st.integers(1, 7), units=st.integers(1, 6), bias=st.booleans())
def test_dense_layers_of_any_size(n: int, features: int, units: int, bias: bool) -> None:
    check(Dense(drawn(units, features), drawn(units, seed=1) if bias else None), drawn(n, features, seed=2))


@settings(max_examples=25, deadline=None)
@given(n=st.integers(2, 5), channels=st.integers(1, 4), places=st.tuples(st.integers(1, 4), st.integers(1, 4)))
def test_batch_norms_and_global_pools_of_any_size(n: int, channels: int, places: tuple[int, int]) -> None:
    x = drawn(n, channels, *places, seed=3)
    ones, zeros = np.ones(channels), np.zeros(channels)
    if x.size // channels > 2:  # two values are always at plus and minus one: there is no slope
        check(BatchNorm(drawn(channels), drawn(channels, seed=1), zeros, ones), x, tolerance=1e-5)
    for pool in ("avg", "max"):
        check(GlobalPool(pool), x)


@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(1, 3), steps=st.integers(1, 5), features=st.integers(1, 4), units=st.integers(1, 5),
    every=st.booleans(),
)  # fmt: skip
@pytest.mark.parametrize(("kind", "gates"), [(RNN, 1), (LSTM, 4), (GRU, 3)])
def test_recurrent_layers_of_any_size(
    kind: Any, gates: int, n: int, steps: int, features: int, units: int, every: bool
) -> None:
    sizes = [(gates * units, features), (gates * units, units), (gates * units,), (gates * units,)]
    layer = kind(*(0.5 * drawn(*size, seed=k) for k, size in enumerate(sizes)), return_sequences=every)
    check(layer, drawn(n, steps, features, seed=7))


@settings(max_examples=10, deadline=None)
@given(shape=st.lists(st.integers(1, 4), min_size=2, max_size=4))
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_of_any_shape(name: str, shape: list[int]) -> None:
    check(ACTIVATIONS[name](), drawn(*shape, seed=8))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_layers_stay_in_the_precision_that_they_are_given(kind: Any) -> None:
    made = [
        (Conv(drawn(4, 2, 3, 3).astype(kind), drawn(4).astype(kind), padding=(1, 1)), (3, 2, 6, 5)),
        (MaxPool((2, 2)), (3, 2, 6, 5)),
        (AvgPool((2, 2)), (3, 2, 6, 5)),
    ]
    for layer, shape in made:
        y = layer.forward(drawn(*shape).astype(kind))
        at_x = layer.backward(np.ones_like(y))
        assert at_x is not None
        assert y.dtype == at_x.dtype == kind
        assert all(gradient.dtype == kind for gradient in layer.gradients.values())
    for module, shape in (("lenet5", (28, 28, 1)), ("row_gru", (28, 28, 1)), ("compact", (28, 28, 1))):
        network = catalog.load("networks", module)()
        whole = build(network, shape, initial_weights(network, shape, seed=0), dtype=kind)
        assert whole.forward(drawn(4, 1, 28, 28).astype(kind)).dtype == kind


def test_batch_norm_in_evaluation_by_central_differences() -> None:
    layer = BatchNorm(drawn(3), drawn(3, seed=1), drawn(3, seed=2), drawn(3, seed=3) ** 2)
    layer.training = False
    check(layer, drawn(4, 3, 3, 2))


def test_dropout_keeps_the_mean_and_goes_back_through_its_mask() -> None:
    layer = Dropout(0.3, lambda share: np.random.default_rng(share))
    y = layer.forward(np.ones((400, 500), np.float32))
    assert y.dtype == np.float32 and y.mean() == pytest.approx(1, abs=0.01)
    assert (y == 0).mean() == pytest.approx(0.3, abs=0.01)
    assert (layer.backward(np.ones_like(y)) == y).all()
    layer.training = False
    assert (layer.forward(y) == y).all()


# --- trainings


@pytest.mark.parametrize(
    ("formula", "options"), CASES, ids=lambda value: getattr(value, "__name__", None) or str(value)
)
@pytest.mark.parametrize("decay", [0.0, 0.1], ids=["", "decay"])
def test_twenty_steps_follow_the_formula(formula: Any, options: dict[str, object], decay: float) -> None:
    recipe = Recipe(optimizer=formula.__name__, lr=0.01, weight_decay=decay, **options)  # type: ignore[arg-type]
    generator = np.random.default_rng(0)
    shapes = [(7,), (5, 6), (4, 3, 2, 2), (200, 300), (3, 2)]
    xs = [generator.standard_normal(shape) for shape in shapes]
    vector, gradient = np.concatenate([x.ravel() for x in xs]), np.zeros(sum(x.size for x in xs))
    follow, states = optimizer(recipe, vector, gradient, shapes), [State() for _ in xs]
    for t in range(1, 21):
        rated = replace(recipe, lr=recipe.lr * (1 + t % 3))
        gs = [generator.standard_normal(shape) for shape in shapes]
        gradient[:] = np.concatenate([g.ravel() for g in gs])
        follow.step(rated.lr)
        rules = [
            adamw if formula is muon and (x.ndim == 1 or k == len(xs) - 1) else formula for k, x in enumerate(xs)
        ]
        xs = [rule(rated, x, g, s, t) for rule, x, g, s in zip(rules, xs, gs, states, strict=True)]
    np.testing.assert_allclose(vector, np.concatenate([x.ravel() for x in xs]), rtol=1e-9, atol=1e-9)


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


SMALL = Network(
    "small",
    (ConvSpec(4, 3), Activation("relu"), Flatten(), DropoutSpec(0.3), DenseSpec(8), Activation("tanh"), DenseSpec(3)),
)
NORMED = Network("normed", (ConvSpec(4, 3), BatchNormSpec(), Activation("relu"), Flatten(), DenseSpec(3)))
SCALING = Scaling((1 / 255,), (0.0,))


def some(count: int = 26) -> Images:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (count, 8, 8, 1), dtype=np.uint8)
    return Images(pixels, generator.integers(0, 3, count), ("a", "b", "c"))


@pytest.mark.parametrize("network", [SMALL, NORMED], ids=["dropout", "batch norm"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("rule", ["sgd", "adam", "muon"])
def test_a_resumed_training_ends_in_the_same_bits(network: Network, threads: int, rule: str) -> None:
    recipe = Recipe(
        batch_size=8, optimizer=rule, momentum=0.9, l2=0.1, augmentation=Augmentation(shift=1, horizontal_flip=True)
    )

    def trainer() -> Any:
        return scratch.trainer(network, some(), SCALING, recipe, seed=5)

    with scratch.threads(threads):
        whole = trainer()
        for index in range(3):
            whole.step(index, 0.01)
        whole.begin_epoch(2)
        whole.step(0, 0.01)
        state = whole.state()
        other = trainer()
        other.load_state(state)
        for one in (whole, other):
            one.step(1, 0.01)
            one.step(2, 0.01)
        for key, value in whole.state().items():
            assert value.tobytes() == other.state()[key].tobytes(), key
        assert whole.totals() == other.totals()


def test_shares_of_a_batch_have_the_gradient_of_the_whole_batch() -> None:
    network = catalog.load("networks", "lenet5")()
    arrays = initial_weights(network, (28, 28, 1), seed=0)
    x, labels = drawn(7, 1, 28, 28), np.arange(7)
    found = []
    for count in (1, 2, 3):
        module = build(network, (28, 28, 1), arrays, dtype=np.float64)
        team = Team(module, count)
        assert len(team.members) == count
        loss, logits = team.learn(Recipe(), lambda share: x[share], labels)
        found.append((loss, logits, module.gradient.copy()))
    for loss, logits, gradient in found[1:]:
        assert loss == pytest.approx(found[0][0])
        np.testing.assert_allclose(logits, found[0][1], atol=1e-12)
        np.testing.assert_allclose(gradient, found[0][2], atol=1e-12)
    assert len(Team(build(NORMED, (8, 8, 1), initial_weights(NORMED, (8, 8, 1), seed=0)), 2).members) == 1


def test_weights_of_one_engine_give_the_same_answers_in_the_other() -> None:
    for engine, other in ((scratch, pytorch), (pytorch, scratch)):
        for network in (SMALL, NORMED):
            trained = engine.trainer(network, some(), SCALING, Recipe(batch_size=8), seed=1)
            for index in range(trained.steps_per_epoch):
                trained.step(index, 0.01)
            answers = other.model(network, (8, 8, 1), SCALING, trained.weights()).logits(some())
            np.testing.assert_allclose(answers, trained.logits(some()), atol=1e-5)
            assert (answers.argmax(1) == trained.logits(some()).argmax(1)).all()


# --- what it refuses


def test_bad_batches_are_refused_in_words() -> None:
    module = build(NORMED, (8, 8, 1), initial_weights(NORMED, (8, 8, 1), seed=0))
    for x, words in (
        (np.zeros((2, 1, 8, 8), np.float16), "found float16"),
        (np.zeros((2, 1, 8, 8), np.int64), "found int64"),
        (np.zeros((0, 1, 8, 8), np.float32), "found an empty batch"),
        (np.full((2, 1, 8, 8), np.nan, np.float32), "found NaN"),
    ):
        with pytest.raises(DataError, match=re.escape(words)):
            module.forward(x)  # type: ignore[arg-type]
    vectors = Network("vectors", (Flatten(), DenseSpec(4), BatchNormSpec(), DenseSpec(3)))
    module = build(vectors, (8, 8, 1), initial_weights(vectors, (8, 8, 1), seed=0))
    with pytest.raises(DataError, match="batch norm: expected two values a channel or more"):
        module.forward(np.zeros((1, 1, 8, 8), np.float32))


def test_what_this_engine_lacks_is_named_with_the_way_out() -> None:
    with pytest.raises(UsageError, match=r"precision: expected fp32.*engine scratch.*engines/scratch/model.py"):
        scratch.trainer(SMALL, some(), SCALING, Recipe(), seed=0, precision="bf16")
    with pytest.raises(UsageError, match=r"device: expected cpu.*engine scratch.*--engine pytorch"):
        scratch.trainer(SMALL, some(), SCALING, Recipe(), seed=0, device="cuda")
    with pytest.raises(UsageError, match="Modules of PyTorch need --engine pytorch"):
        scratch.trainer(nn.Linear(2, 2), some(), SCALING, Recipe(), seed=0)
    with pytest.raises(SpecError, match=r"weights, conv1\.weight: expected shape"):
        arrays = initial_weights(SMALL, (8, 8, 1), seed=0)
        arrays["conv1.weight"] = arrays["conv1.weight"][:, :, :2]
        scratch.model(SMALL, (8, 8, 1), SCALING, arrays)


def test_a_loss_that_breaks_stops_within_the_step() -> None:
    trained = scratch.trainer(SMALL, some(), SCALING, Recipe(batch_size=8, optimizer="sgd"), seed=0)
    with pytest.raises(DivergedError, match=r"epoch 1, step 3: the loss is"):
        for index in range(3):
            trained.step(index, 1e30 if index else 0.1)


def test_training_needs_no_torch() -> None:
    words = """
import sys
from pellucid.verbs.train import train
import tempfile
run = train("one_conv", "digits", engine="scratch", size=16, epochs=2, subset=400, pictures=False,
            runs=tempfile.mkdtemp())
assert run.result["test_accuracy"] > 0.5, run.result
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

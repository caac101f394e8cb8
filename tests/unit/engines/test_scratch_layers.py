"""Every layer by hand against central differences, for any window and size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pellucid import catalog
from pellucid.engines.initial_weights import initial_weights
from pellucid.engines.scratch.activations import ACTIVATIONS, erf
from pellucid.engines.scratch.batch_norm import BatchNorm
from pellucid.engines.scratch.conv import Conv
from pellucid.engines.scratch.dense import Dense
from pellucid.engines.scratch.dropout import Dropout
from pellucid.engines.scratch.gru import GRU
from pellucid.engines.scratch.layer import Array, Layer
from pellucid.engines.scratch.lstm import LSTM
from pellucid.engines.scratch.network import build
from pellucid.engines.scratch.pooling import AvgPool, GlobalPool, MaxPool
from pellucid.engines.scratch.rnn import RNN
from pellucid.engines.scratch.scale import Scale


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
        (BatchNorm(None, drawn(3, seed=1), np.zeros(3), np.ones(3)), (4, 3, 3, 2)),
        (Scale(-0.3), (3, 5)),
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

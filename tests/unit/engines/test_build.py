"""Modules are what the specs say, and begin with the weights that they say."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy import special
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from pellucid import catalog
from pellucid.engines.initial_weights import initial_weights
from pellucid.engines.pytorch.build import build
from pellucid.errors import SpecError
from pellucid.spec import (
    GRU,
    LSTM,
    RNN,
    Activation,
    AvgPool,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalPool,
    Layer,
    MaxPool,
    Network,
    Residual,
    Scale,
    trace,
)
from pellucid.spec.layer import ShapeError
from pellucid.spec.layers import ACTIVATIONS
from pellucid.spec.shapes import parameter_shapes

NETWORKS = [
    (
        name,
        (32, 32, 3) if name in ("vgg_small", "four_conv", "resnet9", "cifar_cnn", "compact_cifar") else (28, 28, 1),
    )
    for name in catalog.names("networks")
]


@pytest.mark.parametrize(("name", "shape"), NETWORKS)
def test_a_network_has_the_parameters_shapes_and_costs_of_its_spec(name: str, shape: tuple[int, int, int]) -> None:
    network = catalog.load("networks", name)(input_shape=shape, classes=10)
    module = build(network, shape).eval()
    trainable, buffers = parameter_shapes(network, shape)
    assert {key: tuple(value.shape) for key, value in module.named_parameters()} == trainable
    assert {key: tuple(value.shape) for key, value in module.named_buffers()} == buffers
    x = torch.zeros(2, shape[2], *shape[:2])
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        for row in trace(network, shape):
            x = module.get_submodule(row.name)(x)
            height_last = (2, row.output[2], *row.output[:2]) if len(row.output) == 3 else (2, *row.output)
            assert tuple(x.shape) == height_last, row.name
    if not name.startswith("row"):  # the counter knows no recurrent layers
        assert counter.get_total_flops() == 2 * 2 * sum(row.multiply_adds for row in trace(network, shape))


TORCHS: dict[type[Layer], Any] = {RNN: nn.RNN, LSTM: nn.LSTM, GRU: nn.GRU}
sizes = st.integers(1, 3)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_window_gives_the_shape_that_torch_gives_or_is_refused_as_torch_refuses(data: st.DataObject) -> None:
    shape = (data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9)), 4)
    kind = data.draw(st.sampled_from(["conv", "max", "avg"]))
    kernel = (data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5)))
    stride, padding = (data.draw(sizes), data.draw(sizes)), data.draw(st.integers(0, min(kernel) // 2))
    if kind == "conv":
        dilation, groups = (data.draw(sizes), data.draw(sizes)), data.draw(st.sampled_from([1, 2, 4]))
        layer = Conv(8, kernel, stride=stride, padding=padding, dilation=dilation, groups=groups)
        torchs: nn.Module = nn.Conv2d(4, 8, kernel, stride, padding, dilation, groups)
    else:
        layer = (MaxPool if kind == "max" else AvgPool)(kernel, stride, padding)  # type: ignore[assignment]
        torchs = (nn.MaxPool2d if kind == "max" else nn.AvgPool2d)(kernel, stride, padding)
    x = torch.randn(1, 4, *shape[:2])
    try:
        theirs = torchs(x)
    except RuntimeError:
        with pytest.raises(ShapeError):
            layer.output(shape)
        return
    assert layer.output(shape) == (theirs.shape[2], theirs.shape[3], theirs.shape[1])
    module = build(Network("one", (layer,)), shape)
    module[0].load_state_dict(torchs.state_dict())
    torch.testing.assert_close(module(x), theirs)


@pytest.mark.parametrize(
    ("layer", "torchs"),
    [
        (RNN(5), nn.RNN(6, 5, batch_first=True)),
        (LSTM(5), nn.LSTM(6, 5, batch_first=True)),
        (GRU(5), nn.GRU(6, 5, batch_first=True)),
    ],
    ids=["rnn", "lstm", "gru"],
)
def test_a_recurrent_layer_reads_the_rows_of_an_image_as_pytorchs_does(layer: RNN, torchs: nn.Module) -> None:
    state = {key.removesuffix("_l0"): value for key, value in torchs.state_dict().items()}
    x = torch.randn(7, 2, 4, 3)
    rows = x.permute(0, 2, 3, 1).reshape(7, 4, 6)
    theirs = torchs(rows)[0]
    for sequences, expected in ((False, theirs[:, -1]), (True, theirs)):
        module = build(Network("one", (replace(layer, return_sequences=sequences),)), (4, 3, 2))[0]
        module.load_state_dict(state)
        torch.testing.assert_close(module(x), expected)
    torch.testing.assert_close(module(rows), theirs)  # a sequence from the layer before
    gradients = [torch.autograd.grad(net(x_)[..., -1].sum(), x_)[0] for net, x_ in leaves(module, torchs, rows)]
    torch.testing.assert_close(*gradients)


def leaves(ours: nn.Module, torchs: nn.Module, x: Tensor) -> list[tuple[Any, Tensor]]:
    return [(ours, x.clone().requires_grad_()), (lambda y: torchs(y)[0], x.clone().requires_grad_())]


@pytest.mark.parametrize("kernel", [1, 3, (5, 3)])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_padding_is_pytorchs(kernel: int | tuple[int, int], dilation: int) -> None:
    torchs = nn.Conv2d(2, 3, kernel, padding="same", dilation=dilation)
    module = build(Network("one", (Conv(3, kernel, padding="same", dilation=dilation),)), (9, 8, 2))
    module[0].load_state_dict(torchs.state_dict())
    x = torch.randn(2, 2, 9, 8)
    torch.testing.assert_close(module(x), torchs(x))


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("side", [6, 7])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_max_pooling_is_the_same_while_scoring(
    size: int, side: int, layout: torch.memory_format, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = build(Network("n", (MaxPool(size), Flatten(), Dense(2))), (side, side, 3))[0]
    x = torch.randn(4, 3, side, side).contiguous(memory_format=layout)
    expected = functional.max_pool2d(x, size)
    with torch.no_grad():
        assert torch.equal(module(x), expected)
    if size == 2:
        monkeypatch.setattr(nn.MaxPool2d, "forward", lambda *_: pytest.fail("places were kept"))
    with torch.inference_mode():
        assert torch.equal(module(x), expected)


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, 2, 0), (3, 2, 1), ((1, 3), (1, 2), (0, 1))])
def test_max_pooling_of_many_values_is_pytorchs_and_keeps_not_its_input(
    kernel: Any, stride: Any, padding: Any, dtype: torch.dtype, channels_last: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[build.__module__], "_LARGE", 3 * 4 * 9 * 7)
    ours = build(Network("one", (MaxPool(kernel, stride, padding),)), (9, 7, 4)).train()
    x = torch.randn(3, 4, 9, 7).to(dtype)
    x = x.contiguous(memory_format=torch.channels_last) if channels_last else x
    kept: list[Tensor] = []
    found: list[Any] = []
    for pool in (ours, nn.MaxPool2d(kernel, stride, padding)):
        leaf = x.clone(memory_format=torch.preserve_format).requires_grad_()
        with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
            pooled = pool(leaf)
        pooled.backward(torch.linspace(-1, 1, pooled.numel()).reshape(pooled.shape).to(dtype))
        found.append((pooled.detach(), leaf.grad, pooled.stride(), leaf.grad.stride(), [t.dtype for t in kept]))
        kept.clear()
    (a, da, layout, back, ours_kept), (b, db, theirs_layout, theirs_back, theirs_kept) = found
    assert torch.equal(a, b) and torch.equal(da, db)
    assert (layout, back) == (theirs_layout, theirs_back)
    assert ours_kept == [torch.int64] and sorted(theirs_kept, key=str) == sorted([dtype, torch.int64], key=str)


def test_a_gradient_comes_through_flattening_in_the_layout_of_the_images() -> None:
    module = build(Network("n", (Conv(3, 1), Flatten(), Dense(2))), (4, 4, 3))[1]
    for layout in (torch.channels_last, torch.contiguous_format):
        x = torch.randn(2, 3, 4, 4).contiguous(memory_format=layout).requires_grad_()
        came: list[Tensor] = []
        seen = x.clone()
        loss = module(seen).square().sum()
        seen.register_hook(came.append)
        loss.backward()
        assert x.grad is not None and torch.equal(x.grad, 2 * x.detach())
        assert came[0].is_contiguous(memory_format=layout)


@pytest.mark.parametrize("pool", ["avg", "max"])
def test_global_pooling_is_pytorchs(pool: str) -> None:
    x = torch.randn(2, 3, 5, 4)
    torchs = nn.AdaptiveAvgPool2d(1) if pool == "avg" else nn.AdaptiveMaxPool2d(1)
    torch.testing.assert_close(build(Network("one", (GlobalPool(pool),)), (5, 4, 3))(x), torchs(x).flatten(1))


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("relu", lambda x: np.maximum(x, 0)),
        ("leaky_relu", lambda x: np.where(x > 0, x, 0.01 * x)),
        ("elu", lambda x: np.where(x > 0, x, np.expm1(x))),
        ("gelu", lambda x: x * 0.5 * (1 + special.erf(x / np.sqrt(2)))),
        ("silu", lambda x: x / (1 + np.exp(-x))),
        ("tanh", np.tanh),
        ("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
    ],
)
def test_an_activation_follows_its_formula(name: str, formula: Callable[[Any], Any]) -> None:
    x = np.linspace(-4, 4, 41)
    found = build(Network("one", (Activation(name),)), (1, 1, 1))(torch.from_numpy(x))
    np.testing.assert_allclose(found.numpy(), formula(x), rtol=1e-12, atol=1e-12)


def test_every_activation_is_tested_against_its_formula() -> None:
    marks = test_an_activation_follows_its_formula.pytestmark  # type: ignore[attr-defined]
    assert {name for name, _ in marks[0].args[1]} == set(ACTIVATIONS)


def test_dense_layers_read_an_image_channel_by_channel_as_flatten_gives_it() -> None:
    module = build(Network("one", (Flatten(), Dense(4))), (3, 2, 2))
    weight, bias = (value.detach().numpy() for value in module.get_submodule("fc1").parameters())
    x = np.random.default_rng(0).standard_normal((5, 2, 3, 2)).astype(np.float32)
    expected = x.reshape(5, -1) @ weight.T + bias
    np.testing.assert_allclose(module(torch.from_numpy(x)).detach().numpy(), expected, rtol=1e-5, atol=1e-6)
    last = torch.from_numpy(x).to(memory_format=torch.channels_last)
    np.testing.assert_allclose(module(last).detach().numpy(), expected, rtol=1e-5, atol=1e-6)


small = st.integers(1, 4)
filters = st.sampled_from([2, 4])
block = st.recursive(
    st.one_of(
        st.builds(Conv, filters, st.sampled_from([1, 3]), padding=st.just("same"), groups=st.integers(1, 2)),
        st.builds(Conv, filters, small, stride=small, padding=small, bias=st.booleans()),
        st.builds(MaxPool, st.integers(1, 3), st.one_of(st.none(), small)),
        st.builds(AvgPool, st.integers(1, 3), st.one_of(st.none(), small)),
        st.builds(BatchNorm, scale=st.booleans()),
        st.builds(Scale, st.floats(0.1, 2)),
        st.builds(Dropout),
        st.builds(Activation, st.sampled_from(ACTIVATIONS)),
    ),
    lambda inner: st.builds(Residual, st.lists(inner, max_size=3).map(tuple), st.lists(inner, max_size=1).map(tuple)),
    max_leaves=5,
)
end = st.one_of(
    st.just((Flatten(), Dense(3))),
    st.just((GlobalPool(), BatchNorm(), Dense(3, bias=False))),
    st.sampled_from([RNN, LSTM, GRU]).map(lambda kind: (kind(3),)),
    st.sampled_from([RNN, LSTM, GRU]).map(lambda kind: (kind(3, return_sequences=True), Dropout(), kind(2))),
    st.just(()),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.lists(block, min_size=1, max_size=4), end)
def test_any_network_that_its_spec_accepts_has_the_spec_s_arrays_shapes_and_costs(
    start: list[Layer], rest: tuple[Layer, ...]
) -> None:
    network, shape = Network("any", (*start, *rest)), (8, 7, 2)
    try:
        rows = trace(network, shape)
    except SpecError:
        assume(False)
    module = build(network, shape)
    trainable, buffers = parameter_shapes(network, shape)
    assert {key: tuple(value.shape) for key, value in module.named_parameters()} == trainable
    assert {key: tuple(value.shape) for key, value in module.named_buffers()} == buffers
    assert set(initial_weights(network, shape, seed=0)) == set(trainable) | set(buffers)
    x, total = torch.randn(2, 2, 8, 7), 0
    for row in rows:
        with FlopCounterMode(display=False) as counter:
            x = module.get_submodule(row.name)(x)
        height_last = (2, row.output[2], *row.output[:2]) if len(row.output) == 3 else (2, *row.output)
        assert tuple(x.shape) == height_last
        if not isinstance(row.layer, RNN | LSTM | GRU):  # the counter knows no recurrent layers
            total += 2 * 2 * row.multiply_adds
            assert counter.get_total_flops() == 2 * 2 * row.multiply_adds
        if row.neurons and not isinstance(row.layer, Residual):
            assert row.neurons == x[0].numel()


def test_multiply_adds_of_a_recurrent_layer_are_those_of_its_two_matrices_at_each_step() -> None:
    for kind, gates in ((RNN, 1), (LSTM, 4), (GRU, 3)):
        (row,) = trace(Network("one", (kind(5),)), (4, 3, 2))
        assert row.multiply_adds == 4 * gates * (5 * 6 + 5 * 5)


@pytest.mark.parametrize("name", ["train", "forward", "training", "_modules"])
def test_a_name_that_modules_use_themselves_is_refused(name: str) -> None:
    for layer in (Conv(1, 3, padding=1, name=name), Residual((Conv(1, 3, padding=1, name=name),))):
        with pytest.raises(SpecError) as caught:
            build(Network("net", (layer,)), (8, 8, 1))
        assert str(caught.value) == (
            f"net: a layer has a name that torch's modules use: attribute '{name}' already exists. Rename it."
        )


def test_batch_norm_keeps_the_statistics_that_pytorchs_keeps() -> None:
    module, torchs = build(Network("one", (BatchNorm(momentum=0.3),)), (4, 4, 3)), nn.BatchNorm2d(3, momentum=0.3)
    for _ in range(3):
        x = torch.randn(5, 3, 4, 4) * 2 + 1
        torch.testing.assert_close(module(x), torchs(x))
    torch.testing.assert_close(module.state_dict()["bn1.running_mean"], torchs.running_mean)
    torch.testing.assert_close(module.state_dict()["bn1.running_var"], torchs.running_var)
    torch.testing.assert_close(module.eval()(x), torchs.eval()(x))


def test_batch_norm_without_a_scale_is_that_of_ones() -> None:
    plain, ones = (build(Network("one", (BatchNorm(scale=scale),)), (4, 4, 3)) for scale in (False, True))
    assert "bn1.weight" not in plain.state_dict() and "bn1.weight" in ones.state_dict()
    x = torch.randn(5, 3, 4, 4) * 2 + 1
    torch.testing.assert_close(plain(x), ones(x))
    torch.testing.assert_close(plain.eval()(x), ones.eval()(x))


def test_a_scale_multiplies() -> None:
    x = torch.randn(5, 3)
    torch.testing.assert_close(build(Network("one", (Scale(0.25),)), (1, 1, 3))(x), x / 4)


def test_a_residual_block_adds_its_branches() -> None:
    block = Residual((Conv(3, 3, padding=1),), (Conv(3, 1),))
    module = build(Network("one", (block,)), (5, 5, 2))
    x = torch.randn(2, 2, 5, 5)
    inner = module.get_submodule("res1")
    torch.testing.assert_close(module(x), inner.get_submodule("conv1")(x) + inner.get_submodule("shortcut_conv1")(x))


def test_building_draws_nothing_from_the_global_generator() -> None:
    before = torch.get_rng_state()
    build(catalog.load("networks", "resnet9")(input_shape=(32, 32, 3), classes=10), (32, 32, 3), seed=3)
    assert torch.equal(before, torch.get_rng_state())

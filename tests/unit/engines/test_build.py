"""Modules are what the specs say, and begin with the weights that they say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy import special, stats
from torch import Tensor, nn
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
    Whitening,
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


def test_first_weights_are_a_function_of_seed_and_name_alone() -> None:
    small = Network("a", (Conv(4, 3), Flatten(), Dense(7)))
    larger = Network("b", (Conv(4, 3), Conv(4, 1, name="more"), Flatten(), Dense(7)))
    one, two = initial_weights(small, (8, 8, 1), seed=1), initial_weights(larger, (8, 8, 1), seed=1)
    assert all((one[name] == two[name]).all() for name in one)
    other = initial_weights(small, (8, 8, 1), seed=2)
    assert not (one["conv1.weight"] == other["conv1.weight"]).any()


@pytest.mark.parametrize(
    ("how", "variance", "mean_bias"),
    [("default", 1 / (3 * 400), False), ("xavier", 2 / (400 + 300), True), ("kaiming", 2 / 400, True)],
)
def test_initialisations_have_the_variance_of_their_papers(how: str, variance: float, mean_bias: bool) -> None:
    arrays = initial_weights(Network("a", (Flatten(), Dense(300)), how), (20, 20, 1), seed=0)
    assert arrays["fc1.weight"].var() == pytest.approx(variance, rel=0.02)
    assert (arrays["fc1.bias"] == 0).all() == mean_bias


@pytest.mark.parametrize(
    ("layers", "theirs"),
    [
        ((Conv(128, 5),), lambda: nn.Conv2d(16, 128, 5)),
        ((Conv(128, 5, groups=4),), lambda: nn.Conv2d(16, 128, 5, groups=4)),
        ((Flatten(), Dense(300)), lambda: nn.Linear(8 * 8 * 16, 300)),
        *(((kind(64),), partial(torchs, 8 * 16, 64)) for kind, torchs in TORCHS.items()),
    ],
    ids=["conv", "groups", "dense", "rnn", "lstm", "gru"],
)
def test_the_default_is_distributed_as_pytorchs(layers: tuple[Layer, ...], theirs: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    arrays = initial_weights(Network("a", layers), (8, 8, 16), seed=0)
    ours = {key.partition(".")[2]: array.ravel() for key, array in arrays.items()}
    for key, tensor in theirs().named_parameters():
        array, values = ours[key.removesuffix("_l0")], tensor.detach().numpy().ravel()
        assert array.size == values.size
        assert stats.ks_2samp(array, values).pvalue > 1e-4
        assert np.abs(array).max() == pytest.approx(np.abs(values).max(), rel=0.1)


@pytest.mark.parametrize(
    ("how", "theirs"), [("xavier", nn.init.xavier_uniform_), ("kaiming", nn.init.kaiming_normal_)]
)
def test_named_initialisations_of_filters_are_distributed_as_pytorchs(how: str, theirs: Any) -> None:
    arrays = initial_weights(Network("a", (Conv(64, 5),), how), (8, 8, 16), seed=0)
    torch.manual_seed(0)
    values = theirs(torch.empty(64, 16, 5, 5), **({"nonlinearity": "relu"} if how == "kaiming" else {})).numpy()
    assert stats.ks_2samp(arrays["conv1.weight"].ravel(), values.ravel()).pvalue > 1e-4
    assert arrays["conv1.weight"].std() == pytest.approx(values.std(), rel=0.02)


def test_recurrent_weights_are_drawn_gate_by_gate() -> None:
    network = Network("a", (LSTM(64),), "xavier")
    arrays = initial_weights(network, (4, 8, 4), seed=0)
    for gate in np.split(arrays["lstm1.weight_ih"], 4):
        assert np.abs(gate).max() == pytest.approx(np.sqrt(6 / (64 + 32)), rel=0.02)
    for gate in np.split(arrays["lstm1.weight_hh"], 4):
        assert np.abs(gate).max() == pytest.approx(np.sqrt(6 / (64 + 64)), rel=0.02)
    assert not arrays["lstm1.bias_ih"].any()


def test_batch_norm_begins_as_the_identity() -> None:
    arrays = initial_weights(Network("a", (BatchNorm(),), "kaiming"), (4, 4, 3), seed=0)
    assert {name: set(array.tolist()) for name, array in arrays.items()} == {
        "bn1.weight": {1.0},
        "bn1.bias": {0.0},
        "bn1.running_mean": {0.0},
        "bn1.running_var": {1.0},
    }


def test_orthogonal_weights_are_orthogonal() -> None:
    arrays = initial_weights(Network("a", (GRU(16), Dense(40)), "orthogonal"), (4, 8, 1), seed=0)
    for gate in arrays["gru1.weight_hh"].reshape(3, 16, 16):
        np.testing.assert_allclose(gate @ gate.T, np.eye(16), atol=1e-5)
    for gate in arrays["gru1.weight_ih"].reshape(3, 16, 8):
        assert np.abs(gate).max() == pytest.approx(np.sqrt(6 / (16 + 8)), rel=0.05)
    wide = initial_weights(Network("a", (Conv(6, 3),), "orthogonal"), (8, 8, 2), seed=0)["conv1.weight"].reshape(
        6, -1
    )
    np.testing.assert_allclose(wide @ wide.T, 2 * np.eye(6), atol=1e-5)
    np.testing.assert_allclose(arrays["fc1.weight"].T @ arrays["fc1.weight"], 2 * np.eye(16), atol=1e-5)


def test_whitening_leaves_patches_with_mean_0_and_covariance_1_at_any_scale_of_pixels() -> None:
    generator = np.random.default_rng(0)
    images = generator.random((200, 9, 8, 3)).cumsum(1).cumsum(2).astype(np.float32)
    network = Network("a", (Whitening(2, eps=0.0),))
    outputs = []
    for scale, shift in ((1.0, 0.0), (0.01, 3.0)):
        seen = (images * scale + shift).astype(np.float32)
        module = build(network, (9, 8, 3), images=seen)
        out = module(torch.from_numpy(seen.transpose(0, 3, 1, 2))).detach().double()
        flat = out.permute(0, 2, 3, 1).flatten(0, 2)
        torch.testing.assert_close(flat.mean(0), torch.zeros(24, dtype=torch.float64), atol=0.02, rtol=0)
        half = flat[:, :12]
        torch.testing.assert_close(half.T @ half / len(half), torch.eye(12, dtype=torch.float64), atol=0.05, rtol=0)
        torch.testing.assert_close(flat[:, 12:], -half, atol=0.02, rtol=0.02)
        outputs.append(half)
    torch.testing.assert_close(outputs[0], outputs[1], atol=0.3, rtol=0.1)


def test_whitening_of_images_that_are_all_one_colour_is_finite() -> None:
    module = build(Network("a", (Whitening(2),)), (4, 4, 1), images=np.full((5, 4, 4, 1), 0.5, np.float32))
    assert all(bool(tensor.isfinite().all()) for tensor in module.state_dict().values())


def test_whitening_trains_its_bias_alone() -> None:
    module = build(Network("a", (Whitening(2),)), (4, 4, 3))
    assert [name for name, _ in module.named_parameters()] == ["whitening1.bias"]
    assert module.state_dict()["whitening1.weight"].shape == (24, 3, 2, 2)


def test_whitening_is_not_rounded_under_autocast() -> None:
    images = np.random.default_rng(0).random((50, 8, 8, 3), np.float32)
    module = build(Network("one", (Whitening(2),)), (8, 8, 3), images=images)
    x = torch.from_numpy(images[:4]).permute(0, 3, 1, 2)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = module(x)
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded, module(x).bfloat16(), rtol=0, atol=0)
    assert module.double()(x.double()).dtype == torch.float64


def test_dirac_convolutions_pass_on_their_channels() -> None:
    module = build(Network("a", (Conv(5, 3, padding="same", bias=False),), "dirac"), (6, 6, 3))
    x = torch.rand(2, 3, 6, 6)
    with torch.no_grad():
        torch.testing.assert_close(module(x)[:, :3], x)
        assert float(module[0].weight[3:].abs().max()) > 0


def test_dirac_normal_is_dirac_with_dense_weights_of_variance_one() -> None:
    layers = (Conv(5, 3, padding="same", bias=False), Flatten(), Dense(50))
    plain, normal = (
        initial_weights(Network("a", layers, how), (6, 6, 3), seed=0) for how in ("dirac", "dirac_normal")
    )
    np.testing.assert_array_equal(plain["conv1.weight"], normal["conv1.weight"])
    np.testing.assert_array_equal(plain["fc1.bias"], normal["fc1.bias"])
    weight = normal["fc1.weight"]
    assert abs(float(weight.mean())) < 0.05 and abs(float(weight.std()) - 1) < 0.05

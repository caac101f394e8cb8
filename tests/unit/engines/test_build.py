"""Modules are what the specs say, and begin with the weights that they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pellucid import catalog
from pellucid.engines.initial_weights import initial_weights
from pellucid.engines.pytorch.build import build
from pellucid.spec import GRU, LSTM, RNN, AvgPool, BatchNorm, Conv, Dense, Flatten, MaxPool, Network, Residual, trace
from pellucid.spec.layer import ShapeError
from pellucid.spec.shapes import parameter_shapes

NETWORKS = [
    (name, (32, 32, 3) if name in ("vgg_small", "four_conv", "resnet9", "cifar_cnn") else (28, 28, 1))
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
    module = build(Network("one", (layer,)), (4, 3, 2))[0]
    module.load_state_dict({key.removesuffix("_l0"): value for key, value in torchs.state_dict().items()})
    x = torch.randn(7, 2, 4, 3)
    rows = x.permute(0, 2, 3, 1).reshape(7, 4, 6)
    torch.testing.assert_close(module(x), torchs(rows)[0][:, -1])


def test_batch_norm_keeps_the_statistics_that_pytorchs_keeps() -> None:
    module, torchs = build(Network("one", (BatchNorm(momentum=0.3),)), (4, 4, 3)), nn.BatchNorm2d(3, momentum=0.3)
    for _ in range(3):
        x = torch.randn(5, 3, 4, 4) * 2 + 1
        torch.testing.assert_close(module(x), torchs(x))
    torch.testing.assert_close(module.state_dict()["0.running_var".replace("0", "bn1")], torchs.running_var)
    torch.testing.assert_close(module.eval()(x), torchs.eval()(x))


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


def test_the_default_has_pytorchs_bounds() -> None:
    arrays = initial_weights(Network("a", (Conv(64, 5), Flatten(), Dense(300))), (8, 8, 16), seed=0)
    for name, theirs in (("conv1", nn.Conv2d(16, 64, 5)), ("fc1", nn.Linear(1024, 300))):
        for key in ("weight", "bias"):
            bound = float(getattr(theirs, key).detach().abs().max())
            assert np.abs(arrays[f"{name}.{key}"]).max() == pytest.approx(bound, rel=0.05)


def test_orthogonal_weights_are_orthogonal() -> None:
    arrays = initial_weights(Network("a", (GRU(16), Dense(40)), "orthogonal"), (4, 8, 1), seed=0)
    for gate in arrays["gru1.weight_hh"].reshape(3, 16, 16):
        np.testing.assert_allclose(gate @ gate.T, np.eye(16), atol=1e-5)
    np.testing.assert_allclose(arrays["fc1.weight"].T @ arrays["fc1.weight"], 2 * np.eye(16), atol=1e-5)

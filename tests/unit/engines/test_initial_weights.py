"""First weights: drawn by name, with the variances of their papers, and from images where a layer whitens."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from pellucid.engines.initial_weights import initial_weights
from pellucid.engines.pytorch.build import build
from pellucid.spec import (
    GRU,
    LSTM,
    RNN,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    Layer,
    Network,
    Whitening,
)


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
        *(
            ((kind(64),), partial(torchs, 8 * 16, 64))
            for kind, torchs in ((RNN, nn.RNN), (LSTM, nn.LSTM), (GRU, nn.GRU))
        ),
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

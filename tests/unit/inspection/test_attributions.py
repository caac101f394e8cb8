"""Attributions are those of the papers, of Captum where it has them, and of every way to write a ReLU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from attributions import RULED, close, images_of, plain, way
from slow_attribution import traced as slowly
from strangers import RELU_ONLY, ResNet, built, pictures
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

captum = pytest.importorskip("captum.attr")

# --- against what was written from the papers


def test_the_net_of_four_by_four_pixels_has_the_known_maps() -> None:
    """Captum's own fixture, worked out by hand: it tells the three apart."""
    conv, fc = nn.Conv2d(1, 2, 3), nn.Linear(8, 2, bias=False)
    with torch.no_grad():
        conv.weight.fill_(1)
        conv.bias.copy_(torch.tensor([-50.0, -75.0]))  # type: ignore[union-attr]
        fc.weight.copy_(torch.tensor([[1.0] * 5 + [-1.0] * 3, [-1.0] * 5 + [1.0] * 3]))
    module = nn.Sequential(conv, nn.ReLU(), nn.Flatten(), fc, nn.ReLU())
    x = torch.arange(16.0).view(1, 1, 4, 4)
    expected = {
        "deconvnet": [[2, 3, 3, 1], [3, 5, 5, 2], [3, 5, 5, 2], [1, 2, 2, 1]],
        "guided_backprop": [[0, 1, 1, 1], [1, 3, 3, 2], [1, 3, 3, 2], [1, 2, 2, 1]],
        "gradient": [[0, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 0]],
    }
    for name, values in expected.items():
        options = {"seed": "one"} if name == "deconvnet" else {}
        assert way(name, module, x, target=0, **options).array[0, 0].tolist() == values


@pytest.mark.parametrize("overlap", [False, True], ids=["pools apart", "pools that overlap"])
@pytest.mark.parametrize("rule", ["gradient", "deconvnet", "guided_backprop"])
@pytest.mark.parametrize("seed", range(3))
def test_maps_are_those_of_the_slow_reference(rule: str, overlap: bool, seed: int) -> None:
    module, x = plain(seed, overlap=overlap), images_of(seed)
    slow = "guided" if rule == "guided_backprop" else rule
    options = {"seed": "one"} if rule == "deconvnet" else {}
    with torch.no_grad():
        logits, maps = module(x).numpy(), module[:4](x).numpy()
    for target in range(3):
        found = way(rule, module, x, target=target, **options).array
        for row, image in zip(found, x.numpy(), strict=True):
            close(row, slowly(module, image, stop=len(module) - 1, neuron=(target,), rule=slow, seed=1))
    found = way(rule, module, x, layer="3", channel=2).array
    for row, image, of in zip(found, x.numpy(), maps, strict=True):
        i, j = np.unravel_index(of[2].argmax(), of[2].shape)
        start = max(of[2, i, j], 0) if rule == "deconvnet" else 1
        close(row, slowly(module, image, stop=3, neuron=(2, int(i), int(j)), rule=slow, seed=start))
    assert len(logits) == 3


def test_deconvnet_begins_with_the_activation_and_bypasses_local_response_normalisation() -> None:
    module, x = plain(1, normalise=True), images_of(1, 1)
    with torch.no_grad():
        values = module[:5](x)[0].numpy()
    found = way("deconvnet", module, x, layer="4", channel=1, place=(1, 0)).array[0]
    start = max(values[1, 1, 0], 0)
    close(found, slowly(module, x[0].numpy(), stop=4, neuron=(1, 1, 0), rule="deconvnet", seed=start))
    channel = int(values.max((1, 2)).argmin())
    places = np.argwhere(values[channel] < 0)
    dark = way("deconvnet", module, x, layer="4", channel=channel, place=tuple(int(v) for v in places[0]))
    assert not dark.array.any(), "a neuron that is not positive has nothing to send back"


# --- against Captum

#: Captum switches gradients of its input on, and hooks on ReLUs, and says so.
theirs_too = pytest.mark.filterwarnings("ignore:Input Tensor:UserWarning", "ignore:Setting:UserWarning")


@theirs_too
@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize("overlap", [False, True])
def test_class_maps_are_those_of_captum(dtype: torch.dtype, tolerance: float, overlap: bool) -> None:
    module = plain(3, overlap=overlap).to(dtype)
    x, target = images_of(4).to(dtype), torch.tensor([2, 0, 1])
    pairs = {
        "gradient": captum.Saliency(module).attribute(x, target=target, abs=False),
        "gradient_x_input": captum.InputXGradient(module).attribute(x, target=target),
        "deconvnet": captum.Deconvolution(module).attribute(x, target=target),
        "guided_backprop": captum.GuidedBackprop(module).attribute(x, target=target),
        "integrated_gradients": captum.IntegratedGradients(module).attribute(x, target=target, n_steps=50),
        "grad_cam": captum.LayerGradCam(module, module[3]).attribute(x, target=target, relu_attributions=True),
    }
    for name, expected in pairs.items():
        options = {"deconvnet": {"seed": "one"}, "grad_cam": {"layer": "3"}}.get(name, {})
        # Captum keeps the weights of its integral in float32
        allowed = max(tolerance, 1e-7) if name == "integrated_gradients" else tolerance
        close(way(name, module, x, target=target.tolist(), **options).array, expected.detach().numpy(), allowed)


@theirs_too
def test_neuron_maps_are_those_of_captum() -> None:
    module, x = plain(5), images_of(6)
    for name, theirs in {
        "gradient": captum.NeuronGradient,
        "deconvnet": captum.NeuronDeconvolution,
        "guided_backprop": captum.NeuronGuidedBackprop,
    }.items():
        expected = theirs(module, module[3]).attribute(x, neuron_selector=(3, 1, 0))
        options = {"seed": "one"} if name == "deconvnet" else {}
        found = way(name, module, x, layer="3", channel=3, place=(1, 0), **options)
        close(found.array, expected.detach().numpy())


@theirs_too
def test_on_a_residual_network_captum_reads_reused_relus_as_we_do() -> None:
    module, x = built(ResNet), pictures(3)
    expected = captum.Saliency(module).attribute(x, target=1, abs=False)
    close(way("gradient", module, x, target=1).array, expected.detach().numpy())


# --- every way to write a ReLU


class Written(nn.Module):
    """Two convolutions, their ReLUs written in one of many ways."""

    def __init__(self, relu: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv1, self.conv2, self.fc = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4, 5)
        self._relu = relu

    def forward(self, x: Tensor) -> Tensor:
        y = self._relu(self.conv1(x))
        z = self._relu(self.conv2(y))
        return self.fc((z + y[:, :, 1:-1, 1:-1]).mean((2, 3)))


SPELLINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "module": nn.ReLU(),
    "module in place": nn.ReLU(inplace=True),
    "F.relu": F.relu,
    "F.relu in place": lambda x: F.relu(x, inplace=True),
    "F.relu_": F.relu_,
    "torch.relu": torch.relu,
    "method": lambda x: x.relu(),
    "method in place": lambda x: x.relu_(),
    "clamp": lambda x: x.clamp(min=0),
    "clamp in place": lambda x: x.clamp_(min=0),
    "clamp_min": lambda x: torch.clamp_min(x, 0),
    "maximum": lambda x: torch.maximum(x, torch.zeros_like(x)),
}


@pytest.mark.parametrize("rule", RULED)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_relu_is_met_however_it_is_written(spelling: str, rule: str) -> None:
    base = built(lambda: Written(F.relu))
    module = Written(SPELLINGS[spelling]).double().eval()
    module.load_state_dict(base.state_dict())
    x = pictures(2)
    expected = way(rule, base, x, target=1).array
    assert not np.allclose(expected, way("gradient", base, x, target=1).array), "the rule must matter here"
    close(way(rule, module, x, target=1).array, expected, 0)
    close(way(rule, module, x, layer="conv2", channel=1).array, way(rule, base, x, layer="conv2", channel=1).array, 0)


@pytest.mark.parametrize("make", RELU_ONLY)
def test_the_rule_of_a_branching_network_is_that_of_replaced_functions(
    make: Callable[[], nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same rule by another road: every ReLU that these networks call is replaced, in place or not."""

    class Guided(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, f: Tensor) -> Tensor:
            ctx.save_for_backward(f.detach().clone())
            return f.clamp(min=0)

        @staticmethod
        def backward(ctx: Any, r: Tensor) -> Tensor:  # type: ignore[override]
            return r.clamp(min=0) * (ctx.saved_tensors[0] > 0)

    module, x = built(make), pictures(2)
    found = way("guided_backprop", module, x, target=2).array
    monkeypatch.setattr(F, "relu", lambda f, inplace=False: Guided.apply(f))
    monkeypatch.setattr(torch, "relu", lambda f: Guided.apply(f))
    leaf = x.clone().requires_grad_()
    module(leaf)[:, 2].sum().backward()
    assert leaf.grad is not None
    close(found, leaf.grad.numpy())

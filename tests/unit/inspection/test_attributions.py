"""Attributions are those of the papers, of Captum where it has them, and of every way to write a ReLU."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from slow_attribution import traced as slowly
from strangers import OTHERS, RELU_ONLY, AlexNet, BiLSTM, ConvNeXt, MobileNet, ResNet, built, pictures
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from pellucid import catalog
from pellucid.displays.maps import Maps
from pellucid.errors import DataError, SpecError, UsageError
from pellucid.images import Images
from pellucid.inspection._layers import layers

captum = pytest.importorskip("captum.attr")

WAYS = (
    "gradient",
    "gradient_x_input",
    "deconvnet",
    "guided_backprop",
    "integrated_gradients",
    "smoothgrad",
    "grad_cam",
)
RULED = ("deconvnet", "guided_backprop")


def way(name: str, *args: Any, **options: Any) -> Maps:
    found = catalog.load("inspection", name)(*args, **options)
    assert isinstance(found, Maps)
    return found


def plain(seed: int = 0, *, overlap: bool = False, normalise: bool = False) -> nn.Sequential:
    """A small stack whose every mechanism the slow reference knows."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        pool = nn.MaxPool2d(3, 2) if overlap else nn.MaxPool2d(2, 2)
        parts = [nn.Conv2d(2, 5, 3, padding=1), nn.ReLU(), *([nn.LocalResponseNorm(3)] if normalise else []), pool]
        parts += [nn.Conv2d(5, 4, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(6), nn.ReLU(), nn.Linear(6, 3)]
        module = nn.Sequential(*parts).double()
        module(torch.zeros(1, 2, 13, 12, dtype=torch.float64))
    return module.eval()


def images_of(seed: int, count: int = 3) -> Tensor:
    return torch.randn(count, 2, 13, 12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def close(found: Any, expected: Any, tolerance: float = 1e-10) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    scale = np.abs(expected).max() or 1.0
    assert np.abs(found - expected).max() <= tolerance * scale


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


# --- strangers' networks


@pytest.mark.parametrize("make", [*RELU_ONLY, *OTHERS])
def test_the_gradient_is_that_of_small_differences(make: Callable[[], nn.Module]) -> None:
    module, x = built(make), pictures(1)
    slope = way("gradient", module, x, target=3).array[0]
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 1e-6
    with torch.no_grad():
        difference = (module(x + direction) - module(x - direction))[0, 3].item() / 2
    assert difference == pytest.approx(float((slope * direction[0].numpy()).sum()), rel=1e-4)


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("make", [*RELU_ONLY, *OTHERS])
def test_every_way_works_on_a_stranger_or_refuses_by_name(make: Callable[[], nn.Module], name: str) -> None:
    module, x = built(make), pictures(2)
    options = {"samples": 2} if name == "smoothgrad" else {"steps": 3} if name == "integrated_gradients" else {}
    if name in RULED and make in OTHERS:
        with pytest.raises(UsageError, match=r"relu6|hardtanh|gelu|lstm"):
            way(name, module, x)
        if make is not BiLSTM:
            options = {"others": "gradient"}
    if name == "grad_cam" and make is BiLSTM:
        with pytest.raises(UsageError, match="expected a network with convolutional layers, found lstm"):
            way(name, module, x)
        return
    if name in RULED and make is BiLSTM:
        return
    found = way(name, module, x, **options)
    assert np.isfinite(found.array).all() and found.array.any()
    assert len(found.array) == 2


@pytest.mark.parametrize("name", ["gradient", "gradient_x_input", "deconvnet", "guided_backprop"])
def test_a_batch_of_targets_is_each_target_alone(name: str) -> None:
    module, x = built(ResNet), pictures(3)
    together = way(name, module, x, target=[0, 3, 1]).array
    for k, target in enumerate([0, 3, 1]):
        close(together[k : k + 1], way(name, module, x[k : k + 1], target=target).array)
    one_image = way(name, module, x[:1], target=[0, 1, 2, 3, 4]).array
    close(one_image[3:4], way(name, module, x[:1], target=3).array)
    neurons = way(name, module, x, layer="layer1.conv2", channel=[5, 0, 2]).array
    close(neurons[1:2], way(name, module, x[1:2], layer="layer1.conv2", channel=0).array)


def test_integrated_gradients_add_up_to_the_difference() -> None:
    module, x = built(ConvNeXt), pictures(3)
    found = way("integrated_gradients", module, x, target=2, steps=200).array
    with torch.no_grad():
        difference = (module(x) - module(torch.zeros_like(x)))[:, 2].numpy()
    assert np.allclose(found.sum((1, 2, 3)), difference, rtol=1e-3)


def test_smoothgrad_is_the_mean_over_its_noise() -> None:
    module, x = built(MobileNet), pictures(2)
    found = way("smoothgrad", module, x, target=0, samples=4, noise=0.2, seed=7).array
    generator, total = np.random.default_rng(7), torch.zeros_like(x)
    for _ in range(4):
        spread = 0.2 * (x.amax((1, 2, 3)) - x.amin((1, 2, 3)))
        noisy = x + spread[:, None, None, None] * torch.from_numpy(generator.standard_normal(tuple(x.shape)))
        noisy.requires_grad_()
        module(noisy)[:, 0].sum().backward()
        assert noisy.grad is not None
        total += noisy.grad
    close(found, (total / 4).numpy())
    assert way("smoothgrad", module, x, target=0, samples=1, noise=0).array == pytest.approx(
        way("gradient", module, x, target=0).array
    )


def test_a_twin_has_other_weights_and_the_same_shape() -> None:
    module, x = built(ResNet), pictures(2)
    found = way("gradient", module, x, target=0, twin=True)
    assert found.twin is not None and found.twin.shape == found.array.shape
    assert not np.allclose(found.twin, found.array)
    assert len(found.similarity) == 2 and all(abs(one) < 0.9 for one in found.similarity)
    assert found.render("png").startswith(b"\x89PNG")


# --- nothing is changed


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("name", WAYS)
def test_the_model_is_left_as_it_was(name: str, fails: bool) -> None:
    module, x = built(AlexNet), pictures(2)
    module.train()
    module.features[2].eval()  # type: ignore[index, union-attr]
    next(module.parameters()).requires_grad_(False)
    modes = [part.training for part in module.modules()]
    flags = [value.requires_grad for value in module.parameters()]
    weights = {key: value.clone() for key, value in module.state_dict().items()}
    torch.manual_seed(3)
    state = torch.random.get_rng_state()
    if fails:
        with pytest.raises(SpecError, match="AlexNet: expected to take images 3 x 9 x 9"):
            way(name, module, x[:, :, :9, :9])
    else:
        way(name, module, x)
    assert [part.training for part in module.modules()] == modes
    assert [value.requires_grad for value in module.parameters()] == flags
    assert all(torch.equal(value, weights[key]) for key, value in module.state_dict().items())
    assert all(value.grad is None for value in module.parameters())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not any(part._forward_hooks or part._backward_hooks for part in module.modules())


# --- what is refused


def test_bad_questions_are_answered_with_what_is_there() -> None:
    module, x = built(ResNet), pictures(2)
    with pytest.raises(UsageError, match=r"unknown layer 'conv9'.*conv1 \(6x32x32\)"):
        way("gradient", module, x, layer="conv9", channel=0)
    with pytest.raises(UsageError, match=r"channel: expected 0 to 5 \(layer conv1, 6x32x32\), found 6"):
        way("gradient", module, x, layer="conv1", channel=6)
    with pytest.raises(UsageError, match="target: expected a class from 0 to 4, found 5"):
        way("gradient", module, x, target=5)
    with pytest.raises(UsageError, match="target: expected one, or one for each of 2 images, found 3"):
        way("gradient", module, x, target=[0, 1, 2])
    with pytest.raises(UsageError, match="place: expected row and column within 32x32"):
        way("gradient", module, x, layer="conv1", channel=0, place=(32, 0))
    with pytest.raises(UsageError, match="channel: expected a layer beside it"):
        way("gradient", module, x, channel=0)
    with pytest.raises(UsageError, match="either a class or a neuron"):
        way("gradient", module, x, layer="conv1", target=0)
    with pytest.raises(DataError, match="images: expected floats N x C x H x W"):
        way("gradient", module, torch.zeros(2, 32, 32, 3, dtype=torch.uint8))
    with pytest.raises(UsageError, match=r"model: expected a torch.nn.Module"):
        way("gradient", "resnet", x)
    with pytest.raises(UsageError, match="steps: expected a whole number of 1 or more"):
        way("integrated_gradients", module, x, steps=0)


def test_compiled_modules_are_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.trace(nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU()), torch.zeros(1, 3, 8, 8))
    with pytest.raises(UsageError, match="expected a module that runs in Python"):
        way("gradient", scripted, torch.zeros(1, 3, 8, 8))


def test_layers_are_listed_by_their_calls() -> None:
    found = layers(built(ResNet), pictures(1))
    names = [one.name for one in found]
    assert names[:5] == ["conv1", "relu", "layer1.conv1", "layer1.bn1", "layer1.relu"]
    assert "layer1.relu#2" in names
    assert names[-1] == "fc"


def test_images_of_bytes_are_scaled_as_the_model_was_trained() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    images = Images(pixels, np.array([0, 1]), ("a", "b", "c", "d", "e"))
    module = built(ResNet, dtype=torch.float32)
    floats = torch.from_numpy(pixels.transpose(0, 3, 1, 2).astype(np.float32) * np.float32(1 / 255))
    found = way("gradient", module, images, target=[0, 4])
    close(found.array, way("gradient", module, floats, target=[0, 4]).array, 1e-6)
    assert list(found.captions) == ["a", "e (is b)"]
    assert np.array_equal(found.images, pixels)

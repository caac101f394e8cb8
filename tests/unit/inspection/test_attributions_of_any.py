"""Attributions of networks of any kind: small differences, what is refused, and nothing that is changed."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from attributions import RULED, WAYS, close, way
from strangers import OTHERS, RELU_ONLY, AlexNet, BiLSTM, ConvNeXt, MobileNet, ResNet, built, pictures
from torch import nn

from pellucid.errors import DataError, SpecError, UsageError
from pellucid.images import Images
from pellucid.inspection._layers import layers

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

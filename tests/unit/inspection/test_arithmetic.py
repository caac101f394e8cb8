"""What is told of a neuron adds up to its value, in our networks and in those of strangers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from strangers import VGG, AlexNet, DenseNet, Inception, MobileNet, ResNet, built
from torch import nn
from torch.nn import functional

from pellucid import catalog
from pellucid.engines import pytorch
from pellucid.engines.pytorch.build import build
from pellucid.errors import UsageError
from pellucid.images import Scaling
from pellucid.inspection._account import MOST, Neuron, Step
from pellucid.inspection._arithmetic import arithmetic
from pellucid.inspection._layers import layers
from pellucid.inspection._subject import Subject, by_channel, watched
from pellucid.spec import Conv, Network
from pellucid.spec import Scale as ScaleSpec
from pellucid.verbs.networks import network


def outputs(subject: Subject, x: torch.Tensor) -> dict[str, np.ndarray[Any, Any]]:
    found = {}
    with (
        subject.quiet(),
        torch.no_grad(),
        watched(
            subject.module, lambda name, value: found.__setitem__(name, by_channel(value)[0].double().numpy().copy())
        ),
    ):
        subject.module(x)
    return found


def places(shape: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """First, last, and one between."""
    generator = np.random.default_rng(sum(shape))
    between = tuple(int(generator.integers(side)) for side in shape)
    return [(0, 0, 0), tuple(side - 1 for side in shape), between]  # type: ignore[list-item]


def check_all(subject: Subject, x: torch.Tensor) -> set[str]:
    """Every layer at three places; the rules that were met."""
    known, values, rules = layers(subject, x), outputs(subject, x), set()
    for one in known:
        for channel, row, column in places(one.shape):
            steps = arithmetic(subject, x, Neuron(one.name, channel, row, column), known)
            assert steps[0].value == pytest.approx(values[one.name][channel, row, column], abs=1e-5)
            for step in steps:
                assert step.total == pytest.approx(step.value, rel=1e-4, abs=1e-4), (one.name, step.to_dict())
                rules.add(step.rule)
            for step, below in pairwise(steps):
                assert below.neuron == step.source
    return rules


@pytest.mark.parametrize("name", catalog.names("networks"))
def test_every_neuron_of_our_networks_adds_up(name: str) -> None:
    shape = (
        (32, 32, 3) if name in ("cifar_cnn", "compact_cifar", "vgg_small", "four_conv", "resnet9") else (28, 28, 1)
    )
    model = pytorch.model(network(name, input_shape=shape), shape, Scaling.unit(shape[2]))
    subject = Subject.of(model)
    for part in subject.module.modules():  # running statistics that do something
        if hasattr(part, "running_mean"):
            part.running_mean.normal_(), part.running_var.uniform_(0.5, 2)
    rules = check_all(subject, torch.randn(1, shape[2], *shape[:2]))
    assert rules <= {"sum", "largest", "mean", "function", "normalised", "added", "same", "untold"}
    if name.startswith("row"):
        assert "untold" in rules
    else:
        assert "untold" not in rules and "sum" in rules


@pytest.mark.parametrize("make", [AlexNet, VGG, ResNet, Inception, DenseNet, MobileNet])
def test_strangers_networks_add_up(make: type[nn.Module]) -> None:
    check_all(Subject.of(built(make)), torch.randn(1, 3, 32, 32, dtype=torch.float64))


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2),
        nn.Conv2d(4, 3, 3, padding="same", bias=False),
        nn.Conv2d(4, 3, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(4, 3, 3, padding=1, padding_mode="circular"),
        nn.MaxPool2d(3, 2, padding=1, ceil_mode=True),
        nn.MaxPool2d(2, 1, dilation=2),
        nn.AvgPool2d(3, 2, padding=1, ceil_mode=True),
        nn.AvgPool2d(3, 2, padding=1, count_include_pad=False),
        nn.AvgPool2d(2, divisor_override=3),
        nn.AdaptiveAvgPool2d((3, 4)),
        nn.AdaptiveMaxPool2d(5),
        nn.ELU(), nn.GELU(), nn.SiLU(), nn.Softplus(), nn.Mish(), nn.Hardswish(), nn.SELU(),
    ],
    ids=str,
)  # fmt: skip
def test_every_option_of_a_layer_adds_up_at_every_place(layer: nn.Module) -> None:
    subject, x = Subject.of(nn.Sequential(layer)), torch.randn(1, 4, 9, 11)
    known = layers(subject, x)
    expected = layer(x)[0].detach().double().numpy()
    for channel, row, column in np.ndindex(known[0].shape):
        (step,) = arithmetic(subject, x, Neuron("0", channel, row, column), known)
        assert step.total == pytest.approx(expected[channel, row, column], abs=1e-5)


def lenet5() -> tuple[Subject, torch.Tensor]:
    return Subject.of(pytorch.model(network("lenet5"), (28, 28, 1), Scaling.unit(1))), torch.rand(1, 1, 28, 28)


def told(layer: str, *place: int) -> list[Step]:
    subject, x = lenet5()
    return arithmetic(subject, x, Neuron(layer, *place), layers(subject, x))


def test_a_rectified_neuron_is_followed_to_the_patch_of_the_image() -> None:
    subject, x = lenet5()
    after, below = arithmetic(subject, x, Neuron("relu1", 3, 0, 27), layers(subject, x))
    assert (after.rule, after.source) == ("function", Neuron("conv1", 3, 0, 27))
    assert after.value == max(0.0, after.numbers["x"]) and below.value == after.numbers["x"]
    assert below.source == Neuron("", 0, -2, 25)
    (part,) = below.parts
    assert part.inside.tolist() == [[False] * 5] * 2 + [[True, True, True, False, False]] * 3
    assert not part.patch[~part.inside].any()
    assert np.allclose(part.patch[2:, :3], x[0, 0, :3, 25:])
    weight = dict(subject.module.named_parameters())["conv1.weight"].detach().numpy()[3, 0]
    assert np.allclose(part.weights, weight)


def test_a_pooled_neuron_names_the_winner_and_a_dense_unit_its_strongest_maps() -> None:
    (pooled,) = told("pool1", 2, 3, 4)
    winner = pooled.source
    assert winner is not None and winner.layer == "relu1"
    assert (winner.row // 2, winner.column // 2, winner.channel) == (3, 4, 2)
    (dense,) = told("fc1", 7)
    assert dense.source == Neuron("pool2", 0) and dense.parts[0].patch.shape == (5, 5)
    assert (len(dense.parts), dense.others) == (MOST, 16 - MOST)
    sizes = [abs(part.total) for part in dense.parts]
    assert sizes == sorted(sizes, reverse=True)
    assert told("fc2", 0)[0].parts[0].patch.shape == (1, 1)
    assert "untold" not in {step.rule for step in told("relu4", 5)}


class Between(nn.Module):
    """Functions between the layers: one that changes a layer's output in place, and one that makes a new tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Conv2d(1, 3, 3), nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.second(functional.relu(self.first(x), inplace=True))
        return self.third(functional.relu(x)).flatten(1)


class Scale(nn.Module):
    """Not ours: a number for each channel."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.arange(1.0, 4.0)[:, None, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight


def test_a_scale_tells_its_factor_and_anothers_is_left_untold() -> None:
    x = torch.randn(1, 1, 6, 6)
    ours = Subject.of(build(Network("a", (Conv(3, 3), ScaleSpec(0.25))), (6, 6, 1)))
    known = layers(ours, x)
    step = arithmetic(ours, x, Neuron("scale1", 2, 1, 1), known)[0]
    assert (step.rule, step.words) == ("function", "0.25 · x") and step.total == pytest.approx(step.value)
    assert step.source == Neuron("conv1", 2, 1, 1)
    theirs = Subject.of(nn.Sequential(nn.Conv2d(1, 3, 3), Scale()))
    assert arithmetic(theirs, x, Neuron("1", 2, 1, 1), layers(theirs, x))[0].rule == "untold"


def test_no_source_is_named_where_code_between_layers_made_the_input() -> None:
    subject, x = Subject.of(Between()), torch.randn(1, 1, 9, 9)
    known = layers(subject, x)
    sources = [arithmetic(subject, x, Neuron(name, 0), known)[-1].source for name in ("first", "second", "third")]
    assert sources == [Neuron("", 0), None, None]


def test_what_is_not_there_is_told() -> None:
    with pytest.raises(UsageError, match=r"unknown layer 'conv9'.*conv1 \(6x28x28\)"):
        told("conv9", 0, 0, 0)
    with pytest.raises(UsageError, match=r"below 6, 28, 28 \(layer conv1, 6x28x28\), found 6, 0, 0"):
        told("conv1", 6, 0, 0)
    with pytest.raises(UsageError, match="found 0, 28, 0"):
        told("conv1", 0, 28, 0)


def test_the_module_is_left_as_it_was() -> None:
    subject, x = lenet5()
    subject.module.train()
    arithmetic(subject, x, Neuron("fc3", 0), layers(subject, x))
    assert subject.module.training
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in subject.module.modules())

"""Receptive fields of strangers' networks are exact: pixels inside change the neuron, pixels outside do not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strangers import VGG, AlexNet, ConvNeXt, DenseNet, Inception, MobileNet, ResNet, ViT, built, pictures
from torch import Tensor, nn

from pellucid import catalog
from pellucid.engines.pytorch.build import build
from pellucid.inspection._layers import LayerInfo, layers
from pellucid.inspection._subject import Subject, by_channel, output_at
from pellucid.spec.receptive_field import Extent
from pellucid.spec.shapes import trace


def awake(module: nn.Module) -> nn.Module:
    """Every pixel that can reach a neuron does: no negative weights, no bias, norms that only scale."""
    with torch.no_grad():
        for part in module.modules():
            for name, value in part.named_parameters(recurse=False):
                value.copy_(value.abs() + 0.01 if name == "weight" else torch.zeros_like(value))
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.zero_()  # type: ignore[union-attr]
    return module


def check(module: nn.Module, layer: LayerInfo, x: Tensor, place: tuple[int, int], strength: float = 50) -> None:
    """No pixel outside the field matters; where it lies inside the image, its first and last rows and columns do.

    (Dilation leaves holes inside; at the border, pixels that no window covers may lie in the field.)
    """
    assert layer.field is not None
    height, width = x.shape[2:]
    (top, bottom), (left, right) = layer.field.height.pixels(place[0]), layer.field.width.pixels(place[1])
    inside = torch.zeros(height, width, dtype=torch.bool)
    inside[max(top, 0) : bottom + 1, max(left, 0) : right + 1] = True
    whole = top >= 0 and left >= 0 and bottom < height and right < width
    changes = [~inside]
    if whole:
        for rows, columns in ((top, slice(None)), (bottom, slice(None)), (slice(None), left), (slice(None), right)):
            edge = torch.zeros_like(inside)
            edge[rows, columns] = True
            changes.append(edge & inside)
    images = torch.cat([x, *(x + strength * change for change in changes)])
    with torch.no_grad():
        values = by_channel(output_at(Subject.of(module), images, layer.name))[:, :, place[0], place[1]]
    # rows of a batch differ in the last bits
    moved = ((values - values[0]).abs() > 1e-12 * values[0].abs().clamp(min=1)).any(1).tolist()
    assert moved[1:] == [False, *[True] * (len(changes) - 1)], (layer, place)


@pytest.mark.parametrize("make", [AlexNet, VGG, ResNet, Inception, DenseNet, MobileNet, ConvNeXt, ViT])
def test_a_neuron_sees_its_field_and_nothing_else(make: Callable[[], nn.Module]) -> None:
    module, x = awake(built(make)), pictures(1)
    known = [one for one in layers(module, x) if one.rank == 4 and one.field is not None]
    assert known, "the convolutions at least"
    for layer in known:
        rows, columns = layer.shape[1:]
        for place in {(0, 0), (rows // 2, columns // 2), (rows - 1, columns - 1)}:  # corners and the middle
            check(module, layer, x, place)


def test_a_layer_norm_over_channels_keeps_places_and_one_over_places_does_not() -> None:
    info = {one.name: one for one in layers(built(ConvNeXt), pictures(1))}
    assert str(info["depthwise"].field) == "28x28"
    over_all = nn.Sequential(nn.Conv2d(3, 2, 3), nn.LayerNorm([2, 30, 30]), nn.Conv2d(2, 2, 3))
    assert [one.field is None for one in layers(over_all, torch.zeros(1, 3, 32, 32))] == [False, True, True]


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_fields_of_random_stacks_are_exact(data: st.DataObject) -> None:
    parts: list[nn.Module] = []
    size = 23
    for _ in range(data.draw(st.integers(1, 4))):
        kernel, stride = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
        dilation = data.draw(st.integers(1, 2))
        reach = dilation * (kernel - 1) + 1
        if data.draw(st.booleans()):
            padding = data.draw(st.integers(0, 2))
            parts.append(nn.Conv2d(1, 1, kernel, stride, padding, dilation, bias=False))
        else:
            padding = data.draw(st.integers(0, kernel // 2))
            kinds = [nn.MaxPool2d(kernel, stride, padding, dilation)]
            kinds += [nn.AvgPool2d(kernel, stride, padding)] if dilation == 1 else []
            parts.append(data.draw(st.sampled_from(kinds)))
        parts.append(data.draw(st.sampled_from([nn.ReLU(), nn.ReLU(inplace=True), nn.Identity()])))
        size = (size + 2 * padding - reach) // stride + 1
        assume(size >= 1)
    module = awake(nn.Sequential(*parts).double())
    x = torch.rand(1, 1, 23, 23, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    last = layers(module, x)[-1]
    place = (data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size - 1)))
    check(module, last, x, place, 1e6)


@pytest.mark.parametrize("name", [name for name in catalog.names("networks") if not name.startswith("row_")])
def test_our_own_networks_have_the_fields_of_their_specs(name: str) -> None:
    shape = (28, 28, 1) if name in ("lenet5_28", "one_conv", "mlp", "compact") else (32, 32, 3)
    network = catalog.load("networks", name)(input_shape=shape)
    from pellucid.spec.receptive_field import receptive_field

    found = {one.name: one for one in layers(build(network, shape), torch.zeros(1, shape[2], *shape[:2]))}
    rows = trace(network, shape)
    for k, row in enumerate(rows):
        if len(row.output) == 3:
            assert found[row.name].field == receptive_field([one.layer for one in rows[: k + 1]]), row.name


def test_published_fields() -> None:
    """VGG-16's pool5 (Araujo, Norris, Sim 2019) and the fixtures of other tools."""
    parts: list[nn.Module] = []
    inside = 3
    for blocks, width in ((2, 4), (2, 4), (3, 4), (3, 4), (3, 4)):
        for _ in range(blocks):
            parts += [nn.Conv2d(inside, width, 3, padding=1), nn.ReLU()]
            inside = width
        parts.append(nn.MaxPool2d(2))
    last = layers(nn.Sequential(*parts), torch.zeros(1, 3, 64, 64))[-1]
    assert last.field is not None and last.field.height == Extent(212, 32, -90)
    two = nn.Sequential(nn.Conv2d(3, 2, 3, 2, 1), nn.MaxPool2d(3, 2))
    last = layers(two, torch.zeros(1, 3, 32, 32))[-1]
    assert last.field is not None and last.field.height == Extent(7, 4, -1)


def test_padding_by_function_moves_the_field_and_reflection_gives_it_up() -> None:
    class Padded(nn.Module):
        def __init__(self, mode: str) -> None:
            super().__init__()
            self.conv, self.mode = nn.Conv2d(3, 2, 3), mode

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(nn.functional.pad(x, (1, 1, 2, 2), mode=self.mode))

    zeros, mirror = (layers(Padded(mode), torch.zeros(1, 3, 8, 8))[0].field for mode in ("constant", "reflect"))
    assert zeros is not None and (zeros.height.start, zeros.width.start) == (-2, -1)
    assert mirror is None

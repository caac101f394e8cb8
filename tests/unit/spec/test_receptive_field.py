"""Receptive fields against what really reaches a neuron: all weights 1, maxima as sums, the gradient's support."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from pellucid.errors import SpecError
from pellucid.spec import (
    GRU,
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
    ReceptiveField,
    Residual,
    receptive_field,
)
from pellucid.spec.layer import ShapeError, pair, through
from pellucid.spec.receptive_field import Extent

SIZE = 40
conv = st.builds(
    Conv,
    filters=st.just(1),
    kernel_size=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.integers(1, 2),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
)
pool = st.builds(MaxPool, kernel_size=st.integers(2, 3), stride=st.integers(1, 2), padding=st.integers(0, 1))
residual = st.one_of(
    st.builds(lambda size: Residual((Conv(1, size, padding="same"),), ()), st.sampled_from([3, 5])),
    st.builds(
        lambda size, stride: Residual(
            (Conv(1, size, stride, padding=size // 2), Conv(1, 3, padding="same", dilation=2)), (Conv(1, 1, stride),)
        ),
        st.sampled_from([3, 5]),
        st.integers(1, 2),
    ),
)


def summed(layers: tuple[Layer, ...], x: Tensor) -> Tensor:
    """`layers` with all weights 1 and each maximum a sum, by PyTorch's own reading of their options."""
    for layer in layers:
        if isinstance(layer, Residual):
            x = summed(layer.body, x) + summed(layer.shortcut, x)
        elif isinstance(layer, Conv):
            weight = torch.ones(1, 1, *pair(layer.kernel_size), dtype=x.dtype)
            x = functional.conv2d(x, weight, None, layer.stride, layer.padding, layer.dilation)
        elif isinstance(layer, MaxPool):
            x = nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding)(x)
    return x


def reached_by(layers: tuple[Layer, ...], row: int, column: int) -> Tensor:
    """Which pixels change the neuron at `row` and `column`: bool, SIZE x SIZE."""
    x = torch.ones(1, 1, SIZE, SIZE, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(summed(layers, x)[0, 0, row, column], x)
    return gradient[0, 0] != 0


@settings(max_examples=250, deadline=None)
@given(st.lists(st.one_of(conv, pool, residual), min_size=1, max_size=5).map(tuple))
def test_the_field_is_exactly_what_reaches_a_neuron(layers: tuple[Layer, ...]) -> None:
    try:
        height, width, _ = through(layers, (SIZE, SIZE, 1))
    except ShapeError:
        assume(False)
    field = receptive_field(layers)
    assert field is not None
    row, column = height // 2, width // 2
    reached = reached_by(layers, row, column)
    for axis, extent, position in ((0, field.height, row), (1, field.width, column)):
        places = reached.any(1 - axis).nonzero().flatten().tolist()
        first, last = extent.pixels(position)
        if first < 0 or last >= SIZE:  # cut at the border, where dilation may leave a hole
            assert all(first <= place <= last for place in places)
        else:
            assert (places[0], places[-1]) == (first, last)
        if places and not has_holes(layers):
            assert places == list(range(places[0], places[-1] + 1))


def has_holes(layers: tuple[Layer, ...]) -> bool:
    """Whether a window skips pixels: by dilation, or by a stride above what the next windows look at."""
    return any(
        pair(layer.dilation) != (1, 1) or min(pair(layer.kernel_size)) < max(pair(layer.stride))
        if isinstance(layer, Conv)
        else isinstance(layer, Residual)
        for layer in layers
    )


@pytest.mark.parametrize(
    ("layers", "row", "first", "last"),
    [
        ((Conv(1, 3, 2, padding=1),), 0, -1, 1),
        ((Conv(1, 3, 2, padding=1), Conv(1, 3, 2, padding=1)), 5, 17, 23),
        ((MaxPool(2), Conv(1, 3, dilation=2)), 3, 6, 15),
        ((Residual((Conv(1, 3, padding=1), Conv(1, 3, padding=1))), MaxPool(3, 2, 1)), 4, 5, 11),
    ],
)
def test_the_pixels_of_a_neuron_are_those_counted_by_hand(
    layers: tuple[Layer, ...], row: int, first: int, last: int
) -> None:
    field = receptive_field(layers)
    assert field is not None
    assert field.height.pixels(row) == (first, last)
    places = reached_by(layers, row, row).any(1).nonzero().flatten().tolist()
    assert (places[0], places[-1]) == (max(first, 0), last)


def test_a_branch_of_known_field_is_met() -> None:
    """Size 3, stride 4, padding 1: the first network in the tests of google-research/receptive_field."""
    field = receptive_field([Residual((Conv(1, 3, 2, padding=1), Conv(1, 1, 2)), (Conv(1, 1, 4),))])
    assert field is not None
    assert field.height == field.width == Extent(size=3, stride=4, start=-1)


def test_height_and_width_are_apart() -> None:
    field = receptive_field([Conv(1, (3, 5), (2, 1), padding=(0, 2)), MaxPool((1, 3))])
    assert field == ReceptiveField(Extent(size=3, stride=2, start=0), Extent(size=7, stride=3, start=-2))
    assert str(field) == "3x7"


def test_a_field_that_is_everything_is_none_from_there_on() -> None:
    for layer in (Flatten(), GlobalPool(), Dense(3), GRU(3)):
        assert receptive_field([Conv(1, 3), layer]) is None
        assert receptive_field([layer, Conv(1, 3)]) is None
    assert receptive_field([Residual((GlobalPool(),), (GlobalPool(),))]) is None


def test_layers_that_look_at_one_place_leave_the_field_as_it_is() -> None:
    before = receptive_field([Conv(1, 5, 2)])
    after = receptive_field([Conv(1, 5, 2), Activation("relu"), BatchNorm(), Dropout()])
    assert before == after == receptive_field([BatchNorm()], before)
    assert receptive_field([]) == ReceptiveField()


def test_branches_of_different_strides_have_no_common_field() -> None:
    with pytest.raises(SpecError, match="expects one stride from both branches, receives 2 and 1 input pixels"):
        receptive_field([Residual((Conv(1, 3, 2, padding=1),), (Conv(1, 1),))])


@given(st.lists(st.one_of(conv, pool, residual), min_size=2, max_size=5).map(tuple))
def test_fields_grow_from_layer_to_layer(layers: tuple[Layer, ...]) -> None:
    fields = [receptive_field(layers[:count]) for count in range(len(layers) + 1)]
    for below, above in pairwise(fields):
        assert below is not None
        assert above is not None
        assert above.height.size >= below.height.size
        assert above.height.stride % below.height.stride == 0


def test_vgg_16_has_the_published_field_at_its_last_pooling() -> None:
    block = lambda n: (*[Conv(1, 3, padding=1)] * n, MaxPool(2))  # noqa: E731
    field = receptive_field([*block(2), *block(2), *block(3), *block(3), *block(3)])
    assert field is not None
    assert (field.height.size, field.height.stride, -field.height.start) == (212, 32, 90)


def test_average_pooling_counts_as_any_window() -> None:
    assert str(receptive_field([Conv(1, 3), AvgPool(2), Conv(1, 3)])) == "8x8"

"""Receptive fields against what really reaches a neuron: all weights 1, maxima as sums, the gradient's support."""

from __future__ import annotations

import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from pellucid.spec import AvgPool, Conv, Layer, MaxPool, Residual, receptive_field
from pellucid.spec.layer import ShapeError, pair, through

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
residual = st.builds(lambda size: Residual((Conv(1, size, padding="same"),), ()), st.sampled_from([3, 5]))


def summed(layers: tuple[Layer, ...], x: Tensor) -> Tensor:
    for layer in layers:
        if isinstance(layer, Residual):
            x = summed(layer.body, x) + summed(layer.shortcut, x)
            continue
        window = layer.window()
        assert window is not None
        dilation = pair(layer.dilation) if isinstance(layer, Conv) else (1, 1)
        kernel = pair(layer.kernel_size)  # type: ignore[attr-defined]
        x = functional.conv2d(
            x, torch.ones(1, 1, *kernel, dtype=x.dtype), None, window.stride, window.padding, dilation
        )
    return x


@settings(max_examples=250, deadline=None)
@given(st.lists(st.one_of(conv, pool, residual), min_size=1, max_size=5).map(tuple))
def test_the_field_is_exactly_what_reaches_a_neuron(layers: tuple[Layer, ...]) -> None:
    try:
        height, width, _ = through(layers, (SIZE, SIZE, 1))
    except ShapeError:
        assume(False)
    field = receptive_field(layers)
    assert field is not None
    x = torch.ones(1, 1, SIZE, SIZE, dtype=torch.float64, requires_grad=True)
    row, column = height // 2, width // 2
    y = summed(layers, x)
    (reached,) = torch.autograd.grad(y[0, 0, row, column], x)
    for axis, extent, position in ((0, field.height, row), (1, field.width, column)):
        places = reached[0, 0].sum(1 - axis).nonzero().flatten()
        first, last = extent.pixels(position)
        if len(places) == 0:
            assert last < 0 or first >= SIZE or any(pair(getattr(layer, "dilation", 1)) != (1, 1) for layer in layers)
            continue
        # with dilation the ends are seen, the holes between them need not be
        assert (max(first, 0) <= int(places[0])) and (int(places[-1]) <= min(last, SIZE - 1))
        if first >= 0:
            assert int(places[0]) == first
        if last < SIZE:
            assert int(places[-1]) == last


def test_vgg_16_has_the_published_field_at_its_last_pooling() -> None:
    block = lambda n: (*[Conv(1, 3, padding=1)] * n, MaxPool(2))  # noqa: E731
    field = receptive_field([*block(2), *block(2), *block(3), *block(3), *block(3)])
    assert field is not None
    assert (field.height.size, field.height.stride, -field.height.start) == (212, 32, 90)


def test_average_pooling_counts_as_any_window() -> None:
    assert str(receptive_field([Conv(1, 3), AvgPool(2), Conv(1, 3)])) == "8x8"

"""The input pixels that can change a neuron, exactly, for any mix of windows and branches.

Along one axis, neuron ``u`` of a layer sees the pixels ``start + u * stride`` to ``start + u * stride + size - 1``.
Going down one layer with kernel k (dilation included), stride s and padding p:

    size'   = size + (k - 1) * stride
    start'  = start - p * stride
    stride' = stride * s

Source: Araujo, Norris, Sim 2019 (araujo2019 in docs/bibliography.bib). Branches are joined by their hull, which is an
upper bound where their starts differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pellucid.spec.layer import Layer, ShapeError, Window
from pellucid.spec.layers import Residual


@dataclass(frozen=True)
class Extent:
    """The receptive field along one axis, in input pixels; start: first pixel of neuron 0, negative in padding."""

    size: int = 1
    stride: int = 1
    start: int = 0

    def within(self, kernel: int, stride: int, padding: int) -> Extent:
        """The extent one layer further up."""
        return Extent(
            self.size + (kernel - 1) * self.stride, self.stride * stride, self.start - padding * self.stride
        )

    def hull(self, other: Extent) -> Extent:
        """The smallest extent that holds both; their strides must agree."""
        if self.stride != other.stride:
            raise ShapeError(
                f"expects one stride from both branches, receives {self.stride} and {other.stride} input pixels",
                "Give the shortcut's layers the stride of the body's.",
            )
        start = min(self.start, other.start)
        return Extent(max(self.start + self.size, other.start + other.size) - start, self.stride, start)

    def pixels(self, position: int) -> tuple[int, int]:
        """First and last pixel of the neuron at `position`, padding not cut off."""
        first = self.start + position * self.stride
        return first, first + self.size - 1


@dataclass(frozen=True)
class ReceptiveField:
    """The receptive field of every neuron of a layer, along height and width.

    >>> field = ReceptiveField()
    >>> conv, pool = Window((3, 3), (1, 1), (0, 0)), Window((2, 2), (2, 2), (0, 0))
    >>> for window in (conv, pool, conv):
    ...     field = field.within(window)
    >>> field.height
    Extent(size=8, stride=2, start=0)
    """

    height: Extent = Extent()
    width: Extent = Extent()

    def within(self, window: Window) -> ReceptiveField:
        """The field one layer further up."""
        return ReceptiveField(
            self.height.within(window.size[0], window.stride[0], window.padding[0]),
            self.width.within(window.size[1], window.stride[1], window.padding[1]),
        )

    def hull(self, other: ReceptiveField) -> ReceptiveField:
        return ReceptiveField(self.height.hull(other.height), self.width.hull(other.width))

    def __str__(self) -> str:
        return f"{self.height.size}x{self.width.size}"


def receptive_field(
    layers: Iterable[Layer], field: ReceptiveField | None = ReceptiveField()
) -> ReceptiveField | None:
    """The receptive field after `layers`, beginning with `field`; None where a neuron sees the whole image.

    >>> from pellucid.spec.layers import Conv, MaxPool
    >>> str(receptive_field([Conv(6, 5, padding=2), MaxPool(2), Conv(16, 5)]))
    '14x14'
    """
    for layer in layers:
        if field is None:
            return None
        if isinstance(layer, Residual):
            body, shortcut = receptive_field(layer.body, field), receptive_field(layer.shortcut, field)
            field = body.hull(shortcut) if body and shortcut else None
        else:
            window = layer.window()
            field = field.within(window) if window else None
    return field

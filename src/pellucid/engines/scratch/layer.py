"""What a layer written by hand is: two directions, what it has learned, and how it should change.

Batches are N C H W, N T F or N F, float32 or float64. Between layers of images they lie in memory as C H W N (see
`batch_last`): what is done to a pixel is done to the same pixel of all images, side by side in memory, whatever the
strides of windows are; a convolution is one product of matrices whose result is already in place, and flatten costs
nothing. Source: Krizhevsky 2014 (krizhevsky2014 in docs/bibliography.bib), whose layers on GPUs lie so.
"""

from __future__ import annotations

from copy import copy
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


class Layer:
    """y = f(x; parameters). `forward` keeps what `backward` needs; `backward` follows the last `forward`.

    With a loss L: backward takes dL/dy, sets `gradients` to dL/dparameter for each, and returns dL/dx. Arrays that
    are given are never changed.

    parameters, gradients: by name, of one shape each, gradients filled in place. buffers: kept but not trained.
    mixes_images: whether an image's output depends on the others of its batch.
    training: whether `forward` is part of a training step. first: nobody asks for dL/dx, which may then be None.
    """

    mixes_images = False

    def __init__(self, parameters: dict[str, Array] | None = None, buffers: dict[str, Array] | None = None) -> None:
        self.parameters = parameters or {}
        self.buffers = buffers or {}
        self.gradients = {name: np.zeros_like(value) for name, value in self.parameters.items()}
        self.training = True
        self.first = False

    def forward(self, x: Array) -> Array:
        """The output for a batch."""
        raise NotImplementedError

    def backward(self, grad: Array) -> Array | None:
        """dL/dx from dL/dy."""
        raise NotImplementedError

    def layers(self) -> dict[str, Layer]:
        """The layers inside, by name: for those that are made of others."""
        return {}

    def twin(self) -> Self:
        """The same layer over the same parameters and buffers, with gradients and a memory of its own."""
        found = copy(self)
        found.parameters = dict(self.parameters)
        found.gradients = {name: np.zeros_like(value) for name, value in self.parameters.items()}
        return found


def batch_last(x: Array) -> Array:
    """C H W N of a batch N C H W, contiguous; without a copy where it lies in memory so already."""
    return np.ascontiguousarray(np.moveaxis(x, 0, -1))


def batch_first(x: Array) -> Array:
    """N C H W of an array C H W N: another view of the same memory."""
    return np.moveaxis(x, -1, 0)


def padded(x: Array, padding: tuple[int, int], value: float = 0.0) -> Array:
    """C H W N with rows and columns of `value` around."""
    if not any(padding):
        return x
    channels, height, width, n = x.shape
    (down, right) = padding
    found = np.full((channels, height + 2 * down, width + 2 * right, n), value, x.dtype)
    found[:, down : down + height, right : right + width] = x
    return found


def cropped(x: Array, padding: tuple[int, int]) -> Array:
    """C H W N without the rows and columns that `padded` put around."""
    (down, right), (height, width) = padding, x.shape[1:3]
    return x[:, down : height - down, right : width - right]


def places(
    x: Array,
    size: tuple[int, int],
    stride: tuple[int, int],
    count: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> list[Array]:
    """For each place of a window, row by row, what all `count` windows hold there: views C rows columns N of x."""
    (rows, columns), (down, right) = count, stride
    return [
        x[
            :,
            i * dilation[0] : i * dilation[0] + (rows - 1) * down + 1 : down,
            j * dilation[1] : j * dilation[1] + (columns - 1) * right + 1 : right,
        ]
        for i in range(size[0])
        for j in range(size[1])
    ]

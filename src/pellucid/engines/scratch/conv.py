"""The convolution, as a product of matrices."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import as_strided

from pellucid.engines.scratch.layer import Array, Layer, batch_first, batch_last, cropped, padded

#: Bytes of columns made at once: few enough to stay in the processor's caches between being written and being read,
#: and enough to be worth a call (benchmarks/scratch.py).
COLUMNS = 2**21


class Conv(Layer):
    """A small filter slid over the image: at every place the same weights (a cross-correlation).

        y[n, o, u, v] = b[o] + sum over c, i, j of  W[o, c, i, j] x[n, c, u s + i d - p, v s + j d - p]

    with stride s, dilation d and p pixels of zeros around. The pixels under the filter at one place, c, i, j in a
    row, are a column; all columns are a matrix K x places, K = C kh kw, and the sum is a product:

        Y = W X                       W: filters x K, X: K x (N rows columns)
        dL/dW = dL/dY X^T,  dL/db = sum of dL/dY
        dL/dX = W^T dL/dY             then each pixel sums what came back to the columns that it was in

    The bias is one more weight whose input is always 1. With groups, the channels of a group meet its filters alone.
    The columns of some rows of y at a time are made (`COLUMNS`), in both directions, and not kept in between.

    weight: filters x C/groups x kh x kw. trained: whether the weight is; if not, it is a buffer.
    """

    def __init__(
        self,
        weight: Array,
        bias: Array | None = None,
        *,
        stride: tuple[int, int] = (1, 1),
        padding: tuple[int, int] = (0, 0),
        dilation: tuple[int, int] = (1, 1),
        groups: int = 1,
        trained: bool = True,
    ) -> None:
        arrays = {"weight": weight} if trained else {}
        super().__init__(arrays if bias is None else {**arrays, "bias": bias}, {} if trained else {"weight": weight})
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups

    def forward(self, x: Array) -> Array:
        filters, weight = self._filters(), self._weight()
        self.x = padded(batch_last(x), self.padding)
        rows, columns = (
            (size - d * (k - 1) - 1) // s + 1
            for size, k, d, s in zip(self.x.shape[1:3], filters.shape[2:], self.dilation, self.stride, strict=True)
        )
        self.count = rows, columns
        y = np.empty((self.groups, len(filters) // self.groups, rows * columns * len(x)), x.dtype)
        for part, _, room in self._columns():
            np.matmul(weight, room, out=y[:, :, part])
        return batch_first(y.reshape(len(filters), rows, columns, len(x)))

    def backward(self, grad: Array) -> Array | None:
        filters, weight = self._filters(), self._weight()
        at_y = batch_last(grad).reshape(self.groups, len(filters) // self.groups, -1)
        at_weight, product = np.zeros_like(weight), np.empty_like(weight)
        at_x = None if self.first else np.zeros_like(self.x)
        for part, in_y, room in self._columns():
            at_weight += np.matmul(at_y[:, :, part], room.swapaxes(1, 2), out=product)
            if at_x is not None:
                np.matmul(weight.swapaxes(1, 2), at_y[:, :, part], out=room)
                self._add(at_x, room, in_y)
        if "bias" in self.parameters:
            self.gradients["bias"][:] = at_weight[:, :, -1].reshape(-1)
        if "weight" in self.parameters:
            used = at_weight.shape[2] - ("bias" in self.parameters)
            self.gradients["weight"][...] = at_weight[:, :, :used].reshape(filters.shape)
        return None if at_x is None else batch_first(cropped(at_x, self.padding))

    def _filters(self) -> Array:
        return (self.parameters | self.buffers)["weight"]

    def _weight(self) -> Array:
        """The filters as a matrix for each group, groups x filters/groups x K, the bias its last column."""
        filters = self._filters()
        weight = filters.reshape(self.groups, len(filters) // self.groups, -1)
        if "bias" not in self.parameters:
            return weight
        return np.concatenate([weight, self.parameters["bias"].reshape(self.groups, -1, 1)], axis=2)

    def _columns(self) -> Iterator[tuple[slice, slice, Array]]:
        """The columns of some rows of y at a time: which places of all they are, which rows, groups x K x places."""
        (channels, _, _, n), (rows, columns) = self.x.shape, self.count
        kernel, bias = self._filters().shape[2:], "bias" in self.parameters
        depth = channels // self.groups * kernel[0] * kernel[1] + bias
        of_row = self.groups * depth * columns * n
        at_once = max(1, min(rows, COLUMNS // (of_row * self.x.itemsize)))
        room = np.empty(of_row * at_once, self.x.dtype)
        in_channel, in_row, in_column, in_image = self.x.strides
        (down, right), (apart, beside) = self.stride, self.dilation
        for start in range(0, rows, at_once):
            some = min(at_once, rows - start)
            shape = (channels, *kernel, some, columns, n)
            strides = (in_channel, apart * in_row, beside * in_column, down * in_row, right * in_column, in_image)
            windows = as_strided(self.x[:, down * start :], shape, strides, writeable=False)
            found = room[: of_row * some].reshape(self.groups, depth, -1)
            for group, part in enumerate(np.split(windows, self.groups)):
                found[group, : depth - bias].reshape(part.shape)[...] = part
            if bias:
                found[:, -1] = 1
            yield slice(start * columns * n, (start + some) * columns * n), slice(start, start + some), found

    def _add(self, at_x: Array, at_columns: Array, in_y: slice) -> None:
        """Adds to the pixels what came back to the columns of the rows `in_y`.

        First along rows, place by place of the filter's columns, then the rows: kh + kw additions instead of kh kw.
        """
        (high, wide), (_, columns), (channels, _, width, n) = self._filters().shape[2:], self.count, at_x.shape
        (down, right), (apart, beside) = self.stride, self.dilation
        some, depth = in_y.stop - in_y.start, channels // self.groups
        shape = (self.groups, depth, high, wide, some, columns, n)
        back = at_columns[:, : depth * high * wide].reshape(shape)
        in_rows = np.zeros((self.groups, depth, high, some, width, n), at_x.dtype)
        for j in range(wide):
            first = j * beside
            in_rows[:, :, :, :, first : first + (columns - 1) * right + 1 : right] += back[:, :, :, j]
        by_row = in_rows.reshape(channels, high, some, width, n)
        for i in range(high):
            first = down * in_y.start + i * apart
            at_x[:, first : first + (some - 1) * down + 1 : down] += by_row[:, i]

"""Pooling: one number for each window."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pellucid.engines.scratch.layer import Array, Layer, batch_first, batch_last, cropped, padded, places


class _Pool(Layer):
    """What both have in common: where the windows are."""

    outside: float

    def __init__(
        self,
        kernel_size: tuple[int, int],
        stride: tuple[int, int] | None = None,
        padding: tuple[int, int] = (0, 0),
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride or kernel_size, padding
        #: Whether a pixel can be in two windows.
        self.overlapping = any(s < k for s, k in zip(self.stride, kernel_size, strict=True))

    def windows(self, x: Array) -> list[Array]:
        """For each place of a window what all windows hold there; x: N C H W, the windows C H' W' N."""
        x = padded(batch_last(x), self.padding, self.outside)
        self.shape = x.shape
        rows, columns = (
            (n - k) // s + 1 for n, k, s in zip(x.shape[1:3], self.kernel_size, self.stride, strict=True)
        )
        self.count = rows, columns
        return places(x, self.kernel_size, self.stride, self.count)

    def back(self, shares: Iterable[Array]) -> Array:
        """Pixels N C H W from what each place of the windows gets, one after the other."""
        at_x: Array | None = None
        for k, share in enumerate(shares):
            if at_x is None:
                at_x = np.zeros(self.shape, share.dtype)
                targets = places(at_x, self.kernel_size, self.stride, self.count)
            if self.overlapping:
                targets[k] += share
            else:
                targets[k][...] = share
        assert at_x is not None
        return batch_first(cropped(at_x, self.padding))


class MaxPool(_Pool):
    """The largest value in each window.

    y[u, v] = max over i, j of  x[u s + i - p, v s + j - p]        outside of the image: minus infinity

    dL/dx at the first largest place of the window += dL/dy[u, v]; the others had no part in y
    """

    outside = -np.inf

    def forward(self, x: Array) -> Array:
        first, *others = self.windows(x)
        y = first.copy()
        self.where = np.zeros(y.shape, np.uint8 if len(others) < 256 else np.int32)
        larger, number = np.empty(y.shape, bool), np.empty_like(self.where)
        for k, other in enumerate(others, 1):
            np.greater(other, y, out=larger)
            np.multiply(larger, k, out=number, casting="unsafe")
            np.maximum(self.where, number, out=self.where)
            np.maximum(y, other, out=y)
        return batch_first(y)

    def backward(self, grad: Array) -> Array:
        at_y = batch_last(grad)
        return self.back(at_y * (self.where == k) for k in range(self.kernel_size[0] * self.kernel_size[1]))


class AvgPool(_Pool):
    """The mean of each window of k x k values.

    y[u, v] = 1/k^2  sum over i, j of  x[u s + i - p, v s + j - p]        outside of the image: 0, counted

    dL/dx at each place of the window += dL/dy[u, v] / k^2
    """

    outside = 0.0

    def forward(self, x: Array) -> Array:
        first, *others = self.windows(x)
        y = first.copy()
        for other in others:
            y += other
        y /= len(others) + 1
        return batch_first(y)

    def backward(self, grad: Array) -> Array:
        count = self.kernel_size[0] * self.kernel_size[1]
        return self.back([batch_last(grad) / count] * count)


class GlobalPool(Layer):
    """One value for each channel, over all its places: N C H W -> N C.

    avg:  y = mean of x,   dL/dx = dL/dy / (H W)
    max:  y = max of x,    dL/dx = dL/dy / m  at the m places that are the largest, 0 elsewhere
    """

    def __init__(self, pool: str = "avg") -> None:
        super().__init__()
        self.pool = pool

    def forward(self, x: Array) -> Array:
        self.x = x
        y: Array = x.mean((2, 3)) if self.pool == "avg" else x.max((2, 3))
        self.y = y
        return y

    def backward(self, grad: Array) -> Array:
        places = grad[:, :, None, None]
        if self.pool == "avg":
            return np.broadcast_to(places / (self.x.shape[2] * self.x.shape[3]), self.x.shape)
        largest = self.x == self.y[:, :, None, None]
        at_x: Array = largest * (places / largest.sum((2, 3), keepdims=True, dtype=grad.dtype))
        return at_x

"""Batch norm."""

from __future__ import annotations

import numpy as np

from pellucid.engines.scratch.layer import Array, Layer
from pellucid.errors import DataError


class BatchNorm(Layer):
    """Each channel brought to mean 0 and variance 1 over the batch and its places, then scaled and moved.

        x^ = (x - m) / sqrt(v + eps),   y = w x^ + b        m, v: mean and variance over the M values of the channel

    Every x moves m and v, and with them all other x^ of its channel:

        dL/db = sum of g,   dL/dw = sum of g x^,   g = dL/dy
        dL/dx = w / sqrt(v + eps) * (g - mean(g) - x^ mean(g x^))

    In evaluation running statistics stand in for m and v, which then do not depend on x:
    running = (1 - momentum) running + momentum batch, of the variance M / (M - 1) v.

    Source: Ioffe and Szegedy 2015 (ioffe2015 in docs/bibliography.bib). In float32 v is taken from x - m: the mean of
    squares less the square of the mean would lose its digits.

    Without a weight w is one.

    Raises DataError for a batch with one value a channel, which has no variance.
    """

    mixes_images = True

    def __init__(
        self,
        weight: Array | None,
        bias: Array,
        running_mean: Array,
        running_var: Array,
        *,
        eps: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        trained = {"bias": bias} if weight is None else {"weight": weight, "bias": bias}
        super().__init__(trained, {"running_mean": running_mean, "running_var": running_var})
        self.eps, self.momentum = eps, momentum

    def forward(self, x: Array) -> Array:
        rows = self._rows(x)
        count = rows.shape[1]
        if self.training:
            if count < 2:
                raise DataError(
                    "batch norm: expected two values a channel or more in a training batch, found one. Give batches "
                    "of at least two images."
                )
            mean = rows.mean(1)
            centred = rows - mean[:, None]
            variance = np.einsum("cm,cm->c", centred, centred) / count
            for name, value in (("running_mean", mean), ("running_var", variance * (count / (count - 1)))):
                running = self.buffers[name]
                running *= 1 - self.momentum
                running += self.momentum * value
        else:
            centred, variance = rows - self.buffers["running_mean"][:, None], self.buffers["running_var"]
        self.scale = 1 / np.sqrt(variance + self.eps)
        centred *= self.scale[:, None]
        self.normal = centred
        weight = self.parameters.get("weight")
        y = self.normal.copy() if weight is None else self.normal * weight[:, None]
        y += self.parameters["bias"][:, None]
        return self._as(y, x)

    def backward(self, grad: Array) -> Array:
        rows = self._rows(grad)
        rows.sum(1, out=self.gradients["bias"])
        along = np.einsum("cm,cm->c", rows, self.normal)
        factor = self.scale[:, None]
        if "weight" in self.parameters:
            self.gradients["weight"][...] = along
            factor = factor * self.parameters["weight"][:, None]
        if not self.training:
            return self._as(rows * factor, grad)
        count = rows.shape[1]
        at_x = self.normal * (-along / count)[:, None]
        at_x += rows
        at_x -= (self.gradients["bias"] / count)[:, None]
        at_x *= factor
        return self._as(at_x, grad)

    def _rows(self, batch: Array) -> Array:
        """Channels x values of a batch N C H W or N C: images lie in memory so already."""
        return np.moveaxis(batch, 0, -1).reshape(batch.shape[1], -1)

    def _as(self, rows: Array, like: Array) -> Array:
        """Channels x values in the shape of a batch."""
        return np.moveaxis(rows.reshape(*like.shape[1:], like.shape[0]), -1, 0)

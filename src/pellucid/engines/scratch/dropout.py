"""Dropout."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pellucid.engines.scratch.layer import Array, Layer


class Dropout(Layer):
    """In training each value is lost with probability p, and the others grow so that the mean stays.

        y = k x / (1 - p),   k = 0 with probability p, else 1
        dL/dx = k dL/dy / (1 - p)

    In evaluation y = x. generator: called at each training step for the generator of its mask, which is a function
    of seed, epoch and step: nothing has to be kept for a run to be resumed; it is told which share of the batch this
    layer has (0 but for twins).
    """

    def __init__(self, rate: float, generator: Callable[[int], np.random.Generator] = np.random.default_rng) -> None:
        super().__init__()
        self.rate, self.generator, self.share = rate, generator, 0

    def twin(self) -> Dropout:
        found = Dropout(self.rate, self.generator)
        found.share = self.share + 1
        return found

    def forward(self, x: Array) -> Array:
        if not self.training or not self.rate:
            self.mask = np.ones((), x.dtype)
            return x
        kept = self.generator(self.share).random(x.shape, np.float32) >= self.rate
        self.mask = kept * x.dtype.type(1 / (1 - self.rate))
        return x * self.mask

    def backward(self, grad: Array) -> Array:
        return grad * self.mask

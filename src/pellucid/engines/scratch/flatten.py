"""Flatten."""

from __future__ import annotations

from pellucid.engines.scratch.layer import Array, Layer


class Flatten(Layer):
    """N C H W -> N C*H*W, channel by channel; backward is the same the other way round."""

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, grad: Array) -> Array:
        return grad.reshape(self.shape)

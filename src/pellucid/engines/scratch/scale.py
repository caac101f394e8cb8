"""Scale."""

from __future__ import annotations

from pellucid.engines.scratch.layer import Array, Layer


class Scale(Layer):
    """y = f x with a fixed number f; dL/dx = f dL/dy."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Array) -> Array:
        return x * self.factor

    def backward(self, grad: Array) -> Array:
        return grad * self.factor

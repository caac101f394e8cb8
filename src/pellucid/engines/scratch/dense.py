"""The dense layer."""

from __future__ import annotations

import numpy as np

from pellucid.engines.scratch.layer import Array, Layer


class Dense(Layer):
    """Every output sees every input.

    y = x W^T + b                 x: N x F, W: units x F, b: units, y: N x units

    dL/dW = (dL/dy)^T x           each weight meets its input once an image: sum over images
    dL/db = sum over images of dL/dy
    dL/dx = dL/dy W
    """

    def __init__(self, weight: Array, bias: Array | None = None) -> None:
        super().__init__({"weight": weight} if bias is None else {"weight": weight, "bias": bias})

    def forward(self, x: Array) -> Array:
        self.x = x
        y: Array = x @ self.parameters["weight"].T
        if "bias" in self.parameters:
            y += self.parameters["bias"]
        return y

    def backward(self, grad: Array) -> Array | None:
        np.matmul(grad.T, self.x, out=self.gradients["weight"])
        if "bias" in self.parameters:
            grad.sum(0, out=self.gradients["bias"])
        # turned twice: the result lies in memory batch last, as layers of images want it
        return None if self.first else (self.parameters["weight"].T @ grad.T).T

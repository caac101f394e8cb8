"""Gradient, deconvnet and guided backpropagation written from the papers, pixel by pixel, in NumPy float64.

For `nn.Sequential` of Conv2d, ReLU, MaxPool2d, LocalResponseNorm, Flatten and Linear; one image C H W.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

Array = NDArray[np.float64]


def traced(
    module: nn.Sequential, image: Array, *, stop: int, neuron: tuple[int, ...], rule: str, seed: float
) -> Array:
    """What comes back to the pixels from one neuron of the output of layer `stop`, which begins with `seed`."""
    kept: list[tuple[Any, Array, Any]] = []
    x = image
    for layer in list(module)[: stop + 1]:
        before = x
        x, note = _forward(layer, x)
        kept.append((layer, before, note))
    signal = np.zeros_like(x)
    signal[neuron] = seed
    for layer, before, note in reversed(kept):
        signal = _backward(layer, before, note, signal, rule)
    return signal


def _forward(layer: nn.Module, x: Array) -> tuple[Array, Any]:
    if isinstance(layer, nn.Conv2d):
        weight, padded = _numbers(layer.weight), _padded(x, layer.padding[0])
        k, s = layer.kernel_size[0], layer.stride[0]
        rows, columns = (padded.shape[1] - k) // s + 1, (padded.shape[2] - k) // s + 1
        out = np.zeros((len(weight), rows, columns))
        for i in range(rows):
            for j in range(columns):
                out[:, i, j] = np.tensordot(weight, padded[:, i * s : i * s + k, j * s : j * s + k], 3)
        return out + _numbers(layer.bias)[:, None, None], None
    if isinstance(layer, nn.MaxPool2d):
        k, s = int(layer.kernel_size), int(layer.stride)  # type: ignore[arg-type]
        rows, columns = (x.shape[1] - k) // s + 1, (x.shape[2] - k) // s + 1
        out, switches = np.zeros((len(x), rows, columns)), {}
        for c in range(len(x)):
            for i in range(rows):
                for j in range(columns):
                    window = x[c, i * s : i * s + k, j * s : j * s + k]
                    a, b = np.unravel_index(window.argmax(), window.shape)
                    switches[c, i, j] = (c, i * s + int(a), j * s + int(b))
                    out[c, i, j] = window.max()
        return out, switches
    if isinstance(layer, nn.LocalResponseNorm):
        half, scale = layer.size // 2, np.zeros_like(x)
        for c in range(len(x)):
            scale[c] = (x[max(0, c - half) : c + (layer.size + 1) // 2] ** 2).sum(0) / layer.size
        return x / (layer.k + layer.alpha * scale) ** layer.beta, None
    if isinstance(layer, nn.Linear):
        return _numbers(layer.weight) @ x + _numbers(layer.bias), None
    if isinstance(layer, nn.ReLU):
        return np.maximum(x, 0), None
    assert isinstance(layer, nn.Flatten)
    return x.ravel(), None


def _backward(layer: nn.Module, x: Array, note: Any, signal: Array, rule: str) -> Array:
    if isinstance(layer, nn.Conv2d):
        weight, p = _numbers(layer.weight), layer.padding[0]
        back, k, s = _padded(np.zeros_like(x), p), layer.kernel_size[0], layer.stride[0]
        for f in range(len(weight)):
            for i in range(signal.shape[1]):
                for j in range(signal.shape[2]):
                    back[:, i * s : i * s + k, j * s : j * s + k] += weight[f] * signal[f, i, j]
        return back[:, p : p + x.shape[1], p : p + x.shape[2]]
    if isinstance(layer, nn.MaxPool2d):
        back = np.zeros_like(x)
        for place, switch in note.items():
            back[switch] += signal[place]
        return back
    if isinstance(layer, nn.LocalResponseNorm):
        assert rule == "deconvnet", "only the bypass is written here"
        return signal
    if isinstance(layer, nn.Linear):
        return _numbers(layer.weight).T @ signal
    if isinstance(layer, nn.ReLU):
        if rule == "gradient":
            return signal * (x > 0)
        return np.maximum(signal, 0) * (x > 0 if rule == "guided" else 1)
    return signal.reshape(x.shape)


def _numbers(value: Any) -> Array:
    found: Array = value.detach().double().numpy()
    return found


def _padded(x: Array, p: int) -> Array:
    return np.pad(x, ((0, 0), (p, p), (p, p)))

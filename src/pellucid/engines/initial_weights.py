"""The first weights of a network, drawn in NumPy so that every engine begins with the same ones.

For a weight with fan_in inputs and fan_out outputs of one neuron (kernel places included):

    default      U(-1/sqrt(fan_in), 1/sqrt(fan_in)), biases too; recurrent layers U(-1/sqrt(units), 1/sqrt(units))
    xavier       U(-a, a), a = sqrt(6 / (fan_in + fan_out)); biases 0   (Glorot and Bengio 2010)
    kaiming      N(0, 2 / fan_in); biases 0                              (He et al. 2015)
    orthogonal   rows or columns orthonormal, times sqrt(2); biases 0    (Saxe et al. 2014);
                 recurrent layers: weight_hh times 1, weight_ih as xavier, as in Keras

"default" is PyTorch's. Recurrent layers are drawn gate by gate. Batch norm begins as the identity.
"""

from __future__ import annotations

from math import prod, sqrt

import numpy as np
from numpy.typing import NDArray

from pellucid.engines.seeds import WEIGHTS, mix
from pellucid.spec.layer import Layer, Shape
from pellucid.spec.layers import BatchNorm, Residual
from pellucid.spec.network import Network
from pellucid.spec.recurrent import Recurrent
from pellucid.spec.shapes import trace

Arrays = dict[str, NDArray[np.float32]]


def initial_weights(network: Network, shape: Shape, *, seed: int) -> Arrays:
    """Every parameter and buffer of `network` for images of `shape`, by name, float32.

    A pure function of its arguments; each array has its own stream, so that adding a layer leaves the others' alone.
    """
    arrays: Arrays = {}
    for row in trace(network, shape):
        for name, layer, arrays_of in _leaves(row.name, row.layer, row.input):
            for key, size in arrays_of.items():
                words = [seed, WEIGHTS, *f"{name}.{key}".encode()]
                generator = np.random.Generator(np.random.PCG64(mix(*words)))
                value = _draw(layer, key, size, network.initialisation, arrays_of, generator)
                arrays[f"{name}.{key}"] = np.ascontiguousarray(value, np.float32)
    return arrays


def _leaves(name: str, layer: Layer, shape: Shape) -> list[tuple[str, Layer, dict[str, Shape]]]:
    """Layers that hold arrays themselves: residual blocks opened."""
    if not isinstance(layer, Residual):
        return [(name, layer, layer.parameters(shape) | layer.buffers(shape))]
    found = []
    for branch in (layer.named_body(), layer.named_shortcut()):
        inside = shape
        for inner_name, inner in branch:
            found += _leaves(f"{name}.{inner_name}", inner, inside)
            inside = inner.output(inside)
    return found


def _draw(
    layer: Layer, key: str, size: Shape, how: str, siblings: dict[str, Shape], generator: np.random.Generator
) -> NDArray[np.floating]:
    if isinstance(layer, BatchNorm):
        return np.full(size, 1.0 if key in ("weight", "running_var") else 0.0)
    if isinstance(layer, Recurrent):
        if how == "default":
            return generator.uniform(-1, 1, size) / sqrt(layer.units)
        if key.startswith("bias"):
            return np.zeros(size)
        how = "xavier" if how == "orthogonal" and key == "weight_ih" else how
        return np.concatenate([_weight((layer.units, size[1]), how, generator) for _ in range(layer.gates)])
    fan_in = prod(siblings["weight"][1:])
    if how == "default":
        return generator.uniform(-1, 1, size) / sqrt(fan_in)
    # sqrt(2): a ReLU layer passes on half of what comes in
    gain = sqrt(2) if how == "orthogonal" else 1.0
    return np.zeros(size) if key == "bias" else gain * _weight(size, how, generator)


def _weight(size: Shape, how: str, generator: np.random.Generator) -> NDArray[np.floating]:
    rows, columns, places = size[0], prod(size[1:]), prod(size[2:])
    if how == "xavier":
        bound = sqrt(6 / (columns + rows * places))
        return generator.uniform(-bound, bound, size)
    if how == "kaiming":
        return generator.standard_normal(size) * sqrt(2 / columns)
    tall = generator.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diag(r))  # without this the distribution is not uniform (Mezzadri 2007)
    return (q if rows >= columns else q.T).reshape(size)

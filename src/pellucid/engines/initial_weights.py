"""The first weights of a network, drawn in NumPy so that every engine begins with the same ones.

For a weight with fan_in inputs and fan_out outputs of one neuron (kernel places included):

    default      U(-1/sqrt(fan_in), 1/sqrt(fan_in)), biases too; recurrent layers U(-1/sqrt(units), 1/sqrt(units))
    xavier       U(-a, a), a = sqrt(6 / (fan_in + fan_out)); biases 0   (Glorot and Bengio 2010)
    kaiming      N(0, 2 / fan_in); biases 0                              (He et al. 2015)
    orthogonal   rows or columns orthonormal, times sqrt(2); biases 0    (Saxe et al. 2014);
                 recurrent layers: weight_hh times 1, weight_ih as xavier, as in Keras

    dirac        as default, but a convolution's first filters pass on a channel each   (Zagoruyko, Komodakis 2017)
    dirac_normal as dirac, but dense weights N(0, 1), for a scale of 1 / features behind them   (Yang et al. 2021)

"default" is PyTorch's. Recurrent layers are drawn gate by gate. Batch norm begins as the identity.
Whitening layers take their filters from the images; without images they are zero, for weights to be loaded.
"""

from __future__ import annotations

from math import prod, sqrt

import numpy as np
from numpy.typing import NDArray

from pellucid.engines.seeds import WEIGHTS, mix
from pellucid.images import Images, Scaling
from pellucid.spec.layer import Layer, Shape
from pellucid.spec.layers import BatchNorm, Residual
from pellucid.spec.network import Network
from pellucid.spec.recurrent import Recurrent
from pellucid.spec.shapes import trace
from pellucid.spec.windowed import Whitening

Arrays = dict[str, NDArray[np.float32]]


#: Initialisations that are PyTorch's but for some weights.
NEAR_DEFAULT = ("default", "dirac", "dirac_normal")
#: Images that whitening looks at: enough for a covariance, and always the first, so that a resumed run sees the same.
WHITENED_IMAGES = 5_000


def initial_weights(
    network: Network, shape: Shape, *, seed: int, images: NDArray[np.float32] | None = None
) -> Arrays:
    """Every parameter and buffer of `network` for images of `shape`, by name, float32.

    images: what the network sees of training images, N H W C, for whitening layers. A pure function of its arguments;
    each array has its own stream, so that adding a layer leaves the others' alone.
    """
    arrays: Arrays = {}
    for row in trace(network, shape):
        for name, layer, arrays_of in _leaves(row.name, row.layer, row.input):
            for key, size in arrays_of.items():
                words = [seed, WEIGHTS, *f"{name}.{key}".encode()]
                generator = np.random.Generator(np.random.PCG64(mix(*words)))
                value = _draw(layer, key, size, network.initialisation, arrays_of, generator)
                if isinstance(layer, Whitening) and images is not None:
                    filters, bias = whitening(images, layer.kernel_size, layer.eps)
                    value = filters if key == "weight" else bias
                arrays[f"{name}.{key}"] = np.ascontiguousarray(value, np.float32)
    return arrays


def seen_images(network: Network, images: Images, scaling: Scaling) -> NDArray[np.float32] | None:
    """The training images, as the network sees them, from which its first weights come; None where none do."""
    layers = [layer for _, layer in network.named()]
    while layers:
        layer = layers.pop()
        if isinstance(layer, Whitening):
            return scaling.apply(images.pixels[:WHITENED_IMAGES])
        if isinstance(layer, Residual):
            layers += [inner for branch in (layer.named_body(), layer.named_shortcut()) for _, inner in branch]
    return None


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
    if isinstance(layer, Whitening):
        return np.zeros(size)
    if isinstance(layer, BatchNorm):
        return np.full(size, 1.0 if key in ("weight", "running_var") else 0.0)
    if isinstance(layer, Recurrent):
        if how in NEAR_DEFAULT:
            return generator.uniform(-1, 1, size) / sqrt(layer.units)
        if key.startswith("bias"):
            return np.zeros(size)
        how = "xavier" if how == "orthogonal" and key == "weight_ih" else how
        return np.concatenate([_weight((layer.units, size[1]), how, generator) for _ in range(layer.gates)])
    fan_in = prod(siblings["weight"][1:])
    if how == "dirac_normal" and len(size) == 2:
        return generator.standard_normal(size)
    if how in NEAR_DEFAULT:
        drawn = generator.uniform(-1, 1, size) / sqrt(fan_in)
        if how != "default" and len(size) == 4:
            for channel in range(min(size[:2])):
                drawn[channel] = 0
                drawn[channel, channel, size[2] // 2, size[3] // 2] = 1
        return drawn
    # sqrt(2): a ReLU layer passes on half of what comes in
    gain = sqrt(2) if how == "orthogonal" else 1.0
    return np.zeros(size) if key == "bias" else gain * _weight(size, how, generator)


def whitening(
    images: NDArray[np.float32], size: int, eps: float
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Filters ``w_i = e_i / sqrt(v_i + eps * v)`` and ``-w_i``, biases ``-w_i . mean``, from the patches of `images`.

    e_i, v_i: eigenvectors and eigenvalues of the patches' covariance, the largest first; v: the mean of the v_i, so
    that the scale of the pixels does not matter; mean: of the patches. images N H W C; filters 2*size*size*C x C x
    size x size. The sign of an eigenvector is chosen so that its largest entry is above zero. In float64: the small
    eigenvalues are what is divided by.
    """
    patches = np.lib.stride_tricks.sliding_window_view(images[:WHITENED_IMAGES], (size, size), axis=(1, 2))
    length = prod(patches.shape[3:])
    second, mean = np.zeros((length, length)), np.zeros(length)
    count = patches.size // length
    for part in np.array_split(patches, max(1, count // 100_000)):  # all of them in float64 would fill a gigabyte
        flat = part.reshape(-1, length).astype(np.float64)
        second += flat.T @ flat / count
        mean += flat.sum(0) / count
    values, vectors = np.linalg.eigh(second - np.outer(mean, mean))
    values = np.maximum(values, 0)
    spread = np.sqrt(values + eps * values.mean())
    filters = (vectors / np.where(spread > 0, spread, 1))[:, ::-1].T
    filters = filters * np.sign(filters[np.arange(length), np.abs(filters).argmax(axis=1)])[:, None]
    filters = np.concatenate([filters, -filters])
    return filters.reshape(-1, *patches.shape[3:]), -filters @ mean


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

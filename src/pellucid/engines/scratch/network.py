"""From a network as data to layers written by hand, and back through them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import singledispatch
from typing import Any

import numpy as np

from pellucid import spec
from pellucid.engines.engine import Arrays
from pellucid.engines.scratch.activations import ACTIVATIONS
from pellucid.engines.scratch.batch_norm import BatchNorm
from pellucid.engines.scratch.conv import Conv
from pellucid.engines.scratch.dense import Dense
from pellucid.engines.scratch.dropout import Dropout
from pellucid.engines.scratch.flatten import Flatten
from pellucid.engines.scratch.gru import GRU
from pellucid.engines.scratch.layer import Array, Layer
from pellucid.engines.scratch.lstm import LSTM
from pellucid.engines.scratch.pooling import AvgPool, GlobalPool, MaxPool
from pellucid.engines.scratch.residual import Residual
from pellucid.engines.scratch.rnn import RNN
from pellucid.engines.scratch.scale import Scale
from pellucid.errors import DataError, SpecError
from pellucid.spec import recurrent
from pellucid.spec.layer import Shape, pair
from pellucid.spec.network import Network
from pellucid.spec.shapes import trace


class Sequential(Layer):
    """Layers one after the other. All parameters lie in one vector, and so do their gradients.

    names: of all parameters, in their order in the vector; a residual block's are ``block.layer.parameter``.
    """

    def __init__(self, inside: dict[str, Layer], vector: Array | None = None) -> None:
        super().__init__()
        self._inside = inside
        self.named = dict(_walk(inside))
        places = [(f"{path}.{key}", layer, key) for path, layer in self.named.items() for key in layer.parameters]
        self.names = tuple(name for name, _, _ in places)
        self.shapes = tuple(layer.parameters[key].shape for _, layer, key in places)
        arrays = [layer.parameters[key].reshape(-1) for _, layer, key in places] or [np.zeros(0, np.float32)]
        self.vector = np.concatenate(arrays) if vector is None else vector
        self.gradient = np.zeros_like(self.vector)
        for (_, layer, key), part, shape in zip(places, self.parts().values(), self.shapes, strict=True):
            layer.parameters[key] = self.vector[part].reshape(shape)
            layer.gradients[key] = self.gradient[part].reshape(shape)
        for layer in inside.values():  # nobody asks what the images should have been
            layer.first = not layer.layers()
            if layer.parameters or layer.layers():
                break

    def parts(self) -> dict[str, slice]:
        """Where each parameter lies in the vector."""
        bounds = np.cumsum([0, *(int(np.prod(shape)) for shape in self.shapes)]).tolist()
        return dict(zip(self.names, map(slice, bounds[:-1], bounds[1:]), strict=True))

    def twin(self) -> Sequential:
        return Sequential({name: layer.twin() for name, layer in self._inside.items()}, self.vector)

    def layers(self) -> dict[str, Layer]:
        return self._inside

    def train(self, training: bool) -> None:
        """Sets every layer's mode."""
        for layer in self.named.values():
            layer.training = training

    def forward(self, x: Array) -> Array:
        """Raises DataError for what is no batch of floats."""
        if x.dtype != self.vector.dtype or not x.size or np.isnan(x.sum()):
            found = f"{x.dtype}" if x.dtype != self.vector.dtype else "an empty batch" if not x.size else "NaN"
            raise DataError(
                f"batch: expected {self.vector.dtype} numbers N C H W, at least one image, found {found}. Convert "
                "the images, or mend them where they were read."
            )
        for layer in self._inside.values():
            x = layer.forward(x)
        return x

    def backward(self, grad: Array) -> Array | None:
        for layer in reversed(self._inside.values()):
            found = layer.backward(grad)
            if found is None:
                return None
            grad = found
        return grad

    def weights(self) -> Arrays:
        """Parameters and buffers by name; copies."""
        return {
            f"{path}.{key}": value.copy()
            for path, layer in self.named.items()
            for key, value in (layer.parameters | layer.buffers).items()
        }

    def load(self, arrays: Arrays) -> None:
        """Takes weights. Raises SpecError where names or shapes are not the network's."""
        own = {
            f"{path}.{key}": value
            for path, layer in self.named.items()
            for key, value in (layer.parameters | layer.buffers).items()
        }
        missing, extra = sorted(own.keys() - arrays.keys()), sorted(arrays.keys() - own.keys())
        if missing or extra:
            raise SpecError(
                f"weights: expected the arrays of this network, found {len(missing)} missing "
                f"({', '.join(missing[:3]) or 'none'}) and {len(extra)} unknown ({', '.join(extra[:3]) or 'none'}). "
                "Were they written by another network?"
            )
        for name, value in own.items():
            if value.shape != arrays[name].shape:
                raise SpecError(
                    f"weights, {name}: expected shape {value.shape}, found {arrays[name].shape}. Were they written "
                    "for images of another size?"
                )
            value[...] = arrays[name]


def _walk(inside: dict[str, Layer], before: str = "") -> Iterator[tuple[str, Layer]]:
    """Every layer with its path, blocks opened."""
    for name, layer in inside.items():
        yield before + name, layer
        yield from _walk(layer.layers(), f"{before}{name}.")


Draw = Callable[[str, int], np.random.Generator]


def build(
    network: Network,
    shape: Shape,
    weights: Arrays,
    *,
    dtype: Any = np.float32,
    generator: Draw | None = None,
) -> Sequential:
    """`network` for images of `shape` (height, width, channels) with `weights`, computing in `dtype`.

    generator: gives the generator of a dropout layer's next mask, by the layer's name and its share of the batch.

    Raises SpecError where a layer does not fit.
    """
    draw = generator or (lambda name, share: np.random.default_rng(share))
    arrays = {name: np.array(value, dtype) for name, value in weights.items()}
    return Sequential({row.name: _make(row.layer, row.name, arrays, draw) for row in trace(network, shape)})


def _own(arrays: Arrays, name: str, *keys: str) -> list[Array]:
    return [arrays[f"{name}.{key}"] for key in keys if f"{name}.{key}" in arrays]


@singledispatch
def _make(layer: Any, name: str, arrays: Arrays, draw: Draw) -> Layer:
    raise NotImplementedError(f"{layer.kind}: this layer has no entry in engines/scratch/network.py.")


@_make.register
def _(layer: spec.Conv, name: str, arrays: Arrays, draw: Draw) -> Layer:
    return Conv(
        *_own(arrays, name, "weight", "bias"),
        stride=pair(layer.stride),
        padding=layer.window().padding,
        dilation=pair(layer.dilation),
        groups=layer.groups,
    )


@_make.register
def _(layer: spec.Whitening, name: str, arrays: Arrays, draw: Draw) -> Layer:
    return Conv(*_own(arrays, name, "weight", "bias"), trained=False)


@_make.register
def _(layer: spec.MaxPool, name: str, arrays: Arrays, draw: Draw) -> Layer:
    window = layer.window()
    return MaxPool(window.size, window.stride, window.padding)


@_make.register
def _(layer: spec.AvgPool, name: str, arrays: Arrays, draw: Draw) -> Layer:
    window = layer.window()
    return AvgPool(window.size, window.stride, window.padding)


@_make.register
def _(layer: spec.GlobalPool, name: str, arrays: Arrays, draw: Draw) -> Layer:
    return GlobalPool(layer.pool)


@_make.register
def _(layer: spec.BatchNorm, name: str, arrays: Arrays, draw: Draw) -> Layer:
    weight = _own(arrays, name, "weight")[0] if layer.scale else None
    own = _own(arrays, name, "bias", "running_mean", "running_var")
    return BatchNorm(weight, *own, eps=layer.eps, momentum=layer.momentum)


@_make.register
def _(layer: spec.Dropout, name: str, arrays: Arrays, draw: Draw) -> Layer:
    return Dropout(layer.rate, lambda share: draw(name, share))


@_make.register
def _(layer: spec.Activation, name: str, arrays: Arrays, draw: Draw) -> Layer:
    return ACTIVATIONS[layer.function]()


@_make.register
def _(layer: spec.Flatten, name: str, arrays: Arrays, draw: Draw) -> Layer:
    return Flatten()


@_make.register
def _(layer: spec.Scale, name: str, arrays: Arrays, draw: Draw) -> Layer:
    return Scale(layer.factor)


@_make.register
def _(layer: spec.Dense, name: str, arrays: Arrays, draw: Draw) -> Layer:
    return Dense(*_own(arrays, name, "weight", "bias"))


@_make.register
def _(layer: recurrent.Recurrent, name: str, arrays: Arrays, draw: Draw) -> Layer:
    own = _own(arrays, name, "weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return {"rnn": RNN, "lstm": LSTM, "gru": GRU}[layer.kind](*own, return_sequences=layer.return_sequences)


@_make.register
def _(layer: spec.Residual, name: str, arrays: Arrays, draw: Draw) -> Layer:
    body, shortcut = (
        {inner: _make(one, f"{name}.{inner}", arrays, draw) for inner, one in branch}
        for branch in (layer.named_body(), layer.named_shortcut())
    )
    return Residual(body, shortcut)

"""The layers, as data: what each makes of a shape, which parameters it holds, what it costs.

Adding a layer: one class here (or in `windowed` or `recurrent`), its entry in `LAYERS`, and one in each engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from math import isfinite, prod
from typing import Any, ClassVar

from pellucid.errors import SpecError, UsageError, unknown_name
from pellucid.spec.layer import (
    Layer,
    Parameters,
    Shape,
    ShapeError,
    layer_names,
    not_negative,
    positive,
    shape_text,
    through,
)
from pellucid.spec.recurrent import GRU, LSTM, RNN
from pellucid.spec.windowed import AvgPool, Conv, GlobalPool, MaxPool, Whitening

ACTIVATIONS = ("relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid")


@dataclass(frozen=True)
class BatchNorm(Layer):
    """``y = (x - mean) / sqrt(variance + eps) * weight + bias``, statistics over the batch (and places) per channel.

    In evaluation the running statistics stand in: ``running = (1 - momentum) * running + momentum * batch``, with the
    unbiased variance (Ioffe and Szegedy 2015; PyTorch's convention for momentum). scale: whether there is a weight;
    without it the weight is one.
    """

    kind: ClassVar[str] = "batch_norm"
    stem: ClassVar[str] = "bn"
    momentum: float = 0.1
    eps: float = 1e-5
    scale: bool = True
    name: str | None = None

    def __post_init__(self) -> None:
        not_negative(self, momentum=self.momentum, eps=self.eps)

    def output(self, shape: Shape) -> Shape:
        if len(shape) == 2:
            raise ShapeError(
                f"expects an image or a vector, receives the sequence {shape_text(shape)}",
                "Put batch_norm after the last recurrent layer, or before the first.",
            )
        return shape

    def parameters(self, shape: Shape) -> Parameters:
        return dict.fromkeys(("weight", "bias") if self.scale else ("bias",), (shape[-1],))

    def buffers(self, shape: Shape) -> Parameters:
        return {"running_mean": (shape[-1],), "running_var": (shape[-1],)}


@dataclass(frozen=True)
class Dropout(Layer):
    """In training each value is zeroed with probability `rate`, the others divided by ``1 - rate``."""

    kind: ClassVar[str] = "dropout"
    stem: ClassVar[str] = "dropout"
    rate: float = 0.5
    name: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 1:
            raise UsageError(f"dropout layer: expected a rate from 0 to below 1, found {self.rate}.")

    def output(self, shape: Shape) -> Shape:
        return shape


@dataclass(frozen=True)
class Activation(Layer):
    """A function of each value alone: one of `ACTIVATIONS`, as PyTorch defines them (leaky_relu: slope 0.01)."""

    kind: ClassVar[str] = "activation"
    stem: ClassVar[str] = "activation"
    function: str = "relu"
    name: str | None = None

    def __post_init__(self) -> None:
        if self.function not in ACTIVATIONS:
            raise unknown_name("activation", self.function, ACTIVATIONS)

    def default_stem(self) -> str:
        return self.function

    def output(self, shape: Shape) -> Shape:
        return shape


@dataclass(frozen=True)
class Flatten(Layer):
    """H W C -> C*H*W, channel by channel (PyTorch's order)."""

    kind: ClassVar[str] = "flatten"
    stem: ClassVar[str] = "flatten"
    name: str | None = None

    def output(self, shape: Shape) -> Shape:
        return (prod(shape),)

    def window(self) -> None:
        return None


@dataclass(frozen=True)
class Dense(Layer):
    """``y = weight x + bias``: features -> units. weight: units x features."""

    kind: ClassVar[str] = "dense"
    stem: ClassVar[str] = "fc"
    units: int = 10
    bias: bool = True
    name: str | None = None

    def __post_init__(self) -> None:
        positive(self, units=self.units)

    def output(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ShapeError(
                f"expects a vector, receives {shape_text(shape)}",
                "Put flatten or global_pool before it, or return_sequences=false on a recurrent layer.",
            )
        return (self.units,)

    def parameters(self, shape: Shape) -> Parameters:
        weight = (self.units, shape[0])
        return {"weight": weight, "bias": (self.units,)} if self.bias else {"weight": weight}

    def multiply_adds(self, shape: Shape) -> int:
        return self.units * shape[0]

    def neurons(self, shape: Shape) -> int:
        return self.units

    def window(self) -> None:
        return None


@dataclass(frozen=True)
class Scale(Layer):
    """``y = factor * x``, the factor fixed: behind the last layer, logits and their changes of another size.

    With a factor of 1 / features the layer before it learns alike at every width (Yang et al. 2021).
    """

    kind: ClassVar[str] = "scale"
    stem: ClassVar[str] = "scale"
    factor: float = 1.0
    name: str | None = None

    def __post_init__(self) -> None:
        if not isfinite(self.factor) or self.factor == 0:
            raise UsageError(f"scale layer: expected a factor other than 0, found {self.factor}.")

    def output(self, shape: Shape) -> Shape:
        return shape


@dataclass(frozen=True)
class Residual(Layer):
    """``y = body(x) + shortcut(x)``; an empty shortcut passes x on (He et al. 2016)."""

    kind: ClassVar[str] = "residual"
    stem: ClassVar[str] = "res"
    body: tuple[Layer, ...] = ()
    shortcut: tuple[Layer, ...] = ()
    name: str | None = None

    def named_body(self) -> list[tuple[str, Layer]]:
        """The body's layers with their names."""
        return layer_names(self.body)

    def named_shortcut(self) -> list[tuple[str, Layer]]:
        """The shortcut's layers, each name beginning with ``shortcut_``."""
        return [(f"shortcut_{name}", layer) for name, layer in layer_names(self.shortcut)]

    def output(self, shape: Shape) -> Shape:
        body, shortcut = through(self.body, shape), through(self.shortcut, shape)
        if body != shortcut:
            raise ShapeError(
                f"expects one shape from both branches, receives {shape_text(body)} from the body and "
                f"{shape_text(shortcut)} from the shortcut",
                "Give the shortcut a 1x1 conv with the body's filters and stride.",
            )
        return body

    def _inner(self, shape: Shape, what: str) -> dict[str, Shape]:
        found: dict[str, Shape] = {}
        for branch in (self.named_body(), self.named_shortcut()):
            inside = shape
            for name, layer in branch:
                arrays: Parameters = getattr(layer, what)(inside)
                found |= {f"{name}.{key}": value for key, value in arrays.items()}
                inside = layer.output(inside)
        return found

    def parameters(self, shape: Shape) -> Parameters:
        return self._inner(shape, "parameters")

    def buffers(self, shape: Shape) -> Parameters:
        return self._inner(shape, "buffers")

    def _sum(self, shape: Shape, what: str) -> int:
        total = 0
        for layers in (self.body, self.shortcut):
            inside = shape
            for layer in layers:
                total += getattr(layer, what)(inside)
                inside = layer.output(inside)
        return total

    def multiply_adds(self, shape: Shape) -> int:
        return self._sum(shape, "multiply_adds")

    def neurons(self, shape: Shape) -> int:
        return self._sum(shape, "neurons")


#: The word in spec files to its layer.
LAYERS: dict[str, type[Layer]] = {
    layer.kind: layer
    for layer in (
        Conv,
        Whitening,
        MaxPool,
        AvgPool,
        GlobalPool,
        BatchNorm,
        Dropout,
        Activation,
        Flatten,
        Dense,
        Scale,
        RNN,
        LSTM,
        GRU,
        Residual,
    )
}


def layer_to_dict(layer: Layer) -> dict[str, Any]:
    """The layer as plain data: its kind and every field that is not at its default."""
    data: dict[str, Any] = {"layer": layer.kind}
    for item in fields(layer):
        value = getattr(layer, item.name)
        if value != item.default:
            nested = isinstance(layer, Residual) and item.name in ("body", "shortcut")
            data[item.name] = [layer_to_dict(inner) for inner in value] if nested else value
    return data


#: The types of fields: what each is called, and whether a value from a file is one.
_TYPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "int": ("a whole number", lambda value: type(value) is int),
    "float": ("a number", lambda value: type(value) in (int, float)),
    "bool": ("true or false", lambda value: type(value) is bool),
    "str": ("a word", lambda value: type(value) is str),
    "tuple[int, int]": (
        "two whole numbers",
        lambda value: type(value) in (list, tuple) and len(value) == 2 and all(type(item) is int for item in value),
    ),
    "tuple[Layer, ...]": (
        "a list of layers",
        lambda value: type(value) in (list, tuple) and all(isinstance(item, dict) for item in value),
    ),
}


def layer_from_dict(data: dict[str, Any]) -> Layer:
    """The layer that `layer_to_dict` described.

    Raises UsageError for an unknown kind or field, SpecError for a field that is missing or of another type.
    """
    values = dict(data)
    kind = values.pop("layer", None)
    if not isinstance(kind, str) or kind not in LAYERS:
        raise unknown_name("layer", str(kind), LAYERS)
    types = {item.name: str(item.type).split(" | ") for item in fields(LAYERS[kind])}
    for key, value in values.items():
        if key not in types:
            raise unknown_name(f"field of a {kind} layer", key, types)
        known = [_TYPES[name] for name in types[key] if name in _TYPES]
        if not any(fits(value) for _, fits in known):
            expected = " or ".join(words for words, _ in known)
            raise SpecError(f"{kind} layer, {key}: expected {expected}, found {value!r}.")
        if key in ("body", "shortcut"):
            values[key] = tuple(layer_from_dict(inner) for inner in value)
        elif isinstance(value, list):
            values[key] = tuple(value)
    missing = [item.name for item in fields(LAYERS[kind]) if item.default is MISSING and item.name not in values]
    if missing:
        raise SpecError(f"{kind} layer: expected a value for {', '.join(missing)}, found none.")
    return LAYERS[kind](**values)

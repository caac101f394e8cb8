"""What all layers share: shapes, windows, names.

A shape is a tuple: ``(height, width, channels)`` for images, ``(steps, features)`` for sequences, ``(features,)`` for
vectors. A recurrent layer reads an image as a sequence of its rows. Parameters are named and shaped as PyTorch's, so
that weights written by one engine open in another.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from pellucid.errors import SpecError, UsageError

Shape = tuple[int, ...]
#: Parameter name to shape, for instance ``{"weight": (6, 1, 5, 5), "bias": (6,)}``.
Parameters = dict[str, Shape]


class ShapeError(SpecError):
    """A layer that cannot take the shape it receives; `fix` says what would help."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(f"{problem}. {fix}")
        self.problem, self.fix = problem, fix


def shape_text(shape: Shape) -> str:
    """`(28, 28, 1)` as ``28x28x1``."""
    return "x".join(map(str, shape))


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """Height and width of a value given once or twice."""
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


@dataclass(frozen=True)
class Window:
    """How a layer looks at its input, along height and along width: the taps of one output neuron.

    Neuron ``u`` sees input pixels ``u * stride - padding`` to ``u * stride - padding + size - 1``, dilation included
    in the size.
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]

    def count(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the output: ``floor((n + 2p - k) / s) + 1`` each."""
        rows, columns = (
            (n + 2 * p - k) // s + 1
            for n, k, s, p in zip((height, width), self.size, self.stride, self.padding, strict=True)
        )
        return rows, columns


@dataclass(frozen=True)
class Layer(ABC):
    """What all layers share. `kind` is the word in spec files, `stem` the beginning of the default name."""

    kind: ClassVar[str]
    stem: ClassVar[str]

    @abstractmethod
    def output(self, shape: Shape) -> Shape:
        """The output's shape for an input's; ShapeError if the layer cannot take it."""

    def parameters(self, shape: Shape) -> Parameters:
        """Trainable arrays for an input of `shape`."""
        return {}

    def buffers(self, shape: Shape) -> Parameters:
        """Arrays that are kept but not trained, such as running statistics."""
        return {}

    def multiply_adds(self, shape: Shape) -> int:
        """Multiplications with addition for one image; layers without weights count as none."""
        return 0

    def neurons(self, shape: Shape) -> int:
        """Outputs of a layer with weights; the others pass on what they are given."""
        return 0

    def window(self) -> Window | None:
        """The layer's view of its input; None where one neuron sees everything."""
        return Window((1, 1), (1, 1), (0, 0))

    def default_stem(self) -> str:
        """Beginning of the name of a layer that has none of its own."""
        return self.stem


def positive(layer: Layer, **values: int | float) -> None:
    """Raises UsageError for a value below 1."""
    for name, value in values.items():
        if value < 1:
            raise UsageError(f"{layer.kind} layer: expected {name} of 1 or more, found {value}.")


def not_negative(layer: Layer, **values: float) -> None:
    """Raises UsageError for a value below zero, by its name."""
    for name, value in values.items():
        if not value >= 0:
            raise UsageError(f"{layer.kind} layer: expected {name} of 0 or more, found {value}.")


def layer_names(layers: tuple[Layer, ...]) -> list[tuple[str, Layer]]:
    """Each layer with its name: its own, else its kind and a count, as in conv1, relu1, pool1, conv2.

    Raises SpecError where two layers share a name.
    """
    named: list[tuple[str, Layer]] = []
    counts: dict[str, int] = {}
    for layer in layers:
        stem = layer.default_stem()
        counts[stem] = counts.get(stem, 0) + 1
        own: str | None = getattr(layer, "name", None)
        named.append((own or f"{stem}{counts[stem]}", layer))
    seen: set[str] = set()
    for name, layer in named:
        if not name.isidentifier():
            raise SpecError(f"layer name {name!r}: expected letters, digits and _ alone, not beginning with a digit.")
        if name in seen:
            raise SpecError(f"layer {name}: this name stands twice (second: a {layer.kind} layer). Name them apart.")
        seen.add(name)
    return named


def through(layers: tuple[Layer, ...], shape: Shape) -> Shape:
    """The output's shape after all `layers`; a ShapeError names the layer inside."""
    for name, layer in layer_names(layers):
        try:
            shape = layer.output(shape)
        except ShapeError as error:
            raise ShapeError(f"inside, layer {name}: {error.problem}", error.fix) from None
    return shape

"""Recurrent layers, as data: the image row by row."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from pellucid.spec.layer import Layer, Parameters, Shape, ShapeError, positive, shape_text


@dataclass(frozen=True)
class Recurrent(Layer):
    """Shared by RNN, LSTM and GRU: steps x features -> units (the last state), or steps x units.

    An image H W C is read as H rows of W*C features. weight_ih: gates*units x features, weight_hh: gates*units x
    units, and two biases of gates*units, gates in PyTorch's order. The first state is zero.
    """

    gates: ClassVar[int]
    units: int = 128
    return_sequences: bool = False
    name: str | None = None

    def __post_init__(self) -> None:
        positive(self, units=self.units)

    @staticmethod
    def sequence(shape: Shape) -> tuple[int, int]:
        """Steps and features of an input."""
        if len(shape) == 3:
            return shape[0], shape[1] * shape[2]
        if len(shape) == 2:
            return shape[0], shape[1]
        raise ShapeError(
            f"expects an image or a sequence, receives the vector {shape_text(shape)}",
            "Put the recurrent layer before flatten and dense layers, or set return_sequences=true "
            "on the recurrent layer before it.",
        )

    def output(self, shape: Shape) -> Shape:
        steps, _ = self.sequence(shape)
        return (steps, self.units) if self.return_sequences else (self.units,)

    def parameters(self, shape: Shape) -> Parameters:
        rows, (_, features) = self.gates * self.units, self.sequence(shape)
        return {
            "weight_ih": (rows, features),
            "weight_hh": (rows, self.units),
            "bias_ih": (rows,),
            "bias_hh": (rows,),
        }

    def multiply_adds(self, shape: Shape) -> int:
        steps, features = self.sequence(shape)
        return steps * self.gates * self.units * (features + self.units)

    def neurons(self, shape: Shape) -> int:
        return prod(self.output(shape))

    def window(self) -> None:
        return None


@dataclass(frozen=True)
class RNN(Recurrent):
    """``h = tanh(W_ih x + b_ih + W_hh h + b_hh)`` (Elman 1990)."""

    kind: ClassVar[str] = "rnn"
    stem: ClassVar[str] = "rnn"
    gates: ClassVar[int] = 1


@dataclass(frozen=True)
class LSTM(Recurrent):
    """Gates i, f, g, o: ``c = f*c + i*g``, ``h = o*tanh(c)`` (Hochreiter and Schmidhuber 1997, with forget gate)."""

    kind: ClassVar[str] = "lstm"
    stem: ClassVar[str] = "lstm"
    gates: ClassVar[int] = 4


@dataclass(frozen=True)
class GRU(Recurrent):
    """Gates r, z, n: ``n = tanh(W_in x + b_in + r*(W_hn h + b_hn))``, ``h = (1-z)*n + z*h`` (Cho et al. 2014)."""

    kind: ClassVar[str] = "gru"
    stem: ClassVar[str] = "gru"
    gates: ClassVar[int] = 3

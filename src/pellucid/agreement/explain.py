"""A page about a layer: what it computes, its code in both directions, and an example worked out when it is shown."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.engines.scratch import activations, losses, optimizers
from pellucid.engines.scratch.batch_norm import BatchNorm
from pellucid.engines.scratch.conv import Conv
from pellucid.engines.scratch.dense import Dense
from pellucid.engines.scratch.dropout import Dropout
from pellucid.engines.scratch.flatten import Flatten
from pellucid.engines.scratch.gru import GRU
from pellucid.engines.scratch.layer import Layer
from pellucid.engines.scratch.lstm import LSTM
from pellucid.engines.scratch.pooling import AvgPool, GlobalPool, MaxPool
from pellucid.engines.scratch.recurrent import Recurrent
from pellucid.engines.scratch.residual import Residual
from pellucid.engines.scratch.rnn import RNN
from pellucid.engines.scratch.scale import Scale
from pellucid.errors import unknown_name
from pellucid.spec.recipe import Recipe

Array = NDArray[Any]


@dataclass(frozen=True)
class Explanation:
    """mathematics: the docstring. code: of both directions. example: named arrays, in order, and what each is."""

    name: str
    file: str
    mathematics: str
    code: str
    example: tuple[tuple[str, Array], ...]

    @property
    def text(self) -> str:
        """For a terminal or a document."""
        parts = [self.name, "=" * len(self.name), "", self.mathematics, "", f"The code ({self.file}):", ""]
        parts += [textwrap.indent(self.code, "    "), "", "An example, computed now:", ""]
        for words, value in self.example:
            shown = np.array2string(np.round(value, 4) + 0.0, precision=4, suppress_small=True, separator="  ")
            parts += [
                f"    {words}{f'  {value.shape}' if value.ndim > 1 else ''}",
                textwrap.indent(shown, "        "),
                "",
            ]
        return "\n".join(parts).rstrip()


def _grid(*rows: tuple[float, ...]) -> Array:
    return np.array(rows, np.float64)


def _recurrent(kind: type[Recurrent], gates: int) -> Callable[[], tuple[Layer, Array]]:
    def make() -> tuple[Layer, Array]:
        sizes = [(gates * 2, 1), (gates * 2, 2), (gates * 2,), (gates * 2,)]
        arrays = [np.linspace(-1, 1, int(np.prod(size))).reshape(size) for size in sizes]
        return kind(*arrays, return_sequences=True), _grid((1.0,), (0.0,), (-1.0,))[None]

    return make


IMAGE = np.arange(16.0).reshape(1, 1, 4, 4)
VALUES = np.array([[-2.0, -0.5, 0.0, 0.5, 2.0]])
EXAMPLES: dict[str, Callable[[], tuple[Layer, Array]]] = {
    "dense": lambda: (Dense(_grid((1, 2, 3), (0, -1, 1)), np.array([0.5, 0])), _grid((1, 0, 2), (0, 1, 1))),
    "conv": lambda: (Conv(np.array([[[[1.0, 0.0], [0.0, -1.0]]]]), np.array([0.5])), IMAGE**2 / 10),
    "max_pool": lambda: (MaxPool((2, 2)), np.sin(IMAGE)),
    "avg_pool": lambda: (AvgPool((2, 2)), IMAGE),
    "global_pool": lambda: (GlobalPool("avg"), IMAGE),
    "batch_norm": lambda: (BatchNorm(*np.array([[2.0], [1], [0], [1]])), _grid((1,), (3,), (8,))),
    "dropout": lambda: (Dropout(0.5, lambda share: np.random.default_rng(1)), np.ones((1, 6))),
    "flatten": lambda: (Flatten(), np.arange(8.0).reshape(1, 2, 2, 2)),
    "scale": lambda: (Scale(0.25), VALUES),
    "residual": lambda: (Residual({"fc": Dense(_grid((0.5, 0), (0, 0.5)))}, {}), _grid((1, 2))),
    "rnn": _recurrent(RNN, 1),
    "lstm": _recurrent(LSTM, 4),
    "gru": _recurrent(GRU, 3),
    **{name: (lambda made=made: (made(), VALUES)) for name, made in activations.ACTIVATIONS.items()},  # type: ignore[misc]
}  # fmt: skip
LOSSES = {name: getattr(losses, name) for name in ("cross_entropy", "mse", "l1", "bce")}


def names() -> list[str]:
    """Everything that can be explained: layers, losses, optimizers."""
    return [*EXAMPLES, *LOSSES, *optimizers.OPTIMIZERS]


def explain(name: str) -> Explanation:
    """The page of a layer, loss or optimizer. Raises UsageError naming what there is."""
    if name in EXAMPLES:
        return _layer(name)
    if name in LOSSES:
        return _loss(name)
    if name in optimizers.OPTIMIZERS:
        return _optimizer(name)
    raise unknown_name("layer", name, names())


def _layer(name: str) -> Explanation:
    layer, x = EXAMPLES[name]()
    y = layer.forward(x)
    grad = np.ones_like(y) if y.size < 2 else np.linspace(1, -1, y.size).reshape(y.shape)
    at_x = layer.backward(grad)
    assert at_x is not None
    example = [("x", x), *layer.parameters.items(), ("y = forward(x)", y), ("dL/dy, given", grad)]
    example += [(f"dL/d{key}", value) for key, value in layer.gradients.items()]
    example.append(("dL/dx = backward(dL/dy)", at_x))
    directions = ("steps", "steps_back") if isinstance(layer, Recurrent) else ("forward", "backward")
    code = "\n".join(_source(getattr(type(layer), direction)) for direction in directions)
    return Explanation(name, _file(type(layer)), inspect.getdoc(type(layer)) or "", code, tuple(example))


def _loss(name: str) -> Explanation:
    function = LOSSES[name]
    z, q = _grid((2, 1, 0), (0, 0, 3)), _grid((1, 0, 0), (0, 1, 0))
    value, grad = function(z.copy(), q)
    example = (("z", z), ("q, the labels", q), ("L", np.array(value)), ("dL/dz", grad))
    code = _source(function)
    if name in ("mse", "l1"):
        code += "\n" + _source(losses.through_softmax)
    return Explanation(name, _file(function), inspect.getdoc(function) or "", code, example)


def _optimizer(name: str) -> Explanation:
    made = optimizers.OPTIMIZERS[name]
    assert isinstance(made, type) and issubclass(made, optimizers.Optimizer)
    x, recipe = np.array([1.0, -2.0, 0.5]), Recipe(optimizer=name, lr=0.1, momentum=0.9 if name == "sgd" else 0.0)
    gradient = np.array([0.5, -1.0, 0.1])
    g = gradient.copy()
    follow = made(recipe, x, g)
    example = [("x", x.copy()), ("g", gradient), ("learning rate", np.array(0.1))]
    for step in (1, 2):
        g[:] = gradient
        follow.step(0.1)
        example.append((f"x after step {step}", x.copy()))
    code = _source(made.update)
    return Explanation(name, _file(made), inspect.getdoc(made) or "", code, tuple(example))


def _source(of: Any) -> str:
    return textwrap.dedent(inspect.getsource(of)).rstrip() + "\n"


def _file(of: Any) -> str:
    return "src/" + inspect.getmodule(of).__name__.replace(".", "/") + ".py"  # type: ignore[union-attr]

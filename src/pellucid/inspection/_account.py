"""What one layer did for one neuron: patch, filter, products, sum, bias; the formulas, kind by kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

#: Input channels whose products are told, those that weigh most.
MOST = 8
#: Functions of one value alone, as they are written.
FUNCTIONS = {
    "ReLU": "max(0, x)",
    "LeakyReLU": "x, or a small share of x below zero",
    "ELU": "x, or exp(x) - 1 below zero",
    "GELU": "x · P(z < x), z normal",
    "SiLU": "x / (1 + exp(-x))",
    "Sigmoid": "1 / (1 + exp(-x))",
    "Tanh": "tanh(x)",
    "ReLU6": "min(max(0, x), 6)",
    "Hardtanh": "x, cut off at both ends",
    "Softplus": "log(1 + exp(x))",
    "CELU": "x, or exp(x) - 1 below zero",
    "SELU": "1.0507 · x, or 1.7581 · (exp(x) - 1) below zero",
    "Mish": "x · tanh(log(1 + exp(x)))",
    "Hardswish": "x · min(max(0, x + 3), 6) / 6",
}


@dataclass(frozen=True)
class Neuron:
    """One place of one channel of a layer; layer "" is the image. Units of a vector have one place, 0 and 0."""

    layer: str
    channel: int
    row: int = 0
    column: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {"layer": self.layer, "channel": self.channel, "row": self.row, "column": self.column}


@dataclass(frozen=True, eq=False)
class Part:
    """One input channel's part in a sum. patch, weights: rows x columns; inside: what lies in the input."""

    channel: int
    patch: NDArray[np.float64]
    weights: NDArray[np.float64]
    inside: NDArray[np.bool_]

    @property
    def total(self) -> float:
        """The sum of the products."""
        return float((self.patch * self.weights).sum())

    def to_dict(self) -> dict[str, Any]:
        return {
            "channel": self.channel,
            "patch": self.patch.tolist(),
            "weights": self.weights.tolist(),
            "inside": self.inside.tolist(),
            "total": self.total,
        }


@dataclass(frozen=True, eq=False)
class Step:
    """One layer's part in a neuron's value.

    rule: "sum" (of products), "largest", "mean", "function", "normalised", "added", "same", or "untold". value: what
    the network gave; total: what the formula gives, of which numbers tells the terms by name. parts: of a sum, the
    `MOST` input channels that weigh most; a pooling has one, whose weights are its shares. rest: what the other
    `others` channels add. source: the neuron of the input at the patch's first row and column, which may lie in the
    padding; of "largest" the winner; of what works on one value alone, that one; None where code between layers made
    the input. spacing: rows and columns of the input from one of the patch to the next.
    """

    neuron: Neuron
    kind: str
    rule: str
    value: float
    total: float
    words: str
    numbers: dict[str, float]
    parts: Sequence[Part] = ()
    others: int = 0
    rest: float = 0.0
    source: Neuron | None = None
    spacing: tuple[int, int] = (1, 1)

    def to_dict(self) -> dict[str, Any]:
        return {
            **self.neuron.to_dict(),
            "kind": self.kind,
            "rule": self.rule,
            "value": self.value,
            "total": self.total,
            "words": self.words,
            "numbers": self.numbers,
            "parts": [part.to_dict() for part in self.parts],
            "others": self.others,
            "rest": self.rest,
            "source": self.source.to_dict() if self.source else None,
            "spacing": list(self.spacing),
        }


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a module. given, made: its input and output, C ... without the batch, as they were then.

    before, after: the tensors themselves, by which the calls are chained.
    """

    name: str
    part: nn.Module
    given: NDArray[np.float64]
    made: NDArray[np.float64]
    before: Tensor
    after: Tensor

    @property
    def kind(self) -> str:
        return type(self.part).__name__


def index_of(values: NDArray[np.float64], neuron: Neuron) -> tuple[int, ...]:
    """Index of a neuron in an output C H W, C, or steps x units."""
    if values.ndim == 1:
        return (neuron.channel,)
    if values.ndim == 2:
        return neuron.row, neuron.channel
    return neuron.channel, neuron.row, neuron.column


def convolved(call: Call, neuron: Neuron, own: dict[str, Any], maker: str | None) -> Step:
    part: Any = call.part
    weight = part.weight.detach().double().cpu().numpy()
    outputs, per_group, *size = weight.shape
    stride, dilation = getattr(part, "stride", (1, 1)), getattr(part, "dilation", (1, 1))
    padding = getattr(part, "padding", (0, 0))
    reach = [d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True)]
    if isinstance(padding, str):
        padding = [(one - 1) // 2 if padding == "same" else 0 for one in reach]
    widths = ((0, 0), *((ahead, one) for ahead, one in zip(padding, reach, strict=True)))
    modes: dict[str, Any] = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    inputs = np.pad(call.given, widths, mode=modes.get(getattr(part, "padding_mode", "zeros"), "constant"))
    top, left = neuron.row * stride[0], neuron.column * stride[1]  # in the padded input
    rows = np.arange(top, top + reach[0], dilation[0])[:, None]
    columns = np.arange(left, left + reach[1], dilation[1])
    height, width = call.given.shape[1:]
    inside = (
        (rows >= padding[0]) & (rows < padding[0] + height) & (columns >= padding[1]) & (columns < padding[1] + width)
    )
    first = neuron.channel // (outputs // getattr(part, "groups", 1)) * per_group
    parts = [
        Part(first + k, inputs[first + k, rows, columns], weight[neuron.channel, k], inside) for k in range(per_group)
    ]
    corner = None if maker is None else Neuron(maker, first, top - padding[0], left - padding[1])
    return replace(summed(parts, part.bias, neuron, own, corner), spacing=(dilation[0], dilation[1]))


def summed(
    parts: Sequence[Part], bias: Tensor | None, neuron: Neuron, own: dict[str, Any], corner: Neuron | None
) -> Step:
    order = sorted(range(len(parts)), key=lambda k: (-abs(parts[k].total), k))
    told, untold = [parts[k] for k in order[:MOST]], [parts[k] for k in order[MOST:]]
    numbers = {} if bias is None else {"bias": float(bias[neuron.channel])}
    rest = sum(part.total for part in untold)
    return Step(
        **own, rule="sum", total=sum(part.total for part in told) + rest + sum(numbers.values()),
        words="sum of patch × filter" + (" + bias" if numbers else ""), numbers=numbers, parts=told,
        others=len(untold), rest=rest, source=corner,
    )  # fmt: skip


def normalised(call: Call, at: tuple[int, ...], own: dict[str, Any], before: Neuron | None) -> Step:
    part: Any = call.part
    one = at[0]
    x, mean, variance = float(call.given[at]), float(part.running_mean[one]), float(part.running_var[one])
    weight = 1.0 if part.weight is None else float(part.weight[one])
    bias = 0.0 if part.bias is None else float(part.bias[one])
    eps = float(part.eps)
    return Step(
        **own, rule="normalised", total=(x - mean) / sqrt(variance + eps) * weight + bias,
        words="(x - mean) / √(variance + eps) · weight + bias",
        numbers={"x": x, "mean": mean, "variance": variance, "eps": eps, "weight": weight, "bias": bias},
        source=before,
    )  # fmt: skip


def pooled(call: Call, neuron: Neuron, own: dict[str, Any], maker: str | None) -> Step | None:
    """A window of the channel's own map; None for a layer that is no pooling that is known."""
    _, height, width = call.given.shape
    place = (neuron.row, neuron.column)
    if isinstance(call.part, (nn.MaxPool2d, nn.AvgPool2d)):
        spans, count = _window(call.part, place, (height, width))
    elif call.kind in ("AdaptiveAvgPool2d", "AdaptiveMaxPool2d"):
        counts = zip(place, (height, width), call.made.shape[1:], strict=True)
        spans, count = [np.arange(at * side // of, -(-(at + 1) * side // of)) for at, side, of in counts], None
    elif call.kind == "GlobalPool":
        spans, count = [np.arange(height), np.arange(width)], None
    else:
        return None
    patch = call.given[neuron.channel][np.ix_(*spans)]
    inside, shares = np.ones(patch.shape, np.bool_), np.zeros(patch.shape)
    if "Max" in call.kind or getattr(call.part, "pool", "") == "max":
        rule, words, numbers = "largest", "the largest of the window", {}
        chosen = np.unravel_index(int(patch.argmax()), patch.shape)
        shares[chosen] = 1.0
        row, column = (int(span[at]) for span, at in zip(spans, chosen, strict=True))
    else:
        rule, words, numbers = "mean", "the mean of the window", {"count": float(count or patch.size)}
        shares += 1 / (count or patch.size)
        row, column = int(spans[0][0]), int(spans[1][0])
    parts = [Part(neuron.channel, patch, shares, inside)]
    source = None if maker is None else Neuron(maker, neuron.channel, row, column)
    return Step(**own, rule=rule, total=parts[0].total, words=words, numbers=numbers, parts=parts, source=source)


def _window(part: Any, place: tuple[int, int], sides: tuple[int, int]) -> tuple[list[NDArray[np.int64]], int | None]:
    """Rows and columns inside the input that a pooling sees, and by what it divides, where that is another number."""

    def along(value: Any, axis: int) -> int:
        return int(value[axis]) if isinstance(value, (tuple, list)) else int(value)

    spans, padded = [], []
    for axis, side in enumerate(sides):
        size, stride, padding = (along(value, axis) for value in (part.kernel_size, part.stride, part.padding))
        taps = place[axis] * stride - padding + along(getattr(part, "dilation", 1), axis) * np.arange(size)
        padded.append(int((taps < side + padding).sum()))
        spans.append(taps[(taps >= 0) & (taps < side)])
    if isinstance(part, nn.AvgPool2d):
        if part.divisor_override:
            return spans, int(part.divisor_override)
        if part.count_include_pad:
            return spans, prod(padded)
    return spans, None

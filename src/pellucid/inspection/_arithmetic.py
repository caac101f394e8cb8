"""How the value of one neuron came about: which patch, which filter, products, sum, bias, activation.

The calls of one forward pass are kept with what went in and what came out; a neuron is then explained from the top
down. What works on each value alone (an activation, batch norm, dropout, flatten) is explained and followed to the
neuron it was made from; a weighted sum, a pooling or a sum of branches ends the account. Computed in float64 from
the weights and inputs as they were, so that it adds up to the map's value but for float32's rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod, sqrt
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.errors import UsageError, unknown_name
from pellucid.inspection._layers import IDLE, LayerInfo
from pellucid.inspection._subject import Subject, forward, tensor_of

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
class _Call:
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


def arithmetic(subject: Subject, x: Tensor, neuron: Neuron, known: Sequence[LayerInfo]) -> list[Step]:
    """How `neuron` of a layer came to its value on x, 1 C H W: from the layer itself down to the first sum.

    known: the network's layers. Raises UsageError for a layer, channel or place that is not there.
    """
    info = next((one for one in known if one.name == neuron.layer), None)
    if info is None:
        raise unknown_name("layer", neuron.layer, [f"{one.name} ({one.shape_text})" for one in known])
    at = (neuron.channel, neuron.row, neuron.column)
    if any(not 0 <= place < size for place, size in zip(at, info.shape, strict=True)):
        raise UsageError(
            f"neuron: expected channel, row and column below {', '.join(map(str, info.shape))} "
            f"(layer {info.name}, {info.shape_text}), found {', '.join(map(str, at))}."
        )
    calls: list[_Call] = []
    with subject.quiet(), torch.inference_mode():
        with _recorded(subject.module, calls):
            forward(subject, x)
        told = _Trace(x, calls)
        steps = [told.explained(neuron)]
        while steps[-1].rule in ("function", "normalised", "same"):
            source = steps[-1].source
            if source is None or not source.layer:
                break
            steps.append(told.explained(source))
    return steps


@contextmanager
def _recorded(module: nn.Module, calls: list[_Call]) -> Iterator[None]:
    """Fills `calls`, numbered as `watched` numbers them, without containers that give their last module's output."""
    numbers: dict[str, int] = {}
    handles: list[Any] = []
    entered: list[tuple[Tensor, NDArray[np.float64]] | None] = []

    def enter(_: nn.Module, args: Any) -> None:
        given = tensor_of(args)
        entered.append(None if given is None else (given, _plain(given)))

    def leave_of(name: str) -> Any:
        def leave(part: nn.Module, _: Any, output: Any) -> None:
            given, made = entered.pop(), tensor_of(output)
            numbers[name] = numbers.get(name, 0) + 1
            if made is None or given is None:
                return
            if calls and calls[-1].after is made and calls[-1].name.startswith(f"{name}."):
                return
            number = f"#{numbers[name]}" if numbers[name] > 1 else ""
            calls.append(_Call(name + number, part, given[1], _plain(made), given[0], made))

        return leave

    try:
        for name, part in module.named_modules():
            if name:
                handles += [part.register_forward_pre_hook(enter), part.register_forward_hook(leave_of(name))]
        yield
    finally:
        for handle in handles:
            handle.remove()


def _plain(value: Tensor) -> NDArray[np.float64]:
    """A copy of a batch of one, without the batch: the next layer may work in place."""
    found: NDArray[np.float64] = value[0].detach().double().cpu().numpy().copy()
    return found


class _Trace:
    """The calls of one forward pass on x."""

    def __init__(self, x: Tensor, calls: Sequence[_Call]) -> None:
        self._x, self._calls = x, calls

    def explained(self, neuron: Neuron) -> Step:
        """The step of one layer, by what kind of layer it is."""
        call = next(one for one in self._calls if one.name == neuron.layer)
        at = _place(call.made, neuron)
        own: dict[str, Any] = {"neuron": neuron, "kind": call.kind, "value": float(call.made[at])}
        maker = self._maker(call)
        before = Neuron(maker, neuron.channel, neuron.row, neuron.column) if maker is not None else None
        if isinstance(call.part, nn.Conv2d) or call.kind == "Whitening":
            return _convolved(call, neuron, own, maker)
        if isinstance(call.part, nn.Linear) and call.given.ndim == 1:
            return self._weighed(call, neuron, own)
        if all(hasattr(call.part, name) for name in ("running_mean", "running_var", "eps")):
            return _normalised(call, at, own, before)
        if call.kind in FUNCTIONS:
            x = float(call.given[at])
            total = float(call.part(torch.tensor(x, dtype=torch.float64)))
            return Step(
                **own, rule="function", total=total, words=FUNCTIONS[call.kind], numbers={"x": x}, source=before
            )
        if call.kind == "Flatten" and call.given.ndim == 3 and maker is not None:
            before = Neuron(maker, *map(int, np.unravel_index(neuron.channel, call.given.shape)))
        if call.kind in IDLE:
            words, total = "passed on as it is", own["value"]
            return Step(**own, rule="same", total=total, words=words, numbers={}, source=before)
        found = _pooled(call, neuron, own, maker) if call.given.ndim == 3 else None
        if found is not None:
            return found
        if call.kind == "Residual":
            return self._added(call, at, own)
        words = f"computed by {call.kind}, whose arithmetic is not taken apart here"
        return Step(**own, rule="untold", total=own["value"], words=words, numbers={})

    def _maker(self, call: _Call) -> str | None:
        """The layer whose output is the call's input; "" for the image, None where code between layers made it."""
        one = self._call_before(call)
        if one is not None:
            return one.name
        return "" if call.before is self._x else None

    def _call_before(self, call: _Call) -> _Call | None:
        for one in reversed(self._calls[: self._calls.index(call)]):
            if one.after is call.before:  # its values differ where a function changed them in place
                return one if np.array_equal(one.made, call.given) else None
        return None

    def _weighed(self, call: _Call, neuron: Neuron, own: dict[str, Any]) -> Step:
        """A dense unit. Where it reads flattened maps, it is told as a filter as large as they are."""
        part: Any = call.part
        weights = part.weight.detach().double().cpu().numpy()[neuron.channel]
        flat = self._call_before(call)
        while flat is not None and flat.kind in IDLE and flat.given.ndim == 1:
            flat = self._call_before(flat)
        maps = flat is not None and flat.kind == "Flatten" and flat.given.ndim == 3
        shape = flat.given.shape if maps and flat is not None else (len(weights), 1, 1)
        name = self._maker(flat if maps and flat is not None else call)
        patches, weights = call.given.reshape(shape), weights.reshape(shape)
        inside = np.ones(shape[1:], np.bool_)
        parts = [Part(channel, patches[channel], weights[channel], inside) for channel in range(shape[0])]
        return _summed(parts, part.bias, neuron, own, None if name is None else Neuron(name, 0))

    def _added(self, call: _Call, at: tuple[int, ...], own: dict[str, Any]) -> Step:
        """The two branches of a residual block; a branch without layers is the input."""
        branches: dict[str, NDArray[np.float64]] = {"body": call.given, "shortcut": call.given}
        for one in self._calls[: self._calls.index(call)]:
            outer, _, inner = one.name.rpartition(".")
            if outer == call.name:
                branches["shortcut" if inner.startswith("shortcut_") else "body"] = one.made
        numbers = {name: float(values[at]) for name, values in branches.items()}
        return Step(**own, rule="added", total=sum(numbers.values()), words="body + shortcut", numbers=numbers)


def _place(values: NDArray[np.float64], neuron: Neuron) -> tuple[int, ...]:
    """Index of a neuron in an output C H W, C, or steps x units."""
    if values.ndim == 1:
        return (neuron.channel,)
    if values.ndim == 2:
        return neuron.row, neuron.channel
    return neuron.channel, neuron.row, neuron.column


def _convolved(call: _Call, neuron: Neuron, own: dict[str, Any], maker: str | None) -> Step:
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
    return replace(_summed(parts, part.bias, neuron, own, corner), spacing=(dilation[0], dilation[1]))


def _summed(
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


def _normalised(call: _Call, at: tuple[int, ...], own: dict[str, Any], before: Neuron | None) -> Step:
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


def _pooled(call: _Call, neuron: Neuron, own: dict[str, Any], maker: str | None) -> Step | None:
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

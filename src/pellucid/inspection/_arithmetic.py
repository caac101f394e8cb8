"""How the value of one neuron came about: which patch, which filter, products, sum, bias, activation.

The calls of one forward pass are kept with what went in and what came out; a neuron is then explained from the top
down. What works on each value alone (an activation, batch norm, dropout, flatten) is explained and followed to the
neuron it was made from; a weighted sum, a pooling or a sum of branches ends the account. Computed in float64 from
the weights and inputs as they were, so that it adds up to the map's value but for float32's rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.errors import UsageError, unknown_name
from pellucid.inspection._account import (
    FUNCTIONS,
    Call,
    Neuron,
    Part,
    Step,
    convolved,
    index_of,
    normalised,
    pooled,
    summed,
)
from pellucid.inspection._layers import IDLE, LayerInfo
from pellucid.inspection._subject import Subject, forward, tensor_of


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
    calls: list[Call] = []
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
def _recorded(module: nn.Module, calls: list[Call]) -> Iterator[None]:
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
            calls.append(Call(name + number, part, given[1], _plain(made), given[0], made))

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

    def __init__(self, x: Tensor, calls: Sequence[Call]) -> None:
        self._x, self._calls = x, calls

    def explained(self, neuron: Neuron) -> Step:
        """The step of one layer, by what kind of layer it is."""
        call = next(one for one in self._calls if one.name == neuron.layer)
        at = index_of(call.made, neuron)
        own: dict[str, Any] = {"neuron": neuron, "kind": call.kind, "value": float(call.made[at])}
        maker = self._maker(call)
        before = Neuron(maker, neuron.channel, neuron.row, neuron.column) if maker is not None else None
        if isinstance(call.part, nn.Conv2d) or call.kind == "Whitening":
            return convolved(call, neuron, own, maker)
        if isinstance(call.part, nn.Linear) and call.given.ndim == 1:
            return self._weighed(call, neuron, own)
        if all(hasattr(call.part, name) for name in ("running_mean", "running_var", "eps")):
            return normalised(call, at, own, before)
        if call.kind in FUNCTIONS:
            x = float(call.given[at])
            total = float(call.part(torch.tensor(x, dtype=torch.float64)))
            return Step(
                **own, rule="function", total=total, words=FUNCTIONS[call.kind], numbers={"x": x}, source=before
            )
        factor = getattr(call.part, "factor", None)
        if call.kind == "Scale" and isinstance(factor, float):  # another's Scale may hold weights
            x = float(call.given[at])
            words = f"{factor:.6g} · x"
            return Step(**own, rule="function", total=factor * x, words=words, numbers={"x": x}, source=before)
        if call.kind == "Flatten" and call.given.ndim == 3 and maker is not None:
            before = Neuron(maker, *map(int, np.unravel_index(neuron.channel, call.given.shape)))
        if call.kind in IDLE:
            words, total = "passed on as it is", own["value"]
            return Step(**own, rule="same", total=total, words=words, numbers={}, source=before)
        found = pooled(call, neuron, own, maker) if call.given.ndim == 3 else None
        if found is not None:
            return found
        if call.kind == "Residual":
            return self._added(call, at, own)
        words = f"computed by {call.kind}, whose arithmetic is not taken apart here"
        return Step(**own, rule="untold", total=own["value"], words=words, numbers={})

    def _maker(self, call: Call) -> str | None:
        """The layer whose output is the call's input; "" for the image, None where code between layers made it."""
        one = self._call_before(call)
        if one is not None:
            return one.name
        return "" if call.before is self._x else None

    def _call_before(self, call: Call) -> Call | None:
        for one in reversed(self._calls[: self._calls.index(call)]):
            if one.after is call.before:  # its values differ where a function changed them in place
                return one if np.array_equal(one.made, call.given) else None
        return None

    def _weighed(self, call: Call, neuron: Neuron, own: dict[str, Any]) -> Step:
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
        return summed(parts, part.bias, neuron, own, None if name is None else Neuron(name, 0))

    def _added(self, call: Call, at: tuple[int, ...], own: dict[str, Any]) -> Step:
        """The two branches of a residual block; a branch without layers is the input."""
        branches: dict[str, NDArray[np.float64]] = {"body": call.given, "shortcut": call.given}
        for one in self._calls[: self._calls.index(call)]:
            outer, _, inner = one.name.rpartition(".")
            if outer == call.name:
                branches["shortcut" if inner.startswith("shortcut_") else "body"] = one.made
        numbers = {name: float(values[at]) for name, values in branches.items()}
        return Step(**own, rule="added", total=sum(numbers.values()), words="body + shortcut", numbers=numbers)

"""A layer that someone wrote, beside both engines and central differences: right, or where it is wrong.

The protocol is that of `pellucid.engines.scratch.layer.Layer`, and nothing has to be imported for it: a class whose
instances have ``forward(x)``, ``backward(grad)``, and, if there is something to learn, ``parameters`` and
``gradients``, dicts of arrays. It is made with its arrays by PyTorch's names (``weight``, ``bias``, ``weight_ih``...)
and with those options of the layer that its ``__init__`` names (``kernel_size``, ``stride``, ``padding``...): pairs,
or numbers where the default is a number; what it does not name is left at the simplest value. Arrays are float64;
images N C H W, sequences N T F.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.agreement.difference import Difference, difference
from pellucid.agreement.gradients import TOLERANCE, slopes
from pellucid.agreement.lockstep import call
from pellucid.engines.scratch.activations import ACTIVATIONS
from pellucid.engines.scratch.batch_norm import BatchNorm
from pellucid.engines.scratch.conv import Conv
from pellucid.engines.scratch.dense import Dense
from pellucid.engines.scratch.flatten import Flatten
from pellucid.engines.scratch.gru import GRU
from pellucid.engines.scratch.layer import Layer
from pellucid.engines.scratch.lstm import LSTM
from pellucid.engines.scratch.pooling import AvgPool, GlobalPool, MaxPool
from pellucid.engines.scratch.rnn import RNN
from pellucid.errors import UsageError, unknown_name

Array = NDArray[Any]


@dataclass(frozen=True)
class Case:
    """One question: arrays and options to make a layer with, and an input."""

    arrays: dict[str, Array]
    options: dict[str, Any]
    x: Array

    @property
    def words(self) -> str:
        sizes = ", ".join(f"{name} {value.shape}" for name, value in self.arrays.items())
        told = ", ".join(f"{name}={value}" for name, value in self.options.items())
        return f"x {self.x.shape}{'; ' if sizes else ''}{sizes}{'; ' if told else ''}{told}"


@dataclass(frozen=True)
class Fault:
    """What is wrong: with which tensor ("output", "gradient of weight"...), in which case, by how much.

    by: what it was compared with.
    """

    tensor: str
    case: str
    words: str
    by: str


@dataclass(frozen=True)
class Report:
    """cases: how many questions were asked; faults: the first of each tensor, in the order of the computation."""

    name: str
    kind: str
    cases: int
    faults: tuple[Fault, ...]

    @property
    def right(self) -> bool:
        return not self.faults

    @property
    def words(self) -> str:
        """For a terminal."""
        if self.right:
            return (
                f"{self.name} is a {self.kind} layer as both engines compute it, in {self.cases} cases, and its "
                "gradients are those of central differences."
            )
        lines = [f"{self.name} ({self.kind}): {len(self.faults)} tensor{'s' * (len(self.faults) > 1)} wrong"]
        for one in self.faults:
            lines.append(f"  {one.tensor}: {one.words}\n    beside {one.by}, for {one.case}")
        return "\n".join(lines)


#: Options that are pairs.
PAIRS = {"kernel_size", "stride", "padding", "dilation"}
#: Words by which a class says what it is, beside the kinds of the spec.
NAMES = {
    "conv2d": "conv", "convolution": "conv", "linear": "dense", "maxpool2d": "max_pool", "maxpool": "max_pool",
    "avgpool2d": "avg_pool", "avgpool": "avg_pool", "batchnorm": "batch_norm", "batchnorm2d": "batch_norm",
    "batchnorm1d": "batch_norm", "globalpool": "global_pool", "leakyrelu": "leaky_relu",
}  # fmt: skip
REFERENCES: dict[str, Callable[..., Layer]] = {
    "dense": Dense, "conv": Conv, "max_pool": MaxPool, "avg_pool": AvgPool, "global_pool": GlobalPool,
    "batch_norm": BatchNorm, "flatten": Flatten, "rnn": RNN, "lstm": LSTM, "gru": GRU, **ACTIVATIONS,
}  # fmt: skip


def kind_of(made: type, said: str | None = None) -> str:
    """Which layer a class is meant to be: what is said, its attribute ``kind``, or its name."""
    word = said or getattr(made, "kind", None) or made.__name__
    kind = str(word).lower().replace("-", "_")
    kind = NAMES.get(kind, kind)
    if kind not in REFERENCES:
        raise unknown_name("layer", str(word), REFERENCES)
    return kind


def cases(kind: str, accepted: set[str]) -> Iterator[Case]:
    """Questions about a layer of `kind`, the simplest first; only those that a class with `accepted` can answer."""
    generator = np.random.default_rng(0)

    def drawn(*shape: int) -> Array:
        return generator.standard_normal(shape)

    if kind == "conv":
        options: list[dict[str, Any]] = [
            {}, {"stride": (2, 1)}, {"padding": (1, 2)}, {"stride": (2, 2), "padding": (1, 1)},
            {"dilation": (2, 1)}, {"groups": 2}, {"stride": (1, 2), "padding": (2, 0), "dilation": (1, 2)},
        ]  # fmt: skip
        for chosen in options:
            if set(chosen) <= accepted:
                weight = drawn(4, 2 // chosen.get("groups", 1), 3, 2)
                yield Case({"weight": weight, "bias": drawn(4)}, chosen, drawn(3, 2, 7, 8))
        yield Case({"weight": drawn(2, 3, 1, 1), "bias": drawn(2)}, {}, drawn(1, 3, 4, 5))
    elif kind == "dense":
        yield Case({"weight": drawn(4, 6), "bias": drawn(4)}, {}, drawn(5, 6))
        yield Case({"weight": drawn(3, 3), "bias": drawn(3)}, {}, drawn(1, 3))
    elif kind in ("max_pool", "avg_pool"):
        # no two values are close: a maximum has no gradient where two are equal
        def apart(*shape: int) -> Array:
            return generator.permutation(int(np.prod(shape))).reshape(shape) / 7.0 - 20.0

        yield Case({}, {"kernel_size": (2, 2)}, apart(3, 2, 6, 8))
        yield Case({}, {"kernel_size": (2, 3)}, apart(2, 3, 7, 8))
        for chosen in (
            {"kernel_size": (3, 3), "stride": (2, 1)},
            {"kernel_size": (3, 2), "stride": (2, 2), "padding": (1, 1)},
        ):
            if set(chosen) <= accepted:
                yield Case({}, chosen, apart(2, 2, 7, 9))
    elif kind == "global_pool":
        for pool in ("avg", "max"):
            if "pool" in accepted or pool == "avg":
                yield Case({}, {"pool": pool} if "pool" in accepted else {}, drawn(3, 2, 4, 5))
    elif kind == "batch_norm":
        for shape in ((4, 3, 3, 5), (6, 3)):
            arrays = {"weight": drawn(3), "bias": drawn(3), "running_mean": np.zeros(3), "running_var": np.ones(3)}
            yield Case(arrays, {}, 2 * drawn(*shape) + 1)
    elif kind in ("rnn", "lstm", "gru"):
        gates = {"rnn": 1, "lstm": 4, "gru": 3}[kind]
        for chosen in ({}, {"return_sequences": True}):
            if set(chosen) <= accepted:
                sizes = {"weight_ih": (5, 4), "weight_hh": (5, 5), "bias_ih": (5,), "bias_hh": (5,)}
                arrays = {name: drawn(gates * size[0], *size[1:]) / 2 for name, size in sizes.items()}
                yield Case(arrays, chosen, drawn(3, 6, 4))
    else:
        yield Case({}, {}, 2 * drawn(4, 9))
        yield Case({}, {}, 2 * drawn(2, 3, 4, 5))


def check(made: type, *, kind: str | None = None) -> Report:
    """Asks a class everything about its layer.

    Raises UsageError where it does not follow the protocol: what is missing, and where.
    """
    layer = kind_of(made, kind)
    try:
        signature = inspect.signature(made).parameters
    except (TypeError, ValueError):
        raise UsageError(f"{made.__name__}: expected a class whose __init__ can be read, found {made!r}.") from None
    every = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in signature.values())
    options = {"stride", "padding", "dilation", "groups", "kernel_size", "pool", "return_sequences"}
    accepted = options if every else options & set(signature)
    faults: dict[str, Fault] = {}
    count = 0
    numbers = {name for name, one in signature.items() if isinstance(one.default, int)}
    for asked in cases(layer, accepted):
        pairs = {name for name, value in asked.options.items() if isinstance(value, tuple) and name in numbers}
        if any(len(set(asked.options[name])) > 1 for name in pairs):
            continue  # a class that takes a number has no two
        plain = {name: value[0] if name in pairs else value for name, value in asked.options.items()}
        case = Case(asked.arrays, plain, asked.x)
        count += 1
        for fault in _asked(made, layer, case, set(signature), every=every):
            faults.setdefault(fault.tensor, fault)
    return Report(made.__name__, layer, count, tuple(faults.values()))


def instance(made: type, arrays: dict[str, Array], options: dict[str, Any], names: set[str], *, every: bool) -> Any:
    """The class, made with what its __init__ names. Raises UsageError where it cannot be."""
    given = {name: value for name, value in (arrays | options).items() if every or name in names}
    for name in arrays:
        if name not in given and not name.startswith("running"):
            raise UsageError(
                f"{made.__name__}.__init__: expected an argument {name}, found {', '.join(sorted(names)) or 'none'}. "
                "The layer's arrays are given by the names that PyTorch has for them."
            )
    try:
        found = made(**given)
    except Exception as error:
        raise UsageError(
            f"{made.__name__}({', '.join(given)}): expected an instance, found {type(error).__name__}: {error}."
        ) from error
    for name in ("forward", "backward"):
        if not callable(getattr(found, name, None)):
            raise UsageError(f"{made.__name__}: expected a method {name}, found none.")
    return found


def _asked(made: type, kind: str, case: Case, names: set[str], *, every: bool) -> Iterator[Fault]:
    """The faults of one case: beside the engine by hand, beside PyTorch, and by central differences."""
    arrays = {name: value.copy() for name, value in case.arrays.items()}
    theirs = instance(made, arrays, case.options, names, every=every)
    own = {name: value.copy() for name, value in case.arrays.items()}
    options = {
        name: (value, value) if name in PAIRS and isinstance(value, int) else value
        for name, value in case.options.items()
    }
    reference = REFERENCES[kind](**own, **options)
    generator = np.random.default_rng(1)
    y = reference.forward(case.x.copy())
    weights = generator.standard_normal(y.shape)
    at_x = reference.backward(weights.copy())
    assert at_x is not None

    try:
        found = call(theirs.forward, case.x.copy(), f"{made.__name__}.forward")
    except UsageError as error:
        yield Fault("output", case.words, str(error), "nothing: forward failed")
        return
    wrong = set()

    def compared(tensor: str, value: Any, expected: Array, by: str) -> Iterator[Fault]:
        apart: Difference = difference(value, expected, floor=1e-3)
        if apart.relative > 1e-7 and tensor not in wrong:
            wrong.add(tensor)
            yield Fault(tensor, case.words, apart.words + _guess(value, expected), by)

    yield from compared("output", found, y, "both engines")
    try:
        back = call(theirs.backward, weights.copy(), f"{made.__name__}.backward")
    except UsageError as error:
        yield Fault("gradient of x", case.words, str(error), "nothing: backward failed")
        return
    yield from compared("gradient of x", back, at_x, "both engines")
    gradients = getattr(theirs, "gradients", {})
    for name, expected in reference.gradients.items():
        yield from compared(f"gradient of {name}", gradients.get(name), expected, "both engines")
    if "output" in wrong:
        return  # differences of another function would say nothing of this one
    yield from _differences(made, case, names, every, weights, wrong)


def _differences(
    made: type, case: Case, names: set[str], every: bool, weights: Array, wrong: set[str]
) -> Iterator[Fault]:
    """The gradients of the class against central differences of its own forward pass."""
    arrays = {name: value.copy() for name, value in case.arrays.items()}
    x = case.x.copy()

    def value() -> float:
        fresh = instance(made, {k: v.copy() for k, v in arrays.items()}, case.options, names, every=every)
        return float((fresh.forward(x.copy()) * weights).sum())

    again = instance(made, {k: v.copy() for k, v in arrays.items()}, case.options, names, every=every)
    again.forward(x.copy())
    at_x = again.backward(weights.copy())
    pairs = {"x": (x, at_x)}
    pairs |= {name: (arrays[name], one) for name, one in getattr(again, "gradients", {}).items() if name in arrays}
    asked = {
        name: (values, np.asarray(gradient))
        for name, (values, gradient) in pairs.items()
        if f"gradient of {name}" not in wrong and np.shape(gradient) == values.shape
    }
    for name, (absolute, relative) in slopes(value, asked, np.random.default_rng(2)).items():
        if relative > 10 * TOLERANCE:
            words = f"differs from the slope of its own forward by {absolute:.3g} (relative {relative:.1e})"
            yield Fault(f"gradient of {name}", case.words, words, "central differences")


def _guess(found: Any, expected: Array) -> str:
    """What a wrong array looks like, where it looks like something."""
    array = np.asarray(found, dtype=np.float64) if found is not None else np.zeros(0)
    if array.shape != expected.shape or not np.isfinite(array).all():
        return ""
    if not array.any():
        return ": it is zero everywhere"
    factor = float((array * expected).sum() / (expected * expected).sum())
    if np.allclose(array, factor * expected, rtol=1e-6, atol=1e-9):
        return f": it is {factor:.6g} times what it should be"
    if np.allclose(np.sort(array.ravel()), np.sort(expected.ravel()), rtol=1e-6, atol=1e-9):
        return ": the right numbers in the wrong places"
    places = np.isclose(array, expected, rtol=1e-6, atol=1e-9)
    if places.any():
        return f": {places.mean():.0%} of its numbers are right"
    return ""

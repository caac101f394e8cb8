"""What a search searches: ranges of numbers and lists of choices, and points drawn from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Any

from pellucid.errors import UsageError
from pellucid.spec.draws import share
from pellucid.spec.factor import values_from_text
from pellucid.spec.study import Config

KINDS = ("log", "linear", "int", "choice")
#: A best value in this share of its range, at either end, may lie beyond it.
EDGE = 0.05


@dataclass(frozen=True)
class Dimension:
    """One option with its range.

    kind: one of `KINDS`: evenly by its logarithm, evenly, whole numbers with both ends, or one of choices.
    """

    name: str
    kind: str
    low: float = 0.0
    high: float = 0.0
    choices: tuple[Any, ...] = ()

    def at(self, share: float) -> Any:
        """The value at a share of the range, from 0 to below 1: even shares are even draws.

        >>> Dimension("lr", "log", 0.001, 0.1).at(0.5), Dimension("layers", "int", 1, 3).at(0.99)
        (0.01, 3)
        """
        if self.kind == "choice":
            return self.choices[int(share * len(self.choices))]
        if self.kind == "int":
            return int(self.low) + int(share * (int(self.high) - int(self.low) + 1))
        if self.kind == "log":
            return rounded(exp(log(self.low) + share * log(self.high / self.low)))
        return rounded(self.low + share * (self.high - self.low))

    @property
    def values(self) -> Sequence[Any] | None:
        """All values of choices and of whole numbers; None of a range without steps.

        >>> Dimension("layers", "int", 1, 3).values, Dimension("lr", "log", 0.001, 0.1).values
        (range(1, 4), None)
        """
        if self.kind == "choice":
            return self.choices
        return range(int(self.low), int(self.high) + 1) if self.kind == "int" else None

    def share(self, value: float) -> float:
        """Where a value of a range of numbers lies in it, from 0 to 1."""
        if self.kind == "log":
            return log(value / self.low) / log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def edge(self, value: Any) -> float | None:
        """The end of the range at which a value lies; None in its middle, and for choices."""
        if self.kind == "choice":
            return None
        share = self.share(value)
        return self.low if share <= EDGE else self.high if share >= 1 - EDGE else None

    @property
    def text(self) -> str:
        """As `dimension_from_text` reads it, without the name."""
        if self.kind == "choice":
            return ",".join(map(str, self.choices))
        return f"{self.kind}:{self.low:g}:{self.high:g}"


def dimension_from_text(text: str) -> Dimension:
    """``lr=log:1e-4:1e-1``, ``dropout=linear:0:0.5``, ``hidden_size=int:16:128`` or ``optimizer=adam,sgd``.

    Raises UsageError for anything else.

    >>> dimension_from_text("lr=log:1e-4:1e-1")
    Dimension(name='lr', kind='log', low=0.0001, high=0.1, choices=())
    >>> dimension_from_text("optimizer=adam,sgd").choices
    ('adam', 'sgd')
    """
    name, equals, words = text.partition("=")
    name = name.strip().replace("-", "_")
    if not equals or not name or not words:
        raise UsageError(
            f"over: expected NAME=log:LOW:HIGH or NAME=VALUE,VALUE..., found {text!r}. For instance lr=log:1e-4:1e-1."
        )
    kind, *rest = words.split(":")
    if kind not in KINDS[:3]:
        return dimension(name, values_from_text(f"over {name}", words))
    try:
        low, high = (int(word) if kind == "int" else float(word) for word in rest)
    except ValueError:
        raise UsageError(f"over {name}: expected {kind}:LOW:HIGH, found {words!r}.") from None
    if low >= high or (kind == "log" and low <= 0):
        above = " above 0" if kind == "log" else ""
        raise UsageError(f"over {name}: expected a lower and a higher number{above}, found {words!r}.")
    return Dimension(name, kind, low, high)


def dimension(name: str, choices: Sequence[Any]) -> Dimension:
    """A choice. Raises UsageError for fewer than two, or one twice."""
    if len(choices) < 2 or len({repr(one) for one in choices}) < len(choices):
        raise UsageError(f"over {name}: expected two different choices or more, found {list(choices)}.")
    return Dimension(name, "choice", choices=tuple(choices))


def drawn(space: Iterable[Dimension], seed: int, index: int) -> Config:
    """Point `index` of a random search: a function of the seed, the index and each name (bergstra2012).

    More points, or another dimension beside it, leave what was drawn for a name as it is.
    """
    return {one.name: one.at(share(f"{seed}/{index}/{one.name}")) for one in space}


def rounded(value: float) -> float:
    """To six digits, as people write it."""
    return float(f"{value:.6g}")

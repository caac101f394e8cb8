"""A factor of a study and its levels, read from words: lists with commas, even steps, draws over a range.

A factor is compared (its levels are the arms) or tuned (its levels are tried in every arm, validation chooses).
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import exp, inf, log
from typing import Any

from pellucid.errors import UsageError
from pellucid.spec.draws import share

ROLES = ("compare", "tune")
#: Levels that no factor and trials that no study has: their configurations alone would fill the memory.
MOST = 10_000_000

#: Draws at random for each different level that is asked for, before there seem to be no more.
DRAWS = 1_000

#: Levels of a factor that an error names.
_SHOWN = 8


@dataclass(frozen=True)
class Factor:
    """One option with its levels. role: one of `ROLES`."""

    name: str
    levels: tuple[Any, ...]
    role: str = "compare"

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise UsageError(f"factor {self.name}: expected the role {' or '.join(ROLES)}, found {self.role!r}.")
        if not self.levels:
            raise UsageError(f"factor {self.name}: expected one level or more, found none.")
        if self.name == "seed":
            raise UsageError("factor seed: expected another option. Seeds are the study's own: --seeds or seeds = N.")
        words, count = Counter(map(word, self.levels)).most_common(1)[0]
        if count > 1:
            shown = ", ".join(map(str, self.levels[:_SHOWN])) + (" and more" if self.levels[_SHOWN:] else "")
            raise UsageError(
                f"factor {self.name}: expected different levels (numbers by six digits), found {words} {count} "
                f"times: {shown}."
            )


def word(value: Any) -> str:
    """A value as labels have it: numbers by six digits, lists with + between."""
    if isinstance(value, float):
        return f"{value:g}"
    return "+".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


#: Words of a range: even steps, or draws.
_RANGES = ("log", "linear", "lograndom", "random")
_NUMBER = re.compile(r"\s*[+-]?[\d.]+(e[+-]?\d+)?\s*", re.IGNORECASE)


def factor_from_text(text: str, *, role: str = "compare") -> Factor:
    """``lr=0.001,0.01``, ``lr=log:1e-4:1e-1:4`` or ``dropout=linear:0:0.5:3`` as a factor.

    log and linear give even steps from end to end; lograndom and random as many draws (bergstra2012), which depend on
    the name alone, so that more of them hold the fewer. Levels are whole numbers where the ends are written so and
    all of them are, as draws are made to be.

    Raises UsageError for anything else.

    >>> factor_from_text("lr=log:0.001:0.1:3").levels
    (0.001, 0.01, 0.1)
    >>> factor_from_text("optimizer=adam,sgd").levels
    ('adam', 'sgd')
    >>> factor_from_text("hidden_size=linear:16:64:3").levels
    (16, 40, 64)
    >>> factor_from_text("hidden_size=random:16:64:3").levels
    (17, 21, 22)
    """
    name, equals, words = text.partition("=")
    name = name.strip().replace("-", "_")
    if not equals or not name or not words:
        raise UsageError(f"factor: expected NAME=VALUE,VALUE..., found {text!r}. For instance lr=0.001,0.01.")
    kind, *rest = words.split(":")
    if kind in _RANGES:
        try:
            *ends, last = rest
            (low, high), count = map(float, ends), int(last)
        except ValueError:
            raise UsageError(f"factor {name}: expected {kind}:LOW:HIGH:COUNT, found {words!r}.") from None
        by_log, by_chance = kind.startswith("log"), kind.endswith("random")
        if count < 2 or low >= high or (by_log and low <= 0):
            raise UsageError(
                f"factor {name}: expected two levels or more from low to high{' above 0' if by_log else ''}, "
                f"found {words!r}."
            )
        if count > MOST:
            raise UsageError(f"factor {name}: expected at most {MOST:,} levels, found {count:,}.")
        whole = all(end.strip().isdecimal() for end in ends)

        def level(at: float) -> float:
            place = exp(log(low) + at * log(high / low)) if by_log else low + at * (high - low)
            return float(round(place) if whole and by_chance else f"{place:.6g}")

        space = round(high - low) + 1 if whole and by_chance else inf
        if by_chance and count <= space:
            drawn = (level(share(f"0/{k}/{name}")) for k in range(DRAWS * count))
            numbers = sorted(itertools.islice(_different(drawn), count))
        else:
            numbers = [] if by_chance else [level(k / (count - 1)) for k in range(count)]
        if len(numbers) < count:
            raise UsageError(
                f"factor {name}: expected no more levels than there are different values, found {count:,} of "
                f"{words!r}, which has {space if count > space else len(numbers):,}."
            )
        whole = whole and all(one.is_integer() for one in numbers)
        return Factor(name, tuple(int(one) if whole else one for one in numbers), role)
    if kind.isalpha() and rest and all(_NUMBER.fullmatch(one) for one in rest):
        raise UsageError(
            f"factor {name}: expected values with commas or one of {', '.join(_RANGES)} with :LOW:HIGH:COUNT, "
            f"found {words!r}."
        )
    return Factor(name, values_from_text(f"factor {name}", words), role)


def _different(values: Iterable[float]) -> Iterator[float]:
    """Each value when it comes first."""
    seen: set[float] = set()
    for value in values:
        if value not in seen:
            seen.add(value)
            yield value


def values_from_text(where: str, words: str) -> tuple[Any, ...]:
    """The values of a list with commas. Raises UsageError for one that is empty."""
    found = words.split(",")
    if not all(word.strip() for word in found):
        raise UsageError(f"{where}: expected a value before and after each comma, found {words!r}.")
    return tuple(map(value_from_text, found))


def value_from_text(word: str) -> Any:
    """A number, true, false or none where the word is one, else the word.

    >>> [value_from_text(word) for word in ("3", "0.5", "true", "none", "adam")]
    [3, 0.5, True, None, 'adam']
    """
    word = word.strip()
    known = {"true": True, "false": False, "none": None}
    if word.lower() in known:
        return known[word.lower()]
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word

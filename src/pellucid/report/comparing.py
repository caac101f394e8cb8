"""Two versions of what a section shows, compared sentence by sentence and number by number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from math import isclose
from typing import Any

from pellucid.report.reading import Shown

#: Sections that are computed anew from weights; another machine may give their last digit otherwise.
COMPUTED = frozenset({"filters", "statistics", "weights", "maps", "rows", "atlas", "shifts"})
TOLERANCE = 1e-3
_NUMBER = re.compile(r"[-+±]?\d[\d,]*\.?\d*(?:e[-+]?\d+)?")


@dataclass(frozen=True)
class Difference:
    """where: section, table, row and column. said: what the report has there. found: what its runs give."""

    where: str
    said: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}: the report says {self.said}, its runs give {self.found}"


def shown(key: str, said: Shown, found: Shown, unchecked: list[str] | None = None) -> Iterator[Difference]:
    """Differences of what a section shows. unchecked: of a section with missing pieces, takes what has no other side.

    Tables and charts are compared in any case: those that cannot be made are whole sections.
    """
    where = _place(key)
    yield from lines(f"{where}, text", said.texts, found.texts, key, unchecked)
    if unchecked is None:
        yield from lines(f"{where}, images behind a cell", said.captions, found.captions, key)
    yield from lines(f"{where}, download", said.downloads, found.downloads, key)
    if len(said.charts) != len(found.charts):
        yield Difference(where, f"{len(said.charts)} charts", f"{len(found.charts)}")
    else:
        for number, (one, other) in enumerate(zip(said.charts, found.charts, strict=True), 1):
            yield from _parts(f"{where}, chart {number}", one, other, key)
    if len(said.tables) != len(found.tables):
        yield Difference(where, f"{len(said.tables)} tables", f"{len(found.tables)}")
        return
    for number, ((caption, rows), (name, other)) in enumerate(zip(said.tables, found.tables, strict=True), 1):
        place = f"{where}, table {name or number!r}"
        if not same(caption, name, key):
            yield Difference(f"{place}, caption", repr(caption), repr(name))
        yield from cells(place, rows, other, key)


def lines(
    where: str, said: Sequence[str], found: Sequence[str], key: str, unchecked: list[str] | None = None
) -> Iterator[Difference]:
    """Differences of lines. unchecked: takes those that stand on one side alone, where that is not wrong."""
    for kind, i, j, m, n in SequenceMatcher(None, said, found, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        if kind != "replace" and unchecked is not None:
            unchecked += [f"{where}: only the report says: {short(text)}" for text in said[i:j]]
            unchecked += [f"{where}: the report does not say: {short(text)}" for text in found[m:n]]
            continue
        for one, other in zip_longest(said[i:j], found[m:n]):
            if one is None or other is None or not same(one, other, key):
                yield Difference(where, *("nothing" if text is None else short(text) for text in (one, other)))


def cells(name: str, said: Sequence[Sequence[Any]], found: Sequence[Sequence[Any]], key: str) -> Iterator[Difference]:
    """Differences of two tables; the first row holds the columns' names."""
    if [len(row) for row in said] != [len(row) for row in found]:
        yield Difference(name, f"{len(said)} rows", f"{len(found)}, or of another length")
        return
    for number, (row, other) in enumerate(zip(said, found, strict=True)):
        for column, (one, two) in enumerate(zip(row, other, strict=True)):
            if not same(one, two, key):
                head = said[0][column] or f"column {column + 1}"
                line = f"row {number} ({short(other[0])})" if number else "head"
                yield Difference(f"{name}, {line}, {head}", short(one), short(two))


def same(said: Any, found: Any, key: str) -> bool:
    """Whether two values are one; of computed sections numbers may differ by `TOLERANCE` of themselves."""
    if said == found:
        return True
    numbers = [isinstance(one, (int, float)) and not isinstance(one, bool) for one in (said, found)]
    if all(numbers):
        return isclose(said, found, rel_tol=TOLERANCE if key in COMPUTED else 1e-9, abs_tol=1e-12)
    if key not in COMPUTED or not (isinstance(said, str) and isinstance(found, str)):
        return False
    if _NUMBER.sub("#", said) != _NUMBER.sub("#", found):
        return False
    pairs = zip(_NUMBER.findall(said), _NUMBER.findall(found), strict=True)
    return all(isclose(_value(one), _value(other), rel_tol=TOLERANCE) for one, other in pairs)


def short(value: Any) -> str:
    """A value for a sentence."""
    text = str(value)
    return text if len(text) <= 120 else f"{text[:119]}…"


def _place(key: str) -> str:
    return f"section {key}" if key else "outside the sections"


def _parts(where: str, said: Any, found: Any, key: str) -> Iterator[Difference]:
    """Differences of two texts or specifications, each at its place."""
    if isinstance(said, dict) and isinstance(found, dict):
        for name in [*found, *(one for one in said if one not in found)]:
            yield from _parts(f"{where}, {name}", said.get(name), found.get(name), key)
    elif isinstance(said, list) and isinstance(found, list) and len(said) == len(found):
        for number, (one, other) in enumerate(zip(said, found, strict=True)):
            yield from _parts(f"{where}, {number}", one, other, key)
    elif not same(said, found, key):
        yield Difference(where, short(said), short(found))


def _value(text: str) -> float:
    return float(text.replace(",", "").replace("±", ""))

"""Whether a report says what its runs say: made anew from them, and compared number by number."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from math import isclose
from pathlib import Path
from typing import Any

from pellucid.errors import UsageError
from pellucid.evaluation.evaluate import evaluate
from pellucid.report.build import report
from pellucid.report.reading import Page, Shown, read
from pellucid.storage.run_folder import RunFolder
from pellucid.storage.runs_root import run_ids, runs_root
from pellucid.verbs.study import load_study

#: Sections that are computed anew from weights; another machine may give their last digit otherwise.
COMPUTED = frozenset({"filters", "statistics", "weights", "maps", "rows", "atlas", "shifts"})
TOLERANCE = 1e-3
_MADE = re.compile(r"^Report by pellucid [\w.+-]+, [\d-]+ [\d:]+ UTC\.")
_NUMBER = re.compile(r"[-+±]?\d[\d,]*\.?\d*(?:e[-+]?\d+)?")


@dataclass(frozen=True)
class Difference:
    """where: section, table, row and column. said: what the report has there. found: what its runs give."""

    where: str
    said: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}: the report says {self.said}, its runs give {self.found}"


@dataclass(frozen=True)
class Verified:
    """differences: what is not as the runs say. unchecked: what could not be made anew, and why. checked: tables."""

    differences: Sequence[Difference]
    unchecked: Sequence[str]
    checked: int
    values: int


def verify(
    path: str | Path, *, runs: str | Path | None = None, told: Callable[[str], None] = lambda key: None
) -> Verified:
    """Every sentence, table and chart of a report in HTML, beside those that its runs give now.

    Accuracies and all that follows from them come from the stored predictions; the numbers that the runs keep as
    their results are held against these too. told: what is being made.

    Raises StorageError or DataError where the file is no report, UsageError where its runs are gone.
    """
    page = read(Path(path))
    data = page.data or {}
    subjects = [str(one) for one in data["subjects"]]
    root = runs_root(runs)
    _present(data["kind"], subjects, root)
    document = report(subjects, runs=root, told=told)
    anew = Page(document.html(drawn=False))
    reasons = [
        f"{row[0]} ({row[1]})" for one in document.sections if one.key == "missing" for row in one.tables()[0].rows
    ]
    found = list(_results(data["kind"], subjects, root))
    unchecked: list[str] = []
    titles = {str(one.get("title")) for one in (*data["sections"], *(anew.data or {})["sections"])}
    for one in (page.outside, anew.outside):
        # when each was made, and by which version, is its own; the list of contents follows from the sections
        one.texts = [_MADE.sub("", text) for text in one.texts if text not in titles]
    found += _sections("", page.outside, anew.outside, None)
    for key, shown in page.sections.items():
        if key == "missing":
            continue
        there = anew.sections.get(key)
        if there is None:
            made = [one for one in reasons if key in one.partition(" (")[0].split(", ")]
            if made:
                unchecked.append(f"section {key}: {made[0]}")
            else:
                found.append(Difference(f"section {key}", "that there is one", "none"))
            continue
        found += _sections(key, shown, there, unchecked if reasons else None)
    for key in anew.sections:
        if key not in page.sections and "missing" not in (key, *page.sections):
            found.append(Difference(f"section {key}", "nothing", "a section"))
    found += _embedded(data["sections"], (anew.data or {})["sections"], reasons)
    tables = [table for shown in page.sections.values() for _, table in shown.tables]
    return Verified(found, unchecked, len(tables), sum(len(row) for table in tables for row in table))


def _present(kind: str, subjects: Sequence[str], root: Path) -> None:
    """Raises UsageError where a run or study of the report is not under `root`."""
    if kind == "study":
        load_study(subjects[0], runs=root)
        return
    gone = [one for one in subjects if one not in run_ids(root)]
    if gone:
        raise UsageError(
            f"{', '.join(gone)}: expected the runs of the report in {root}, found that "
            f"{'it is' if len(gone) == 1 else 'they are'} not there. Say where they are with --runs."
        )


def _results(kind: str, subjects: Sequence[str], root: Path) -> Iterator[Difference]:
    """Accuracies and losses that runs keep as their results, where their predictions give others."""
    ids = [row.run for row in load_study(subjects[0], runs=root).rows] if kind == "study" else subjects
    for name in ids:
        if not RunFolder.exists(root, name):
            continue
        folder = RunFolder.open(root, name)
        result, kept = folder.result(), folder.predictions()
        if result is None or kept is None or not len(kept["labels"]):
            continue
        found = evaluate(kept["logits"], kept["labels"], tuple(folder.manifest["class_names"]))
        for key, value in (("test_accuracy", found.accuracy), ("test_loss", found.loss)):
            said = result.get(key)
            if said is not None and not isclose(said, value, rel_tol=1e-6, abs_tol=1e-9):
                yield Difference(f"{name}, result.json, {key}", f"{said:g}", f"{value:g}")


def _sections(key: str, said: Shown, found: Shown, unchecked: list[str] | None) -> Iterator[Difference]:
    """Differences of what a section shows. unchecked: takes missing pieces, if there is a reason for some."""
    yield from _texts(key, said.texts, found.texts, unchecked)
    if len(said.charts) != len(found.charts):
        if unchecked is None:
            yield Difference(f"section {key}", f"{len(said.charts)} charts", f"{len(found.charts)}")
        else:
            unchecked.append(f"section {key}: its charts, since some cannot be made anew")
    else:
        for number, (one, other) in enumerate(zip(said.charts, found.charts, strict=True), 1):
            yield from _parts(f"{_place(key)}, chart {number}", one, other, key)
    at = 0
    for number, (caption, rows) in enumerate(said.tables, 1):
        # the next table of this caption and these columns: some may be missing on the other side
        fits = [
            k
            for k in range(at, len(found.tables))
            if found.tables[k][0] == caption and found.tables[k][1][:1] == rows[:1]
        ]
        if not fits and len(said.tables) != len(found.tables) and unchecked is not None:
            unchecked.append(f"section {key}, table {number}: it cannot be made anew")
            continue
        k = fits[0] if fits else min(at, len(found.tables) - 1)
        if k < 0:
            yield Difference(f"section {key}, table {number}", "that there is one", "none")
            continue
        at = k + 1
        other_caption, other = found.tables[k]
        name = f"{_place(key)}, table {caption or number!r}"
        if caption != other_caption:
            yield Difference(f"{name}, caption", repr(caption), repr(other_caption))
        yield from _cells(name, rows, other, key)
    if len(found.tables) > len(said.tables) and unchecked is None:
        yield Difference(f"section {key}", f"{len(said.tables)} tables", f"{len(found.tables)}")


def _place(key: str) -> str:
    return f"section {key}" if key else "outside the sections"


def _texts(key: str, said: Sequence[str], found: Sequence[str], unchecked: list[str] | None) -> Iterator[Difference]:
    """Differences of lines; those that stand on one side alone are not wrong where pieces are missing."""
    for kind, i, j, m, n in SequenceMatcher(None, said, found, autojunk=False).get_opcodes():
        if kind == "equal" or (kind != "replace" and unchecked is not None):
            continue
        for one, other in zip_longest(said[i:j], found[m:n]):
            if one is None or other is None or not _same(one, other, key):
                told = ["nothing" if text is None else _short(text) for text in (one, other)]
                yield Difference(f"{_place(key)}, text", *told)


def _cells(
    name: str, said: Sequence[Sequence[Any]], found: Sequence[Sequence[Any]], key: str
) -> Iterator[Difference]:
    """Differences of two tables; the first row holds the columns' names."""
    if [len(row) for row in said] != [len(row) for row in found]:
        yield Difference(name, f"{len(said)} rows", f"{len(found)}, or of another length")
        return
    for number, (row, other) in enumerate(zip(said, found, strict=True)):
        for column, (one, two) in enumerate(zip(row, other, strict=True)):
            if not _same(one, two, key):
                head = said[0][column] or f"column {column + 1}"
                line = f"row {number} ({_short(other[0])})" if number else "head"
                yield Difference(f"{name}, {line}, {head}", _short(one), _short(two))


def _embedded(
    said: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]], reasons: Sequence[str]
) -> Iterator[Difference]:
    """Differences of the data that the page holds for programs."""
    anew = {one["key"]: one for one in found}
    for one in said:
        key = one.get("key", "?")
        other = anew.get(key)
        if key == "missing" or other is None:
            continue  # told above, where the section is
        if list(one.get("words", ())) != list(other["words"]) and not reasons:
            yield Difference(f"data of section {key}, words", _short(one.get("words")), _short(other["words"]))
        tables = {(two["title"], str(two["columns"])): two for two in other["tables"]}
        for table in one.get("tables", ()):
            match = tables.get((table.get("title"), str(table.get("columns"))))
            name = f"data of section {key}, table {table.get('title')!r}"
            if match is None:
                yield Difference(name, "that there is one", "none of its title and columns")
                continue
            yield from _cells(name, [table["columns"], *table["rows"]], [match["columns"], *match["rows"]], key)


def _parts(where: str, said: Any, found: Any, key: str) -> Iterator[Difference]:
    """Differences of two texts or specifications, each at its place."""
    if isinstance(said, dict) and isinstance(found, dict):
        for name in [*found, *(one for one in said if one not in found)]:
            yield from _parts(f"{where}, {name}", said.get(name), found.get(name), key)
    elif isinstance(said, list) and isinstance(found, list) and len(said) == len(found):
        for number, (one, other) in enumerate(zip(said, found, strict=True)):
            yield from _parts(f"{where}, {number}", one, other, key)
    elif not _same(said, found, key):
        yield Difference(where, _short(said), _short(found))


def _same(said: Any, found: Any, key: str) -> bool:
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


def _value(text: str) -> float:
    return float(text.replace(",", "").replace("±", ""))


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 120 else f"{text[:119]}…"

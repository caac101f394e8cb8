"""Whether a report says what its runs say: made anew from them, and compared number by number."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from pathlib import Path
from typing import Any

from pellucid.errors import DamagedError, UsageError
from pellucid.evaluation.evaluate import evaluate
from pellucid.report import run_sections, several_sections, study_sections
from pellucid.report.build import report
from pellucid.report.comparing import Difference, cells, lines, short, shown
from pellucid.report.document import Document
from pellucid.report.reading import Page, Shown, read
from pellucid.report.section import MISSING, without
from pellucid.storage.run_folder import RunFolder
from pellucid.storage.runs_root import run_ids, runs_root
from pellucid.verbs.study import load_study

#: Sections that are made without the images behind them where these are gone; others are then left out whole.
PARTIAL = frozenset({"confusion"})
_KEYS: dict[str, Collection[str]] = {
    "run": run_sections.SECTIONS,
    "runs": several_sections.SECTIONS,
    "study": study_sections.SECTIONS,
}
_MADE = re.compile(r"^Report by pellucid [\w.+-]+, [\d-]+ [\d:]+ UTC\.")


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
    kind, subjects = data["kind"], [str(one) for one in data["subjects"]]
    root = runs_root(runs)
    _present(kind, subjects, root)
    document = report(subjects, runs=root, told=told)
    said = _reasons(data["sections"])
    anew, gone, sections = _anew(document, said if said or MISSING in page.sections else None)
    for one in (page.outside, anew.outside):
        # when each was made, and by which version, is its own
        one.texts = [_MADE.sub("", text) for text in one.texts]
    titles = {title for one in (page, anew) for part in one.sections.values() for title in part.texts[:1]}
    partial = {
        key
        for key in PARTIAL & page.sections.keys() & anew.sections.keys()
        if bool(page.sections[key].captions) != bool(anew.sections[key].captions)
    }
    unchecked: list[str] = []
    found = [
        *_results(kind, subjects, root, unchecked),
        *shown("", page.outside, anew.outside),
        *shown("", page.contents, Shown([text for text in page.contents.texts if text in titles])),
        *_missing(kind, page, said),
        *_sections(page, anew, said, gone, partial, unchecked),
        *_embedded(data["sections"], sections, page.sections, partial, unchecked),
    ]
    tables = [table for one in page.sections.values() for _, table in one.tables]
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


def _results(kind: str, subjects: Sequence[str], root: Path, unchecked: list[str]) -> Iterator[Difference]:
    """Accuracies and losses that runs keep as their results, where their predictions give others.

    unchecked: gets the runs of which a file is damaged.
    """
    ids = [row.run for row in load_study(subjects[0], runs=root).rows] if kind == "study" else subjects
    for name in ids:
        if not RunFolder.exists(root, name):
            continue
        try:
            folder = RunFolder.open(root, name)
            result, kept = folder.result(), folder.predictions()
        except DamagedError as error:
            unchecked.append(str(error))
            continue
        if result is None or kept is None or not len(kept["labels"]):
            continue
        found = evaluate(kept["logits"], kept["labels"], tuple(folder.manifest["class_names"]))
        for key, value in (("test_accuracy", found.accuracy), ("test_loss", found.loss)):
            said = result.get(key)
            if said is not None and not isclose(said, value, rel_tol=1e-6, abs_tol=1e-9):
                yield Difference(f"{name}, result.json, {key}", f"{said:g}", f"{value:g}")


def _reasons(sections: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Keys of sections that could not be made, each with the reason."""
    rows = [row for one in sections if one["key"] == MISSING for table in one["tables"] for row in table["rows"]]
    return {key: str(row[-1]) for row in rows if row for key in str(row[0]).split(", ")}


def _anew(document: Document, said: Mapping[str, str] | None) -> tuple[Page, dict[str, str], list[Mapping[str, Any]]]:
    """The page made anew, what of it could not be made, and the data of its sections.

    said: what the report says could not be made, which stands in it in place of its own; None without.
    """
    page = Page(document.html(drawn=False))
    sections: list[Mapping[str, Any]] = (page.data or {})["sections"]
    gone = _reasons(sections)
    page.sections.pop(MISSING, None)
    sections = [one for one in sections if one["key"] != MISSING]
    if said is not None:
        keys: dict[str, list[str]] = {}
        for key, reason in said.items():
            keys.setdefault(reason, []).append(key)
        section = without([(", ".join(some), reason) for reason, some in keys.items()])
        alone = Page(Document(document.kind, document.title, document.subjects, [section]).html(drawn=False))
        page.sections[MISSING] = alone.sections[MISSING]
        sections += (alone.data or {})["sections"]
    return page, gone, sections


def _missing(kind: str, page: Page, said: Mapping[str, str]) -> Iterator[Difference]:
    """Sections that could not be made, as the report says, and that are no sections, or are there."""
    for key in said:
        if key not in _KEYS[kind]:
            yield Difference(f"section {MISSING}", f"that {short(key)} could not be made", "no such section")
        elif key in page.sections:
            yield Difference(f"section {MISSING}", f"that {key} could not be made", "it, since it is there")


def _sections(
    page: Page,
    anew: Page,
    said: Mapping[str, str],
    gone: Mapping[str, str],
    partial: Collection[str],
    unchecked: list[str],
) -> Iterator[Difference]:
    """Differences of the sections that both have. said, gone: what the report lacks, what cannot be made now."""
    for key, one in page.sections.items():
        if key in anew.sections:
            if key in partial:
                side = "its runs give" if one.captions else "the report has"
                unchecked.append(f"section {key}: the images behind its cells, since {side} none")
            yield from shown(key, one, anew.sections[key], unchecked if key in partial else None)
        elif key in gone:
            unchecked.append(f"section {key}: {gone[key]}")
        else:
            yield Difference(f"section {key}", "that there is one", "none")
    for key, reason in said.items():
        if key not in page.sections and gone.get(key) != reason:
            unchecked.append(f"section {key}: the report says that it could not be made ({reason})")
    for key, reason in gone.items():
        if key not in page.sections and key not in said:
            unchecked.append(f"section {key}: the report has none ({reason})")
    for key in anew.sections:
        if key not in page.sections and key not in said:
            yield Difference(f"section {key}", "nothing", "a section")


def _embedded(
    said: Sequence[Mapping[str, Any]],
    found: Sequence[Mapping[str, Any]],
    keys: Collection[str],
    partial: Collection[str],
    unchecked: list[str],
) -> Iterator[Difference]:
    """Differences of the data that the page holds for programs. keys: of the sections that people see in it."""
    anew = {one["key"]: one for one in found}
    for key in keys:
        if key in anew and key not in (one["key"] for one in said):
            yield Difference(f"data of section {key}", "nothing", "a section")
    for one in said:
        key, other = one["key"], anew.get(one["key"])
        where = f"data of section {key}"
        if other is None and key not in keys:
            yield Difference(where, "that there is one", "none")
        if other is None:
            continue  # told where the section is
        if one.get("title") != other["title"]:
            yield Difference(f"{where}, title", short(one.get("title")), short(other["title"]))
        yield from lines(f"{where}, words", one["words"], other["words"], key, unchecked if key in partial else None)
        if len(one["tables"]) != len(other["tables"]):
            yield Difference(where, f"{len(one['tables'])} tables", f"{len(other['tables'])}")
            continue
        for table, match in zip(one["tables"], other["tables"], strict=True):
            name = f"{where}, table {match['title']!r}"
            if table.get("title") != match["title"]:
                yield Difference(f"{name}, title", short(table.get("title")), short(match["title"]))
            yield from cells(name, [table["columns"], *table["rows"]], [match["columns"], *match["rows"]], key)

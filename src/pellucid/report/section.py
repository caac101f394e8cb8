"""One part of a report: a heading, a few sentences, and displays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pellucid.displays.display import Display
from pellucid.displays.matrix import Matrix
from pellucid.displays.page import Page
from pellucid.displays.svg import printable
from pellucid.displays.table import Table
from pellucid.errors import PellucidError

T = TypeVar("T")

#: Key of the section that says which others could not be made.
MISSING = "missing"


@dataclass(frozen=True)
class Section:
    """key: its anchor in the page and its word in a URL. words: sentences, plain text. displays: in reading order."""

    key: str
    title: str
    words: Sequence[str] = ()
    displays: Sequence[Display] = ()

    def tables(self) -> list[Table]:
        """Every table of it, those inside pages and behind matrices too."""
        return [one for display in self.displays for one in _tables(display)]


def applying(
    makers: Mapping[str, Callable[[T], Section | None]], subject: T, told: Callable[[str], None]
) -> list[Section]:
    """Every section that can be made of the subject, in order, and at the end one that says which cannot, and why.

    makers: give None where a section does not apply, and a PellucidError where it does and something is missing, such
    as images. told: the key of each, before it is made.
    """
    found: list[Section] = []
    missing: dict[str, list[str]] = {}
    for key, make in makers.items():
        told(key)
        try:
            made = make(subject)
        except PellucidError as error:
            missing.setdefault(str(error), []).append(key)
            continue
        if made is not None:
            found.append(made)
    if missing:
        found.append(without([(", ".join(keys), reason) for reason, keys in missing.items()]))
    return found


def without(rows: Sequence[tuple[str, str]]) -> Section:
    """The section that says what could not be made. rows: keys of sections, and why."""
    return Section(MISSING, "What could not be shown", displays=[Table(("section", "why"), rows)])


def _tables(display: Display) -> list[Table]:
    if isinstance(display, (Table, Matrix)):
        return [display if isinstance(display, Table) else display.table]
    return [one for inner in display.displays for one in _tables(inner)] if isinstance(display, Page) else []


def named(name: object, most: int = 80) -> str:
    """A name for a sentence: no control characters, which could turn the text around, and not endless."""
    text = printable(str(name))
    return text if len(text) <= most else f"{text[: most - 1]}…"

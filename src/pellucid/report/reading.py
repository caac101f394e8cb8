"""A report's page read back: what a person sees in it, and the data it holds for programs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pellucid.errors import DataError, StorageError
from pellucid.report.document import DATA

#: Elements between which a text ends.
_BLOCKS = ("title", "header", "nav", "main", "p", "h1", "h2", "h3", "pre", "li", "span", "figure", "div")


@dataclass
class Shown:
    """What a section shows. texts: lines outside tables. tables: captions and rows of cells. charts: specs.

    captions: what stands below the images behind each cell of a matrix. downloads: lines of the files behind links.
    """

    texts: list[str] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    downloads: list[str] = field(default_factory=list)
    tables: list[tuple[str, list[list[str]]]] = field(default_factory=list)
    charts: list[Any] = field(default_factory=list)


class Page(HTMLParser):
    """sections: what each shows, by key; contents: their list; outside: what stands in none of these.

    data: for programs; None without.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sections: dict[str, Shown] = {}
        self.data: dict[str, Any] | None = None
        self.outside = self._shown = Shown()
        self.contents = Shown()
        self._script: dict[str, str | None] | None = None
        self._drawn, self._skipped = False, 0  # for readers without scripts: drawings of what the charts hold
        self._in_table = self._in_cell = False
        self._text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("data-captions"):
            self._shown.captions.append(f"{given.get('data-words')} {given['data-captions']}")
        if tag == "script":
            self._script = given
        elif tag == "noscript":
            self._drawn = True
        elif tag == "style" or (tag == "svg" and self._drawn):
            self._skipped += 1
        elif tag == "section":
            self._end_text()
            key = given.get("id")
            self._shown = self.sections.setdefault(key, Shown()) if key else self.outside
        elif tag == "nav":
            self._end_text()
            self._shown = self.contents
        elif tag == "a" and given.get("download"):
            self._shown.downloads += unquote(given.get("href") or "").partition(",")[2].splitlines()
        elif tag == "table":
            self._end_text()
            self._in_table = True
            self._shown.tables.append(("", []))
        elif tag == "tr" and self._in_table:
            self._shown.tables[-1][1].append([])
        elif tag in ("td", "th", "caption"):
            self._in_cell, self._text = True, []
        elif tag in _BLOCKS:
            self._end_text()

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._script = None
        elif tag == "noscript":
            self._drawn = False
        elif tag == "style" or (tag == "svg" and self._drawn):
            self._skipped = max(0, self._skipped - 1)
        elif tag in ("section", "nav"):
            self._end_text()
            self._shown = self.outside
        elif tag == "table":
            self._in_table = self._in_cell = False
            self._text = []
        elif tag in ("td", "th") and self._in_table:
            rows = self._shown.tables[-1][1]
            if rows:
                rows[-1].append(" ".join("".join(self._text).split()))
            self._in_cell, self._text = False, []
        elif tag == "caption" and self._in_table:
            self._shown.tables[-1] = " ".join("".join(self._text).split()), self._shown.tables[-1][1]
            self._in_cell, self._text = False, []
        elif tag in _BLOCKS:
            self._end_text()

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self._read(data)
        elif not self._skipped and (self._in_cell or not self._in_table):
            self._text.append(data)

    def _read(self, text: str) -> None:
        script = self._script or {}
        if script.get("type") != "application/json":
            return
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if script.get("id") == DATA:
            self.data = found
        else:
            self._shown.charts.append(found)

    def _end_text(self) -> None:
        if self._in_table:
            return
        words = " ".join("".join(self._text).split())
        if words:
            self._shown.texts.append(words)
        self._text = []


def read(path: Path) -> Page:
    """The report in a file. Raises StorageError where it cannot be read, DataError where it is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"{path}: expected a report, found that it cannot be read ({error}).") from None
    page = Page(text)
    if not _is_whole(page.data):
        raise DataError(
            f"{path}: expected a report by pellucid, found a page without its data. Make one: pellucid report RUN"
        )
    return page


def _is_whole(data: Any) -> bool:
    """Whether this is the data of a report, as `Document.data` gives it."""
    if not isinstance(data, dict) or data.get("kind") not in ("run", "runs", "study") or not data.get("subjects"):
        return False
    sections: Any = data.get("sections")
    if not isinstance(data["subjects"], list) or not _all(sections, dict):
        return False
    return all(
        isinstance(one.get("key"), str)
        and _all(one.get("words"), str)
        and _all(one.get("tables"), dict)
        and all(_all(table.get("columns"), object) and _all(table.get("rows"), list) for table in one["tables"])
        for one in sections
    )


def _all(values: Any, kind: type) -> bool:
    return isinstance(values, list) and all(isinstance(one, kind) for one in values)

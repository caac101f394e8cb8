"""Sections as one document: an HTML file that needs nothing but itself, Markdown with its pictures, or a PDF."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pellucid.displays.display import Display, plain
from pellucid.displays.interactive import figure, json_script, start_script, vega_bundle
from pellucid.displays.listing import Listing
from pellucid.displays.matrix import Matrix
from pellucid.displays.page import Page
from pellucid.displays.palette import design
from pellucid.displays.svg import printable
from pellucid.displays.table import Table
from pellucid.report.section import Section
from pellucid.report.weight import lightened

if TYPE_CHECKING:
    from jinja2 import Template

#: The element of the page that holds its data.
DATA = "pellucid-report"


@dataclass(frozen=True)
class Document:
    """kind: "run", "runs" or "study". subjects: ids of the runs, or the study's name. sections: in reading order."""

    kind: str
    title: str
    subjects: Sequence[str]
    sections: Sequence[Section]

    def data(self) -> dict[str, Any]:
        """What the page holds for programs: every sentence and table of it, and what they were made from."""
        return {
            "pellucid": version("pellucid"),
            "created": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            "kind": self.kind,
            "subjects": list(self.subjects),
            "sections": [
                {
                    "key": one.key,
                    "title": one.title,
                    "words": list(one.words),
                    "tables": [plain(table.to_dict()) for table in one.tables()],
                }
                for one in self.sections
            ],
        }

    def html(self, *, drawn: bool = True, printed: bool = False) -> str:
        """One page. It asks for nothing, and its policy forbids it to; scripts run by their hashes alone.

        drawn: with drawings of its charts for readers without scripts. printed: for paper. See `lightened` for what a
        heavy page loses.
        """
        data = self.data()
        scripts = [vega_bundle(), start_script()]
        allowed = " ".join(f"'sha256-{_digest(one)}'" for one in scripts)
        page = _template().render(
            document=self,
            created=data["created"],
            version=data["pellucid"],
            style=design() + _file("report.css"),
            policy=f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}",
            data=json_script(data, id=DATA),
            drawn=[[figure(display, drawn=drawn) for display in one.displays] for one in self.sections],
            scripts=scripts,
        )
        return lightened(page, printed=printed)

    def markdown(self, folder: str) -> tuple[str, dict[str, bytes]]:
        """The text, and the pictures by the names under which it looks for them in the folder of this name."""
        pictures: dict[str, bytes] = {}
        lines = [f"# {_marked(self.title)}", ""]
        for one in self.sections:
            lines += [f"## {one.title}", ""]
            for words in one.words:
                lines += [_marked(words), ""]
            for display in one.displays:
                lines += _written(display, one.key, quote(folder, safe=""), pictures)
        return "\n".join(lines), pictures


def _written(display: Display, key: str, folder: str, pictures: dict[str, bytes]) -> list[str]:
    """A display in Markdown: tables and listings as text, pages one by one, the rest as pictures."""
    if isinstance(display, Table):
        title = [f"**{_marked(display.title)}**", ""] if display.title else []
        return [*title, _marked_table(display).markdown(), ""]
    if isinstance(display, Listing):
        return [f"**{_marked(display.title)}**", "", *(f"    {line}" for line in display.text.splitlines()), ""]
    if isinstance(display, Page) and any(isinstance(one, Table) for one in display.displays):
        return [line for one in display.displays for line in _written(one, key, folder, pictures)]
    if isinstance(display, Matrix):
        pictures[f"{key}.png"] = display.png()
        return [f"![{_marked(display.title)}]({folder}/{key}.png)", "", _marked_table(display.table).markdown(), ""]
    name = f"{key}-{1 + sum(one.startswith(f'{key}-') for one in pictures)}.png"
    pictures[name] = display.png()
    return [f"![{_marked(display.title)}]({folder}/{name})", ""]


def _marked(words: str) -> str:
    """Words that Markdown takes for nothing else, on one line."""
    text = " ".join(printable(words).split())
    for sign in "\\`*_[]~$":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _marked_table(table: Table) -> Table:
    """The table with cells that Markdown takes for nothing else: a name in it is no link, no picture, no column."""

    def marked(value: Any) -> Any:
        return value if value is None or isinstance(value, (bool, int, float)) else _marked(str(value))

    return Table([_marked(name) for name in table.columns], [[marked(one) for one in row] for row in table.rows])


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _file(name: str) -> str:
    return files("pellucid.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    from jinja2 import Environment

    return Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(_file("report.html"))

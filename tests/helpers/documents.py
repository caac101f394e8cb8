"""The documents as tests read them: sections, table rows, fenced blocks; and every command that there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from pellucid.cli.app import app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(DOCS.rglob("*.md"))
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def section(path: Path, title: str) -> str:
    """What stands under a heading of the second level."""
    return text(path).partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(page: str) -> list[list[str]]:
    """The cells of every table row."""
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in page.splitlines() if line.startswith("| ")
    ]


def row(page: str, name: str) -> str:
    """The table rows that begin with `name`, in code, without it."""
    found = [" | ".join(cells[1:]).removesuffix(" |") for cells in rows(page) if f"`{name}`" in cells[0].split(", ")]
    assert found, f"no row for {name}"
    return "\n".join(found)


def blocks(path: Path, language: str) -> list[str]:
    """Fenced blocks of a language; "" for what is typed in a shell."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text(path), re.DOTALL | re.MULTILINE)
    return [block for word, block in found if word == language]


def walk(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not hasattr(command, "commands"):
        yield words, command
        return
    for name, inner in command.commands.items():
        yield from walk(inner, (*words, name))


#: Every command by its words, such as ("data", "show").
COMMANDS = dict(walk(typer.main.get_command(app)))
TARGETS = re.findall(r"^([a-z-]+):", text(ROOT / "Makefile"), re.MULTILINE)

"""The documents say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pellucid import catalog, errors
from pellucid.verbs.options import option_fields

ROOT = Path(__file__).parents[2]
PAGES = {"networks": "networks.md", "datasets": "data.md", "views": "data.md", "recipes": "command-line.md"}
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("folder", PAGES)
def test_every_starred_name_stands_in_its_page(folder: str) -> None:
    page = (ROOT / "docs" / PAGES[folder]).read_text(encoding="utf-8")
    assert [name for name in catalog.names(folder) if f"`{name}`" not in page] == []


def test_every_option_is_documented() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    words = {"views": "view"}
    missing = [name for name in option_fields() if f"`--{words.get(name, name).replace('_', '-')}`" not in page]
    assert missing == []


def test_every_exit_code_is_documented() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    codes = {value.exit_code for value in vars(errors).values() if hasattr(value, "exit_code")}
    assert codes == {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)} - {0}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_resolve(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8")):
        assert target.startswith("http") or (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_python_examples_compile(document: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL):
        compile(block, document.name, "exec")


def test_every_cited_key_is_in_the_bibliography_and_every_entry_is_cited() -> None:
    keys = set(
        re.findall(r"^@\w+\{(\w+),", (ROOT / "docs" / "bibliography.bib").read_text(encoding="utf-8"), re.MULTILINE)
    )
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    cited = set(re.findall(r"\b([a-z]+(?:19|20)\d\d)\b", code))
    assert cited - keys == set()
    assert keys - cited == set()

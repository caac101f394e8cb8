"""One page that holds everything, and that no name can break out of."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pellucid.displays.image_grid import ImageGrid
from pellucid.displays.interactive import vega_bundle
from pellucid.errors import StorageError, UsageError
from pellucid.images import Images, Splits
from pellucid.report.build import of_run, of_several, of_study
from pellucid.report.document import Document
from pellucid.report.files import place, save, save_tables
from pellucid.report.reading import Page
from pellucid.report.section import Section
from pellucid.verbs.run import Run
from pellucid.verbs.study import Studied

NAMES = (
    "<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "x" * 10_000, "שלום \u202e abc", "a & b",
    '"><b>', "=1+1", "--><!--", "{{ 7 * 7 }}", "\x1b[31m`|_",
)  # fmt: skip


def hostile(run: Run) -> Run:
    """The run with other names for its network and classes."""

    def renamed(images: Images) -> Images:
        return replace(images, class_names=NAMES)

    splits = run.splits
    changed = Splits(renamed(splits.train), renamed(splits.validation), renamed(splits.test), splits.scaling)
    found = Run(run.folder.open(run.path.parent, run.id), splits=changed)
    found.folder.manifest["class_names"] = list(NAMES)
    network: Any = replace(run.spec.network, name=NAMES[0])  # type: ignore[type-var]
    found.__dict__["spec"] = replace(run.spec, network=network)
    return found


@pytest.fixture(scope="module")
def document(run: Run) -> Document:
    return of_run(run)


@pytest.fixture(scope="module")
def page(document: Document) -> str:
    return document.html()


def test_the_page_asks_for_nothing_and_is_small(page: str) -> None:
    assert len(page.encode()) < 8_000_000
    assert "default-src 'none'" in html.unescape(page[:2_000]) and "unsafe-eval" not in page
    for address in re.findall(
        r"""(?:src|href)=["']?([^"'>\s]*)""", re.sub(r"<script.*?</script>", "", page, flags=re.S)
    ):
        assert address.startswith(("data:", "#")), address


def test_the_bundle_and_each_picture_are_there_once(page: str) -> None:
    assert page.count("vegaEmbed=") == 1
    sprite = max(re.findall(r"data:image/png;base64,[^)\"']+", page), key=len)
    assert page.count(sprite) == 1


def test_what_programs_read_is_what_people_see(document: Document, page: str) -> None:
    read = Page(page)
    assert read.data is not None
    assert list(read.sections) == [one["key"] for one in read.data["sections"]]
    for section in read.data["sections"]:
        shown = read.sections[section["key"]]
        assert set(section["words"]) <= {" ".join(one.split()) for one in shown.texts}
        if section["key"] != "confusion":  # whose table is the matrix of buttons
            assert [rows[0] for _, rows in shown.tables] == [one["columns"] for one in section["tables"]]


def test_hostile_names_stay_text(run: Run) -> None:
    document = of_run(hostile(run))
    text = document.html()
    assert "<img src=x" not in text
    assert text.count("<script") == text.count("</script>")
    read = Page(text)
    assert read.data is not None
    assert [one["key"] for one in read.data["sections"]] == list(read.sections)
    classes = [row[0] for row in read.data["sections"][4]["tables"][0]["rows"]]
    assert classes == list(NAMES)
    cells = [row[0] for row in read.sections["classes"].tables[0][1][1:]]
    assert cells[0] == NAMES[0] and cells[1] == NAMES[1] and len(cells[2]) < 1_000
    assert "\u202e" not in " ".join(read.sections["answer"].texts)
    assert "49" not in cells
    markdown, _ = document.markdown("files")
    outside = "\n".join(line for line in markdown.splitlines() if not line.startswith("    "))  # code is text
    assert "<img" not in outside and "<script" not in outside


def test_markdown_comes_with_its_pictures(document: Document, tmp_path: Path) -> None:
    first, *rest = save(document, tmp_path / "r.md")
    text = first.read_text()
    for name in re.findall(r"\]\((r_files/[^)]*)\)", text):
        with Image.open(tmp_path / name) as picture:
            assert picture.width > 40
    assert {path.name for path in rest} == {Path(one).name for one in re.findall(r"\]\(([^)]*)\)", text)}
    assert "| class | precision |" in text and "pellucid train lenet5 digits" in text


def test_tables_are_written_for_papers_and_spreadsheets(document: Document, tmp_path: Path) -> None:
    files = save_tables(document, tmp_path / "tables")
    assert len(files) == 2 * sum(len(one.tables()) for one in document.sections)
    assert r"\toprule" in (tmp_path / "tables/classes-1.tex").read_text()
    assert (tmp_path / "tables/classes-1.csv").read_text().startswith("class,precision,recall,F1,images\n0,")


def test_studies_and_several_runs_make_pages_too(study: Studied, run: Run, other: Run) -> None:
    for document in (of_study(study), of_several([run, other])):
        read = Page(document.html())
        assert read.data is not None and read.data["kind"] == document.kind
        assert list(read.sections) == [one.key for one in document.sections]


def test_of_a_heavy_page_the_drawings_go_first(document: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.report.document.HEAVY", 1_000_000)
    text = document.html()
    assert "<noscript>" not in text and Page(text).sections["learning"].charts


def test_of_a_page_that_is_heavy_still_photographs_become_jpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    far = np.linspace(0, 6, 96)
    wave = 128 + 100 * np.sin(far[:, None] * far)[None, :, :, None] * np.array([1.0, 0.5, -0.7])
    photographs = np.clip(wave + np.random.default_rng(0).normal(0, 4, (60, 96, 96, 3)), 0, 255).astype(np.uint8)
    small = np.zeros((4, 8, 8, 1), np.uint8)
    sections = [Section("samples", "Images", (), [ImageGrid(photographs), ImageGrid(small)])]
    document = Document("run", "Photographs", ["one"], sections)
    whole = document.html()
    assert "image/jpeg" not in whole
    monkeypatch.setattr("pellucid.report.document.HEAVY", 2_000_000)
    text = document.html()
    assert text.count("image/jpeg") == 60 and text.count("data:image/png;base64") == 4
    assert len(text) - len(vega_bundle()) < (len(whole) - len(vega_bundle())) / 3


def test_json_in_the_page_holds_no_mark_that_ends_it(page: str) -> None:
    for text in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.S):
        assert not set("<>&") & set(text)
        json.loads(text)


def test_a_place_is_checked_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert place(["last"], None, None) == Path("last.html")
    assert place(["a/b", "c"], None, "md") == Path("b-c.md")
    assert place(["last"], Path("x.txt"), "pdf") == Path("x.txt.pdf")
    Path("last.html").write_text("mine")
    with pytest.raises(
        UsageError, match=r"last.html: expected nothing there, found it. Give another place, or --force"
    ):
        place(["last"], None, None)
    assert place(["last"], None, None, force=True) == Path("last.html")
    Path("t").mkdir()
    assert place(["x"], None, None, Path("t")) == Path("x.html")
    (Path("t") / "a.csv").write_text("")
    with pytest.raises(UsageError, match="t: expected nothing there"):
        place(["x"], None, None, Path("t"))
    with pytest.raises(UsageError, match=r"expected a name that ends in .html, .md, .pdf, found x.docx"):
        place(["x"], Path("x.docx"), None)
    with pytest.raises(UsageError, match="unknown format 'doc'"):
        place(["x"], None, "doc")
    with pytest.raises(StorageError, match="expected the folder no/such, found none"):
        place(["x"], Path("no/such/x.html"), None)


def test_where_nothing_can_be_written_is_told(document: Document, tmp_path: Path) -> None:
    (tmp_path / "r.html").mkdir()
    with pytest.raises(StorageError, match="found that I cannot"):
        save(replace(document, sections=document.sections[:1]), tmp_path / "r.html")


def test_pdf_without_a_browser_says_what_to_install(document: Document, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("pellucid.report.printing._MAC", tmp_path / "none")
    with pytest.raises(UsageError, match="expected Chromium or Chrome"):
        save(replace(document, sections=document.sections[:1]), tmp_path / "r.pdf")

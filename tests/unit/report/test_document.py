"""One page that holds everything, and that no name can break out of."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from pellucid.displays.heatmap import Heatmap
from pellucid.displays.image_grid import ImageGrid
from pellucid.displays.interactive import vega_bundle
from pellucid.displays.matrix import Behind, Matrix
from pellucid.displays.table import Table
from pellucid.errors import StorageError, UsageError
from pellucid.images import Images, Splits
from pellucid.report.build import of_run, of_several, of_study
from pellucid.report.document import Document
from pellucid.report.files import place, save, save_tables
from pellucid.report.reading import Page
from pellucid.report.section import Section
from pellucid.report.weight import note
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


@pytest.mark.parametrize("name", ["my report.md", "a (1) [b].md", "100 % <c>#d?.md", "\u05e9.md"])
def test_pictures_of_markdown_are_found_whatever_the_folder_is_called(name: str, tmp_path: Path) -> None:
    from markdown_it import MarkdownIt

    section = Section("samples", "Images", (), [ImageGrid(np.zeros((4, 8, 8, 1), np.uint8), title="a [b](c)")])
    first, picture = save(Document("run", "Images", ["one"], [section]), tmp_path / name)
    page = MarkdownIt("commonmark").render(first.read_text())
    (address,) = re.findall(r'<img src="([^"]*)"', page)
    assert tmp_path / unquote(html.unescape(address)) == picture and picture.is_file()


def test_names_in_markdown_tables_stay_text() -> None:
    from markdown_it import MarkdownIt

    names = (
        "![x](https://example.org/x.png)", "[x](javascript:alert(1))", "a\\|b", "a|b", "*a* _b_ `c` ~~d~~", "&lt;",
        "<b>", "https", "$x$", "-0.5", "+1.25",
    )  # fmt: skip
    table = Table(("*class*", "|"), [(name, k) for k, name in enumerate(names)], title="[t](u)")
    matrix = Matrix(Heatmap(np.ones((1, 1)), ["a"], ["a"], "", "", "", [["1"]]), table, {})
    text, _ = Document("run", "T", ["one"], [Section("s", "S", (), [table, matrix])]).markdown("f")
    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
    cells = [html.unescape(one) for one in re.findall(r"<td[^>]*>(.*?)</td>", page)]
    rows = [cell for k, name in enumerate(names) for cell in (name, str(k))]
    assert cells == 2 * rows
    assert [html.unescape(one) for one in re.findall(r"<th[^>]*>(.*?)</th>", page)] == 2 * ["*class*", "|"]
    assert "<strong>[t](u)</strong>" in page


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


def test_cells_of_any_text_come_back_from_csv_and_are_no_commands_in_latex(tmp_path: Path) -> None:
    names = (
        *NAMES,
        "a\rb",
        "a\nb",
        "a\r\nb",
        'q"',
        " ",
        "",
        "[2pt]",
        "*",
        r"&%$#_{}~^\<>|",
        "pellucid a --lr 1",
        "?`''",
    )
    table = Table(("name", "n", "*"), [(name, k, None) for k, name in enumerate(names)], title="[t] 100 % & more")
    first = Table(("", ""), [("[2pt]", "x")])
    save_tables(Document("run", "T", ["one"], [Section("s", "S", (), [table, first])]), tmp_path / "t")
    with (tmp_path / "t/s-1.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["name", "n", "*"], *([name, str(k), ""] for k, name in enumerate(names))]
    latex = (tmp_path / "t/s-1.tex").read_text()
    rows = latex.partition("\\midrule\n")[2].partition("\\bottomrule")[0].splitlines()
    assert len(rows) == len(names) and all(row.endswith(r" \\") for row in rows)
    assert all(row.replace(r"\&", "").count("&") == 2 for row in rows)
    cells = dict(zip(names, (row.rpartition(" & ")[0].rpartition(" & ")[0] for row in rows), strict=True))
    assert cells["[2pt]"] == "{}[2pt]" and cells["*"] == "{}*"
    assert cells[r"&%$#_{}~^\<>|"] == (
        r"\&\%\$\#\_\{\}\textasciitilde{}\textasciicircum{}\textbackslash{}\textless{}\textgreater{}\textbar{}"
    )
    assert cells["pellucid a --lr 1"] == "pellucid a -{}-lr 1" and cells["?`''"] == "?{}`'{}'"
    assert r"\caption{[t] 100 \% \& more}" in latex
    assert "\\toprule\n{}[2pt] & x" in (tmp_path / "t/s-2.tex").read_text()


def test_studies_and_several_runs_make_pages_too(study: Studied, run: Run, other: Run) -> None:
    for document in (of_study(study), of_several([run, other])):
        read = Page(document.html())
        assert read.data is not None and read.data["kind"] == document.kind
        assert list(read.sections) == [one.key for one in document.sections]


def test_of_a_heavy_page_the_drawings_go_first(document: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.report.weight.HEAVY", 1_000_000)
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
    monkeypatch.setattr("pellucid.report.weight.HEAVY", 2_000_000)
    text = document.html()
    assert text.count("image/jpeg") == 60 and text.count("data:image/png;base64") == 4
    assert len(text) - len(vega_bundle()) < (len(whole) - len(vega_bundle())) / 3


def photographs(count: int, side: int) -> ImageGrid:
    """As smooth and as noisy as photographs are."""
    far = np.linspace(0, 6, side)
    wave = 128 + 100 * np.sin(far[:, None] * far)[None, :, :, None] * np.array([1.0, 0.5, -0.7])
    noise = np.random.default_rng(0).normal(0, 4, (count, side, side, 3))
    return ImageGrid(np.clip(wave + noise, 0, 255).astype(np.uint8))


def pictures_in(page: str) -> list[tuple[str | None, tuple[int, int]]]:
    """Format, width and height of every picture of a page."""
    found = []
    for text in re.findall(r"data:image/\w+;base64,([^)\"']+)", page):
        with Image.open(io.BytesIO(base64.b64decode(text))) as picture:
            found.append((picture.format, picture.size))
    return found


def test_a_page_that_is_over_the_limit_still_has_smaller_photographs(monkeypatch: pytest.MonkeyPatch) -> None:
    flat = ImageGrid(np.zeros((1, 600, 600, 3), np.uint8))
    rows, behind = ["a"], Behind(photographs(36, 16).images, ["x"] * 36)
    matrix = Matrix(
        Heatmap(np.ones((1, 1)), rows, rows, "", "", "", [["36"]]), Table(("a",), [(1,)]), {(0, 0): behind}
    )
    sections = [Section("samples", "Images", (), [photographs(2, 600), flat, matrix])]
    document = Document("run", "Photographs", ["one"], sections)
    rest = len(document.html()) - sum(len(one) for one in re.findall(r"base64,[^)\"']+", document.html()))
    monkeypatch.setattr("pellucid.report.weight.HEAVY", 1)
    first = document.html()
    assert [size for _, size in pictures_in(first)] == [(600, 600)] * 3 + [(96, 96)]
    for room, side in ((80_000, 512), (40_000, 256), (18_000, 128)):
        monkeypatch.setattr("pellucid.report.weight.LIMIT", rest + room)
        page = document.html()
        assert len(page.encode()) <= rest + room
        assert pictures_in(page) == [("JPEG", (side, side))] * 2 + [("PNG", (600, 600)), ("JPEG", (96, 96))]
        assert page.count('width="600" height="600"') == 3  # they are shown as large as before
    # paper keeps them
    assert [size for _, size in pictures_in(document.html(printed=True))] == [(600, 600)] * 3 + [(96, 96)]


def test_a_page_that_cannot_be_small_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sections = [Section("samples", "Images", (), [photographs(2, 200)]), Section("again", "Again", ("x" * 20_000,))]
    document = Document("runs", "Photographs", ["one", "two"], sections)
    (written,) = save(document, tmp_path / "r.html")
    assert note(written, "runs") is None
    monkeypatch.setattr("pellucid.report.weight.HEAVY", 500_000)
    monkeypatch.setattr("pellucid.report.weight.LIMIT", 500_000)
    (written,) = save(document, tmp_path / "r.html")
    assert set(pictures_in(written.read_text())) == {("JPEG", (64, 64))}
    told = note(written, "runs")
    assert told is not None
    assert re.match(rf"{written}: expected at most 0.5 MB, found \d\.\d MB with its photographs as small", told)
    assert "the largest sections are again (0.0 MB), samples (0.0 MB)" in told and "name fewer runs" in told
    (tmp_path / "r.md").write_text("x" * 600_000)
    assert note(tmp_path / "r.md", "runs") is None


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


def test_what_cannot_be_written_is_told_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageError, match=r"a/b: expected the folder a, found none. Make it, or name another"):
        place(["x"], None, None, Path("a/b"))
    Path("file").write_text("")
    with pytest.raises(StorageError, match="file/b: expected the folder file, found none"):
        place(["x"], None, None, Path("file/b"))
    with pytest.raises(StorageError, match="file: expected a folder or nothing there, found a file"):
        place(["x"], None, None, Path("file"), force=True)
    Path("x.html").mkdir()
    with pytest.raises(StorageError, match=r"x.html: expected a file or nothing there, found a folder"):
        place(["x"], None, None)
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != Path("shut"))
    Path("shut").mkdir()
    for output, tables in (
        (Path("shut/y.html"), None),
        (Path("y.html"), Path("shut/t")),
        (Path("y.html"), Path("shut")),
    ):
        with pytest.raises(StorageError, match="expected to write here, found that I may not write to shut"):
            place(["x"], output, None, tables)


def test_a_pdf_is_not_begun_without_a_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("pellucid.report.printing._MAC", tmp_path / "none")
    for output, format in ((tmp_path / "r.pdf", None), (tmp_path / "r", "pdf")):
        with pytest.raises(UsageError, match="expected Chromium or Chrome"):
            place(["x"], output, format)


def test_where_nothing_can_be_written_is_told(document: Document, tmp_path: Path) -> None:
    (tmp_path / "r.html").mkdir()
    with pytest.raises(StorageError, match="found that I cannot"):
        save(replace(document, sections=document.sections[:1]), tmp_path / "r.html")


def test_pdf_without_a_browser_says_what_to_install(document: Document, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("pellucid.report.printing._MAC", tmp_path / "none")
    with pytest.raises(UsageError, match="expected Chromium or Chrome"):
        save(replace(document, sections=document.sections[:1]), tmp_path / "r.pdf")

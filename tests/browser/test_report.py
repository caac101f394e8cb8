"""The report in a real browser: opened from disk without a network, it draws, answers, fits a phone and prints."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from pellucid.images import Images, Splits
from pellucid.report.build import of_run, of_several, of_study
from pellucid.report.document import Document
from pellucid.verbs.made_study import made_study
from pellucid.verbs.run import Run
from pellucid.verbs.study import study

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from tests.browser.conftest import Watched

NAMES = (
    "<img src=x onerror=window.hacked=1>", "</script><script>window.hacked=1</script>", "x" * 10_000,
    "שלום \u202e abc", '"><svg onload=window.hacked=1>', "{{ 7 * 7 }}", "javascript:window.hacked=1", "a & b",
    "\x1b[31m",    "--><script>window.hacked=1</script>",
)  # fmt: skip


@pytest.fixture(scope="module")
def document(trained: Run) -> Document:
    return of_run(trained)


@pytest.fixture(scope="module")
def address(document: Document, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(document.html())
    return path.as_uri()


def drawn(page: Page) -> Page:
    """The page once its charts are drawn."""
    page.wait_for_function("document.documentElement.dataset.charts === 'drawn'")
    return page


def opened(document: Document, folder: Path, watched: Watched) -> Page:
    (folder / "report.html").write_text(document.html())
    watched.page.context.set_offline(True)
    return drawn(watched.open((folder / "report.html").as_uri()))


def test_it_opens_from_disk_and_draws_every_chart(address: str, watched: Watched, document: Document) -> None:
    watched.page.context.set_offline(True)
    page = drawn(watched.open(address))
    charts = page.locator(".chart")
    assert charts.count() > 10
    assert page.locator(".chart svg.marks").count() == charts.count()
    assert page.locator("section").count() == len(document.sections)
    assert page.locator("nav a").count() == len(document.sections)
    assert watched.is_clean()


def test_charts_answer_the_pointer(address: str, watched: Watched) -> None:
    page = drawn(watched.open(address))
    mark = page.locator("#classes .chart svg.marks .mark-symbol path").first
    mark.scroll_into_view_if_needed()
    mark.hover()
    page.wait_for_selector("#vg-tooltip-element.visible")
    assert "category" in page.locator("#vg-tooltip-element").inner_text()
    assert watched.is_clean()


def test_a_cell_opens_the_images_behind_it(address: str, watched: Watched, trained: Run) -> None:
    page = drawn(watched.open(address))
    confusion = trained.evaluate().confusion
    button = page.locator(".cells tbody tr").nth(4).locator("td").nth(4).locator("button")
    button.focus()
    page.keyboard.press("Enter")
    assert page.locator(".behind li").count() == min(12, int(confusion[4, 4]))
    assert page.locator(".behind p").inner_text().startswith("4, taken for what it is")
    tile = page.locator(".behind i").first
    assert tile.evaluate("one => getComputedStyle(one).backgroundImage").startswith('url("data:image/png')
    # each tile is the image that its caption names, cut out of the sheet to the pixel
    whole = tile.evaluate("one => getComputedStyle(one).backgroundImage").removeprefix('url("').removesuffix('")')
    with Image.open(io.BytesIO(base64.b64decode(whole.partition(",")[2]))) as picture:
        sheet = np.asarray(picture)
    for item in page.locator(".behind li").all():
        number = int(item.inner_text().rpartition(" ")[2])
        keys = "['backgroundPosition', 'backgroundSize', 'width', 'height']"
        style = item.locator("i").evaluate(f"one => {keys}.map(key => getComputedStyle(one)[key])")
        assert style[1].split()[0] == f"{2 * sheet.shape[1]}px" and style[2:] == ["56px", "56px"]
        x, y = (int(float(one.removesuffix("px"))) // -2 for one in style[0].split())
        assert np.array_equal(sheet[y : y + 28, x : x + 28], trained.images("test").pixels[number, ..., 0])
    page.keyboard.press("Enter")
    assert page.locator(".behind li").count() == 0
    assert watched.is_clean()


def test_it_fits_a_phone(address: str, watched: Watched) -> None:
    watched.page.set_viewport_size({"width": 390, "height": 844})
    page = drawn(watched.open(address))
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    widths = page.eval_on_selector_all(".chart svg.marks", "all => all.map(one => one.getBoundingClientRect().width)")
    assert widths and max(widths) <= 390
    # made for the width, not made small: letters keep their size
    scales = page.eval_on_selector_all(
        "#learning .chart svg.marks",
        "all => all.map(one => one.getBoundingClientRect().width / one.viewBox.baseVal.width)",
    )
    assert min(scales) > 0.9
    assert watched.is_clean()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_follow_the_page_into_the_dark(scheme: Any, address: str, watched: Watched) -> None:
    watched.page.emulate_media(color_scheme=scheme)
    page = drawn(watched.open(address))
    ground, ink = page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    title = page.locator(".chart svg.marks .role-title-text text").first
    assert title.evaluate("one => getComputedStyle(one).fill") == ink
    interval = page.locator("#classes .chart svg.marks .mark-rule.role-mark line").first
    assert interval.evaluate("one => getComputedStyle(one).stroke") == ink
    dark = sum(map(int, ground.removeprefix("rgb(").removesuffix(")").split(","))) < 200
    assert dark == (scheme == "dark")
    # on paper it is light again
    page.emulate_media(media="print", color_scheme=scheme)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert title.evaluate("one => getComputedStyle(one).fill") == "rgb(0, 0, 0)"
    assert watched.is_clean()


def test_without_scripts_everything_is_still_there(address: str, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator("#learning noscript svg").first.is_visible()
    assert page.locator("#classes table").is_visible()
    context.close()


def test_hostile_names_do_nothing(trained: Run, watched: Watched, tmp_path: Path) -> None:
    def renamed(images: Images) -> Images:
        return replace(images, class_names=NAMES)

    splits = trained.splits
    changed = Splits(renamed(splits.train), renamed(splits.validation), renamed(splits.test), splits.scaling)
    run = Run(trained.folder.open(trained.path.parent, trained.id), splits=changed)
    run.folder.manifest["class_names"] = list(NAMES)
    page = opened(of_run(run), tmp_path, watched)
    assert page.evaluate("window.hacked") is None
    for button in (page.locator(".cells tr").nth(1).locator("button").first, page.locator(".cells button").last):
        button.click()
        assert page.locator(".behind li").count()
    for mark in page.locator("#classes .chart svg.marks .mark-symbol path").all()[:3]:
        mark.hover()
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[onerror], [onload]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert watched.is_clean()


def test_its_policy_stops_what_would_get_in(trained: Run, watched: Watched, tmp_path: Path, address: str) -> None:
    text = Path(address.removeprefix("file://")).read_text()
    (tmp_path / "r.html").write_text(text.replace("</main>", "<script>window.hacked=1</script></main>"))
    page = drawn(watched.open((tmp_path / "r.html").as_uri()))
    assert page.evaluate("window.hacked") is None
    assert any("Content Security Policy" in one for one in watched.errors)


def test_studies_and_several_runs_open_as_well(trained: Run, watched: Watched, tmp_path: Path) -> None:
    root = trained.path.parent
    base = {"network": "mlp", "data": "digits", "epochs": 1}
    found = study(made_study("rates", base, compare={"lr": [0.001, 0.01]}, seeds=2), runs=root, workers=1)
    page = opened(of_study(found), tmp_path, watched)
    assert page.locator("h2").first.inner_text() == "What stands"
    assert watched.is_clean()
    runs = [Run.open(root, row.run) for row in found.rows[:2]]
    page = opened(of_several(runs, lambda key: None), tmp_path, watched)
    assert page.locator(".chart svg.marks").count() == 3
    assert watched.is_clean()


def test_it_prints_on_several_pages_with_its_charts(document: Document, browser: Browser) -> None:
    from pellucid.report.printing import pdf

    data = pdf(document.html())
    assert data.startswith(b"%PDF")
    assert data.count(b"/Type /Page\n") > 5

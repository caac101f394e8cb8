"""The app in a real browser: no complaint, no foreign request, its state in the address."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from serving import Served
from waiting import until_true

from pellucid.storage.run_folder import RunFolder
from pellucid.verbs.runs import runs

if TYPE_CHECKING:
    from playwright.sync_api import Page

    Another = Callable[[Path], tuple[Served, Page]]

#: The parts of WCAG 2.2 AA that a script can judge: contrast of every text, a name for all that is operated, one
#: heading of the first level, the language, ids that are there once.
JUDGE = Path(__file__).with_name("judge.js").read_text(encoding="utf-8")


def addresses(app: Served, run: str) -> dict[str, str]:
    chosen = "&".join(f"run={row['id']}" for row in runs(app.root)[:4])
    return {
        "runs": f"/runs?{chosen}",
        "compare": f"/compare?{chosen}",
        "run": f"/run/{run}",
        "images": f"/run/{run}/images?answers=wrong",
        "image": f"/run/{run}/images/3",
        "look": f"/run/{run}/look?way=occlusion&images=3",
        "train": "/train?network=lenet5&data=digits",
        "studies": "/studies",
        "study": "/study/rates",
        "reported": "/studies/reported/negative-images",
    }


PAGES = ("runs", "compare", "run", "images", "image", "look", "train", "studies", "study", "reported")


def through(page: Page) -> None:
    """Goes down the page until all of its parts are there.

    Where frames are late, a scroll can jump over a part that no frame has seen: one that still waits is gone to.
    """
    page.wait_for_load_state("load")
    waiting = "[data-part][aria-busy=true]:not([hidden])"
    below = "scrollY + innerHeight < document.documentElement.scrollHeight - 2"
    end = time.monotonic() + 180
    while page.evaluate(f"document.querySelector('{waiting}') !== null || {below}"):
        missing = page.eval_on_selector_all(waiting, "every => every.map((one) => one.id)")
        assert time.monotonic() < end, f"a part of the page did not come: {missing}"
        page.evaluate(f"{below} ? scrollBy(0, innerHeight) : document.querySelector('{waiting}')?.scrollIntoView()")
        page.evaluate("new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(() => seen(true))))")
        page.wait_for_timeout(100)
    if page.url.endswith("digits"):
        page.wait_for_selector("#time strong", timeout=60_000)
    page.wait_for_timeout(300)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_renders_whole_without_a_complaint_or_a_foreign_request(
    app: Served, page: Page, watched: Any, lenet: str, name: str
) -> None:
    page.goto(app.address + addresses(app, lenet)[name])
    through(page)
    assert page.locator("h1").count() == 1 and not page.locator("text=Something broke").count()
    assert page.locator(".trouble").count() == 0, page.locator(".trouble").all_inner_texts()
    watched.is_clean()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_readable_on_a_desk_and_on_a_phone_in_light_and_dark(
    app: Served, page: Page, watched: Any, lenet: str, name: str, scheme: Any
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(app.address + addresses(app, lenet)[name])
    through(page)
    assert page.evaluate(JUDGE) == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    watched.is_clean()


def test_a_way_of_looking_is_chosen_and_the_back_button_returns_to_the_one_before(
    app: Served,
    page: Page,
    watched: Any,
    lenet: str,
) -> None:
    page.goto(f"{app.address}/run/{lenet}/look?images=3")
    through(page)
    with page.expect_navigation():
        page.select_option("#way", "grad_cam")
    assert page.locator("#twin").count() == 1 and page.url.endswith("/look?way=grad_cam&images=3")  # nothing empty
    with page.expect_navigation():
        page.select_option("#layer", "conv2")
    through(page)
    assert "conv2" in page.inner_text("#drawn") and "--layer conv2" in page.inner_text("main code")
    page.go_back()
    page.go_back()
    assert page.input_value("#way") == "feature_maps"
    watched.is_clean()


def test_nobody_enters_without_the_token(app: Served, watched: Any) -> None:
    found = watched.open(f"{app.address}/runs", own=app.address)
    assert "Not entered" in found.inner_text("h1")


def test_the_list_keeps_its_state_in_the_address_and_goes_back(app: Served, page: Page, watched: Any) -> None:
    page.goto(f"{app.address}/runs")
    rows = page.locator(".run-group")
    assert rows.count() == 3
    page.keyboard.press("/")
    page.keyboard.type("lr=0.01")
    until_true(page, "document.querySelectorAll('.run-group').length === 1")
    assert page.url.endswith("?q=lr%3D0.01")
    assert page.evaluate("document.activeElement.id") == "q"  # what is typed goes on
    page.select_option("#group", "none")
    until_true(page, "document.querySelectorAll('.run-group').length === 2")
    page.click("text=test")
    until_true(page, "location.search.includes('sort=-test_accuracy')")
    until_true(page, "document.getElementById('list').innerText.includes('test↓')")  # the address comes first
    shared, shown = page.url, page.inner_text("#list")
    page.go_back()
    until_true(page, "!location.search.includes('sort=')")
    page.go_back()
    until_true(page, "document.querySelectorAll('.run-group').length === 1")
    assert page.input_value("#group") == "" and page.input_value("#q") == "lr=0.01"
    other = page.context.new_page()
    other.goto(shared)
    assert other.inner_text("#list") == shown and other.input_value("#group") == "none"
    assert page.locator(".trouble").count() == 0
    watched.is_clean()


def test_chosen_runs_are_drawn_and_compared(app: Served, page: Page, watched: Any) -> None:
    page.goto(f"{app.address}/runs")
    for box in range(2):
        page.locator(".run-group input").nth(box).check()
        until_true(page, f"new URLSearchParams(location.search).getAll('run').length === {box + 1}")
    page.wait_for_selector("#chart path.curve")
    page.select_option("#metric", "train_loss")
    until_true(page, "location.search.includes('metric=train_loss')")
    page.wait_for_selector("#chart svg[aria-label^='training loss'] path.curve")
    page.locator("#chart > .plot > svg").focus()
    page.keyboard.press("End")
    assert "epoch 2" in page.inner_text(".readout")
    page.click("text=Compare")
    page.wait_for_url("**/compare?**")
    assert "What differs" in page.inner_text("main")
    page.wait_for_selector("#chart path.curve")
    page.go_back()
    page.wait_for_selector("#chart path.curve")
    assert page.locator(".run-group input:checked").count() == 2
    watched.is_clean()


def test_a_number_leads_to_its_images_and_a_section_has_an_address(
    app: Served, page: Page, watched: Any, lenet: str
) -> None:
    page.goto(f"{app.address}/run/{lenet}#calibration")
    page.wait_for_selector("#calibration figure a")
    page.wait_for_timeout(500)
    assert page.evaluate("Math.abs(document.getElementById('calibration').getBoundingClientRect().top)") < 120
    link = page.locator("#calibration figure a").last
    count = int(page.locator("#calibration figure tbody tr").last.locator("td").nth(1).inner_text())
    page.locator("#calibration figure tbody tr").last.locator("td").nth(1).locator("a").click()
    page.wait_for_url("**/images?**")
    assert page.inner_text("h1").startswith(f"{count} of 300")
    page.locator(".gallery a").first.click()
    page.wait_for_url(re.compile(r"/images/\d+$"))
    before = page.url
    page.keyboard.press("ArrowRight")
    page.wait_for_url(lambda url: url != before)
    for _ in range(3):
        page.go_back()
    page.wait_for_selector("#calibration figure a")
    assert link is not None
    watched.is_clean()


def test_hostile_names_do_nothing_in_a_browser(another: Another, tmp_path: Path, app: Served, lenet: str) -> None:
    source = RunFolder.open(app.root, lenet)
    bad = ("<img src=x onerror=window.bad=1>", "</script><script>window.bad=1</script>", "\u202evil", "a" * 10_000)
    for k, name in enumerate(bad):
        manifest = {**source.manifest, "class_names": [f"{name}{c}" for c in range(10)]}
        manifest["spec"] = {**manifest["spec"], "network": {**manifest["spec"]["network"], "name": name}}
        folder = RunFolder.create(tmp_path, f"run{k}", manifest)
        for line in source.metrics():
            folder.append_metrics(line)
        folder.save_predictions(source.predictions() or {})
        folder.save_weights("best", source.load_weights("best"), epoch=1)
        folder.save_result({**(source.result() or {}), "reason": name})
    other, page = another(tmp_path)
    every = "&".join(f"run=run{k}" for k in range(len(bad)))
    pages = [f"/runs?{every}", f"/compare?{every}", *(f"/run/run{k}" for k in range(4)), "/run/run3/images"]
    for address in pages:
        page.goto(other.address + address)
        if "images" not in address and "?" not in address:
            for key in ("answer", "classes", "confusion", "learning"):
                page.evaluate(f"location.hash = '{key}'")
                page.wait_for_selector(f"#{key}[aria-busy=false]", timeout=60_000)
        else:
            page.wait_for_timeout(800)
        assert page.evaluate("window.bad") is None, address
        assert page.evaluate("document.documentElement.scrollWidth") <= 391, address

"""The app in a real browser: no complaint, no foreign request, its state in the address, curves that move."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from serving import Served, serving

from pellucid.storage.run_folder import RunFolder
from pellucid.verbs.runs import runs

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    Another = Callable[[Path], tuple[Served, Page]]

#: The parts of WCAG 2.2 AA that a script can judge: contrast of every text, a name for all that is operated, one
#: heading of the first level, the language, ids that are there once.
JUDGE = Path(__file__).with_name("judge.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A study of two rates in two seeds each, and one LeNet-5."""
    from pellucid.verbs.study import made_study, study
    from pellucid.verbs.train import train

    root = tmp_path_factory.mktemp("runs")
    asked = made_study("rates", {"network": "mlp", "data": "digits", "epochs": 2}, compare=["lr=0.001,0.01"], seeds=2)
    study(asked, runs=root, workers=1)
    train("lenet5", "digits", epochs=2, exact=True, pictures=False, runs=root)
    with serving(root) as found:
        yield found


@pytest.fixture
def page(app: Served, watched: Any) -> Page:
    """A page that has entered."""
    found: Page = watched.enter(app)
    return found


def lenet(app: Served) -> str:
    return str(next(row["id"] for row in runs(app.root) if row["network"] == "lenet5"))


def addresses(app: Served) -> dict[str, str]:
    run = lenet(app)
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


def until(page: Page, holds: str, seconds: float = 60) -> None:
    """Waits for an expression to hold; Playwright's own way needs eval, which the pages forbid."""
    end = time.monotonic() + seconds
    while not page.evaluate(holds):
        assert time.monotonic() < end, f"waited in vain for {holds}"
        page.wait_for_timeout(30)


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
    app: Served, page: Page, watched: Any, name: str
) -> None:
    page.goto(app.address + addresses(app)[name])
    through(page)
    assert page.locator("h1").count() == 1 and not page.locator("text=Something broke").count()
    assert page.locator(".trouble").count() == 0, page.locator(".trouble").all_inner_texts()
    watched.is_clean()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_readable_on_a_desk_and_on_a_phone_in_light_and_dark(
    app: Served, page: Page, watched: Any, name: str, scheme: Any
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(app.address + addresses(app)[name])
    through(page)
    assert page.evaluate(JUDGE) == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    watched.is_clean()


def test_a_way_of_looking_is_chosen_and_the_back_button_returns_to_the_one_before(
    app: Served, page: Page, watched: Any
) -> None:
    page.goto(f"{app.address}/run/{lenet(app)}/look?images=3")
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
    until(page, "document.querySelectorAll('.run-group').length === 1")
    assert page.url.endswith("?q=lr%3D0.01")
    assert page.evaluate("document.activeElement.id") == "q"  # what is typed goes on
    page.select_option("#group", "none")
    until(page, "document.querySelectorAll('.run-group').length === 2")
    page.click("text=test")
    until(page, "location.search.includes('sort=-test_accuracy')")
    shared, shown = page.url, page.inner_text("#list")
    page.go_back()
    until(page, "!location.search.includes('sort=')")
    page.go_back()
    until(page, "document.querySelectorAll('.run-group').length === 1")
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
        until(page, f"new URLSearchParams(location.search).getAll('run').length === {box + 1}")
    page.wait_for_selector("#chart path.curve")
    page.select_option("#metric", "train_loss")
    until(page, "location.search.includes('metric=train_loss')")
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


HIDDEN = """(hidden) => {
    Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_the_list_follows_the_disk_also_while_it_was_hidden_and_what_has_the_focus_keeps_it(
    app: Served, page: Page, watched: Any
) -> None:
    run = lenet(app)
    source = RunFolder.open(app.root, run)
    page.goto(f"{app.address}/runs?group=none&run={run}")
    page.wait_for_selector("#chart path.curve")
    page.evaluate(HIDDEN, True)
    RunFolder.create(app.root, "meanwhile", source.manifest)
    page.locator("#chart > .plot > svg").focus()
    page.keyboard.press("End")
    page.evaluate(HIDDEN, False)
    page.wait_for_selector("a.name[href='/run/meanwhile']", timeout=10_000)
    assert page.evaluate("document.activeElement.matches('#chart svg')") and "epoch 2" in page.inner_text(".readout")
    page.locator("#metric").focus()
    RunFolder.delete(app.root, "meanwhile")
    page.wait_for_selector("a.name[href='/run/meanwhile']", state="detached", timeout=10_000)
    assert page.evaluate("document.activeElement.id") == "metric"
    watched.is_clean()


def test_a_mean_of_curves_is_of_one_epoch_that_is_told(app: Served, page: Page, watched: Any) -> None:
    page.goto(f"{app.address}/runs")
    page.evaluate(
        """async () => {
            const { Curves } = await import("/static/curves.js");
            document.getElementById("list").innerHTML = '<div id="drawn"></div>';
            const run = (id, group, y, status = "finished") => (
                { id, group, label: group, status, epochs: 3, x: y.map((_, k) => k + 1), y });
            new Curves(document.getElementById("drawn"), "test_accuracy", "test").update([
                run("a", "A", [0.1, 0.3, 0.9]), run("b", "A", [0.2, 0.5]), run("c", "A", [0.3, null, 0.8]),
                run("d", "A", [], "interrupted"), run("e", "B", [0.25, 0.75]), run("f", "C", []), run("g", "C", []),
            ]);
        }"""
    )
    told = page.locator("#drawn .legend li").all_inner_texts()
    assert [" ".join(one.split()) for one in told] == ["A 40.00 % mean of 2, epoch 2", "B 75.00 % epoch 2", "C –"]
    assert "A: 40.00 % at epoch 2; B: 75.00 % at epoch 2; C: –." in str(
        page.get_attribute("#drawn .plot > svg", "aria-label")
    )
    watched.is_clean()


def test_a_number_leads_to_its_images_and_a_section_has_an_address(app: Served, page: Page, watched: Any) -> None:
    page.goto(f"{app.address}/run/{lenet(app)}#calibration")
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


def test_curves_move_while_a_training_goes_on_and_it_is_stopped_and_resumed(
    app: Served, page: Page, watched: Any
) -> None:
    page.goto(f"{app.address}/train?network=mlp&data=digits")
    page.select_option("#network", "lenet5")
    page.wait_for_selector("text=Options of lenet5")
    page.fill("#epochs", "150")
    page.fill("#seed", "x")
    page.wait_for_selector("[data-complaint=seed]:has-text('expected a whole number')")
    assert page.locator("#begin").is_disabled()
    page.fill("#seed", "7")
    page.wait_for_selector("#preview >> text=61,706")
    assert "epochs=150" in page.url and "seed=7" in page.url
    page.click("#begin")
    page.wait_for_selector("#chart path.curve", timeout=120_000)
    lengths = []
    for _ in range(3):
        before = page.get_attribute("#chart path.curve", "d") or ""
        lengths.append(before.count("L"))
        grown = "document.querySelector('#chart path.curve').getAttribute('d').split('L').length - 1"
        until(page, f"{grown} > {lengths[-1]}")
    other = page.context.new_page()  # the list, meanwhile, draws what is running
    other.goto(f"{app.address}/runs")
    assert "Running now" in other.inner_text("main") and other.locator(".status.running").count()
    other.close()
    page.click("text=Stop")
    page.wait_for_selector("#run-head .status.interrupted", timeout=60_000)
    page.wait_for_selector("button:has-text('Go on')")
    stopped = page.locator("#run-head dd").nth(4).inner_text()
    page.click("text=Go on")
    page.wait_for_selector("#run-head .status.running", timeout=120_000)
    page.wait_for_selector("#run-head .status.finished", timeout=300_000)
    page.wait_for_selector("#answer .lead >> text=test images are named right")
    assert int(stopped.split(",")[0]) < 150
    assert page.locator("#run-head dd").nth(4).inner_text().startswith("150")
    watched.is_clean()


def test_a_run_that_is_deleted_while_open_is_told(app: Served, page: Page, watched: Any) -> None:
    source = RunFolder.open(app.root, lenet(app))
    manifest = {**source.manifest, "created": "2020-01-01T00:00:00+00:00"}
    RunFolder.create(app.root, "short-lived", manifest)
    page.goto(f"{app.address}/run/short-lived")
    page.wait_for_selector("#chart svg")
    RunFolder.delete(app.root, "short-lived")
    page.wait_for_selector("text=This run was deleted.", timeout=15_000)
    page.click("text=Runs")
    page.wait_for_selector(".run-group")


@pytest.fixture
def another(browser: Browser) -> Iterator[Callable[[Path], tuple[Served, Page]]]:
    """Serves a folder of the test's own; gives the app and a page that has entered."""
    with ExitStack() as stack:

        def opened(root: Path) -> tuple[Served, Page]:
            found = stack.enter_context(serving(root))
            context = stack.enter_context(browser.new_context(viewport={"width": 390, "height": 844}))
            page = context.new_page()
            page.goto(found.door)
            return found, page

        yield opened


def test_hostile_names_do_nothing_in_a_browser(another: Another, tmp_path: Path, app: Served) -> None:
    source = RunFolder.open(app.root, lenet(app))
    bad = ("<img src=x onerror=window.bad=1>", "</script><script>window.bad=1</script>", "\u202evil", "a" * 10_000)
    for k, name in enumerate(bad):
        manifest = {**source.manifest, "class_names": [f"{name}{c}" for c in range(10)]}
        manifest["spec"] = {**manifest["spec"], "network": {**manifest["spec"]["network"], "name": name}}
        folder = RunFolder.create(tmp_path, f"run{k}", manifest)
        for line in source.metrics():
            folder.append_metrics(line)
        folder.save_predictions(source.predictions() or {})
        folder.save_weights("best", source.load_weights("best"))
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


def test_a_server_that_stops_says_so_on_the_page_and_nothing_is_lost(another: Another, tmp_path: Path) -> None:
    other, page = another(tmp_path)
    page.wait_for_selector("text=No runs here yet")
    page.goto(f"{other.address}/train?network=lenet5&data=digits&epochs=5000")
    page.wait_for_selector("#preview >> text=61,706")
    page.click("#begin")
    page.wait_for_selector("#chart path.curve", timeout=120_000)
    run = runs(tmp_path)[0]["id"]
    said = other.stop()
    assert "Traceback" not in said
    assert RunFolder.open(tmp_path, run).status() == "interrupted"
    assert RunFolder.open(tmp_path, run).events()[-1]["event"] == "interrupted"
    page.wait_for_selector("#silence >> text=The server does not answer.", timeout=30_000)  # nothing was pressed
    page.evaluate("location.hash = 'network'")
    page.wait_for_selector("#network >> text=The server does not answer.", timeout=30_000)


def test_a_page_goes_on_once_the_server_answers_again_or_is_entered_anew(app: Served, page: Page) -> None:
    page.route("**/events?**", lambda route: route.abort())
    page.goto(f"{app.address}/runs")
    page.wait_for_selector("#silence >> text=The server does not answer.", timeout=30_000)
    page.unroute("**/events?**")
    page.wait_for_selector("#silence", state="detached", timeout=30_000)
    page.evaluate(HIDDEN, True)
    page.context.clear_cookies()
    page.evaluate(HIDDEN, False)
    page.wait_for_selector("#silence >> text=The server has to be entered anew.", timeout=30_000)
    other = page.context.new_page()
    other.goto(app.door)
    page.wait_for_selector("#silence", state="detached", timeout=30_000)


def test_the_list_of_2000_runs_comes_at_once(another: Another, tmp_path: Path, app: Served) -> None:
    """Measured in the browser, from the click to the rows; generous, since other programs share the machine."""
    import os

    source = RunFolder.open(app.root, lenet(app))
    folder = RunFolder.create(tmp_path, "r0", source.manifest)
    for line in source.metrics():
        folder.append_metrics(line)
    folder.save_result(source.result() or {})
    for k in range(1, 2000):
        (tmp_path / f"r{k}").mkdir()
        for name in ("run.json", "metrics.jsonl", "result.json"):
            os.link(tmp_path / "r0" / name, tmp_path / f"r{k}" / name)
    other, page = another(tmp_path)
    page.wait_for_selector("text=2,000 runs")
    page.goto(f"{other.address}/runs?group=none")
    times = []
    for word in ("test", "epochs", "time", "begun", "rate"):
        page.wait_for_timeout(600)  # the list is read anew
        start = time.monotonic()
        with page.expect_response(lambda answer: "/runs?" in answer.url):
            page.locator(".runs-head").get_by_text(word, exact=False).first.click()
        until(page, "document.querySelectorAll('.run-group').length === 50")
        times.append(time.monotonic() - start)
    assert sorted(times)[len(times) // 2] < 1.0, times

"""Pages that follow what happens: runs on the disk, a training, a server that stops or goes on."""

from __future__ import annotations

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

#: What is followed has its own pace.
pytestmark = pytest.mark.alone

HIDDEN = """(hidden) => {
    Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_the_list_follows_the_disk_also_while_it_was_hidden_and_what_has_the_focus_keeps_it(
    app: Served,
    page: Page,
    watched: Any,
    lenet: str,
) -> None:
    run = lenet
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


def test_curves_move_while_a_training_goes_on_and_it_is_stopped_and_resumed(
    app: Served, page: Page, watched: Any
) -> None:
    page.goto(f"{app.address}/train?network=mlp&data=digits")
    page.select_option("#network", "lenet5")
    page.wait_for_selector("text=Options of lenet5")
    page.fill("#epochs", "400")
    page.fill("#seed", "x")
    page.wait_for_selector("[data-complaint=seed]:has-text('expected a whole number')")
    assert page.locator("#begin").is_disabled()
    page.fill("#seed", "7")
    page.wait_for_selector("#preview >> text=61,706")
    assert "epochs=400" in page.url and "seed=7" in page.url
    page.click("#begin")
    page.wait_for_selector("#chart path.curve", timeout=120_000)
    lengths = []
    for _ in range(3):
        before = page.get_attribute("#chart path.curve", "d") or ""
        lengths.append(before.count("L"))
        grown = "document.querySelector('#chart path.curve').getAttribute('d').split('L').length - 1"
        until_true(page, f"{grown} > {lengths[-1]}")
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
    assert int(stopped.split(",")[0]) < 400
    assert page.locator("#run-head dd").nth(4).inner_text().startswith("400")
    watched.is_clean()


def test_a_run_that_is_deleted_while_open_is_told(app: Served, page: Page, watched: Any, lenet: str) -> None:
    source = RunFolder.open(app.root, lenet)
    manifest = {**source.manifest, "created": "2020-01-01T00:00:00+00:00"}
    RunFolder.create(app.root, "short-lived", manifest)
    page.goto(f"{app.address}/run/short-lived")
    page.wait_for_selector("#chart svg")
    RunFolder.delete(app.root, "short-lived")
    page.wait_for_selector("text=This run was deleted.", timeout=15_000)
    page.click("text=Runs")
    page.wait_for_selector(".run-group")


def test_a_run_that_is_deleted_before_the_line_is_open_is_told(app: Served, page: Page, lenet: str) -> None:
    """As one that is deleted while its page is in a tab behind others: the line is let go there."""
    source = RunFolder.open(app.root, lenet)
    RunFolder.create(app.root, "shorter-lived", {**source.manifest, "created": "2020-01-01T00:00:00+00:00"})

    def deleted(route: Any) -> None:
        if RunFolder.exists(app.root, "shorter-lived"):
            RunFolder.delete(app.root, "shorter-lived")
        route.continue_()

    page.route("**/events?*", deleted)
    page.goto(f"{app.address}/run/shorter-lived")
    page.wait_for_selector("text=This run was deleted.", timeout=15_000)


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


def test_the_list_of_2000_runs_comes_at_once(another: Another, tmp_path: Path, app: Served, lenet: str) -> None:
    """Measured in the browser, from the click to the rows; generous, since other programs share the machine."""
    import os

    source = RunFolder.open(app.root, lenet)
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
        until_true(page, "document.querySelectorAll('.run-group').length === 50")
        times.append(time.monotonic() - start)
    assert sorted(times)[len(times) // 2] < 1.0, times

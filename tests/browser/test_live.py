"""The pages that look inside a network, as a person uses them: drawing, pointing, going back, sharing an address."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image

from pellucid.verbs.atlas import atlas
from pellucid.verbs.live import Live
from pellucid.verbs.run import Run
from pellucid.verbs.train import train

if TYPE_CHECKING:
    from playwright.sync_api import Page

TOKEN = "only-for-this-test"
#: Strokes of digits, in shares of the pad's sides.
DIGITS = {
    "0": [[(0.5, 0.15), (0.32, 0.3), (0.3, 0.6), (0.45, 0.85), (0.62, 0.8), (0.7, 0.5), (0.66, 0.25), (0.5, 0.15)]],
    "1": [[(0.38, 0.3), (0.52, 0.15), (0.52, 0.85)]],
    "2": [[(0.3, 0.3), (0.4, 0.17), (0.6, 0.17), (0.68, 0.32), (0.55, 0.55), (0.3, 0.83), (0.72, 0.83)]],
    "3": [[(0.32, 0.2), (0.5, 0.14), (0.66, 0.24), (0.62, 0.42), (0.46, 0.48), (0.66, 0.56), (0.68, 0.74),
           (0.52, 0.86), (0.32, 0.8)]],
    "4": [[(0.55, 0.12), (0.3, 0.55), (0.72, 0.55)], [(0.6, 0.3), (0.58, 0.88)]],
    "5": [[(0.66, 0.16), (0.38, 0.16), (0.35, 0.45), (0.55, 0.42), (0.68, 0.56), (0.64, 0.76), (0.48, 0.85),
           (0.32, 0.78)]],
    "6": [[(0.62, 0.14), (0.42, 0.3), (0.33, 0.6), (0.42, 0.82), (0.6, 0.82), (0.66, 0.65), (0.52, 0.52),
           (0.36, 0.62)]],
    "7": [[(0.3, 0.18), (0.7, 0.18), (0.45, 0.85)]],
    "8": [[(0.5, 0.5), (0.36, 0.36), (0.42, 0.18), (0.58, 0.18), (0.64, 0.36), (0.5, 0.5), (0.34, 0.66),
           (0.42, 0.84), (0.58, 0.84), (0.66, 0.66), (0.5, 0.5)]],
    "9": [[(0.64, 0.36), (0.52, 0.48), (0.38, 0.4), (0.4, 0.22), (0.56, 0.16), (0.64, 0.3), (0.62, 0.6),
           (0.52, 0.86)]],
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LeNet-5 of digits at 28 pixels with its atlas, and a network beside it. Not to be changed."""
    root = tmp_path_factory.mktemp("runs")
    train("lenet5", "digits", size=28, epochs=15, precision="fp32", threads=1, pictures=False, runs=root)
    train("mlp", "digits", size=28, epochs=3, precision="fp32", threads=1, pictures=False, runs=root)
    atlas(Run.open(root, "lenet5"))
    return root


def serve(root: Path) -> tuple[subprocess.Popen[str], str]:
    """The app on a port of its own, and its address."""
    words = [sys.executable, "-m", "pellucid", "serve", str(root), "--port", "0", "--token", TOKEN, "--no-open"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        found = re.search(r"open +(http://[^/]+)/enter", line)
        if found:
            break
    else:
        raise AssertionError("the server did not start")
    for _ in range(200):  # the address is told a little before it answers
        with suppress(OSError), urlopen(f"{found[1]}/static/icon.svg", timeout=5):
            return process, found[1]
        time.sleep(0.1)
    raise AssertionError("the server does not answer")


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[str]:
    process, address = serve(folder)
    yield address
    process.terminate()
    process.communicate(timeout=20)


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return Run.open(folder, "lenet5")


@pytest.fixture
def page(watched: Any, served: str) -> Page:
    """A page that has entered."""
    found: Page = watched.open(f"{served}/enter?token={TOKEN}", own=served)
    return found


def go(page: Page, served: str, address: str) -> None:
    page.goto(f"{served}{address}")
    page.wait_for_selector("[data-ready]")


def draw(page: Page, digit: str) -> None:
    page.locator("#pad").scroll_into_view_if_needed()
    box = page.locator("#pad").bounding_box()
    assert box is not None
    for stroke in DIGITS[digit]:
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for x, y in places[1:]:
            page.mouse.move(x, y, steps=6)
        page.mouse.up()
    settle(page)


def press(page: Page, key: str) -> None:
    """A key on a page whose scripts are there."""
    page.wait_for_load_state()
    page.keyboard.press(key)


def settle(page: Page) -> None:
    """Waits until the last answer is drawn."""
    page.wait_for_function(
        """() => {
            const now = [...document.querySelectorAll(".view")].map((one) => one.dataset.sequence).join();
            const same = window.settled === now;
            window.settled = now;
            return same && now;
        }""",
        polling=150,
    )


def best(page: Page, side: int = 0) -> str:
    return page.locator(".view .best strong").nth(side).inner_text()


def painted(page: Page, selector: str) -> str:
    """The picture of a canvas, as letters."""
    found: str = page.locator(selector).first.evaluate("(canvas) => canvas.toDataURL()")
    return found


@pytest.mark.parametrize("digit", ["0", "1", "4", "6"])
def test_a_digit_drawn_by_hand_is_recognised(watched: Any, page: Page, served: str, run: Run, digit: str) -> None:
    go(page, served, f"/run/{run.id}/live")
    blank = painted(page, "[data-layer=conv1] canvas.maps")
    draw(page, digit)
    assert best(page) == digit
    assert painted(page, "[data-layer=conv1] canvas.maps") != blank
    assert float(page.locator(".view").get_attribute("data-milliseconds") or "inf") < 500
    assert watched.is_clean()


def test_every_digit_drawn_by_hand_is_recognised_by_a_network_that_knows_mnist(
    watched: Any, tmp_path: Path, real_data: Path
) -> None:
    run = train(
        "lenet5", "mnist", subset=20_000, epochs=2, precision="fp32", threads=1, pictures=False, runs=tmp_path
    )
    process, address = serve(tmp_path)
    try:
        page = watched.open(f"{address}/enter?token={TOKEN}", own=address)
        go(page, address, f"/run/{run.id}/live")
        said = ""
        for digit in DIGITS:
            page.locator("#clear").click()
            draw(page, digit)
            said += best(page)
        assert sum(one == digit for one, digit in zip(said, DIGITS, strict=True)) >= 9, said
        assert watched.is_clean()
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_the_answer_is_that_of_the_run(page: Page, served: str, run: Run) -> None:
    live = Live(run)
    for index in (3, 11):
        go(page, served, f"/run/{run.id}/live?image=test/{index}")
        settle(page)
        pixels, label = live.image("test", index)
        probabilities = live.answer(pixels).probabilities
        assert best(page) == run.class_names[int(probabilities.argmax())]
        assert page.locator(".source").inner_text() == f"test image {index}, of class {label}"
        shares = page.locator(".predictions .percent").all_inner_texts()
        assert shares == [f"{100 * one:.1f} %" for one in probabilities]


def test_a_shared_address_restores_drawing_neuron_and_changes(
    watched: Any, page: Page, served: str, run: Run
) -> None:
    go(page, served, f"/run/{run.id}/live")
    draw(page, "7")
    page.locator("#invert").check()
    page.locator("#angle").fill("15")
    page.locator('[data-move="1,0"]').click()
    page.locator("[data-layer=conv2] canvas.maps").click(position={"x": 25, "y": 25})
    page.wait_for_selector("#account .step")
    settle(page)
    told = page.locator("#account h2").nth(1).inner_text()
    seen, address = painted(page, ".seen canvas"), page.url
    assert "layer=conv2" in address and len(address) < 4000
    other = page.context.new_page()
    other.goto(address)
    other.wait_for_selector("[data-ready]")
    other.wait_for_selector("#account .step")
    settle(other)
    assert painted(other, ".seen canvas") == seen
    assert other.locator("#account h2").nth(1).inner_text() == told
    assert other.locator("#moved").inner_text() == "1 right" and other.locator("#invert").is_checked()
    other.close()
    assert watched.is_clean()


def test_the_back_button_returns(watched: Any, page: Page, served: str, run: Run) -> None:
    go(page, served, f"/run/{run.id}/live?image=test/0")
    page.locator("#next").click()
    page.wait_for_function("() => document.querySelector('.source').textContent.startsWith('test image 1,')")
    page.locator("[data-layer=relu1] canvas.maps").click(position={"x": 30, "y": 30})
    page.wait_for_selector("#account.kept .step")
    page.go_back()
    page.wait_for_selector("#account:not(.kept)")
    assert "test image 1," in page.locator(".source").inner_text()
    page.go_back()
    page.wait_for_function("() => document.querySelector('.source').textContent.startsWith('test image 0,')")
    page.go_forward()
    page.wait_for_function("() => document.querySelector('.source').textContent.startsWith('test image 1,')")
    assert watched.is_clean()


def test_pointing_at_a_map_tells_the_arithmetic_and_it_adds_up(page: Page, served: str, run: Run) -> None:
    go(page, served, f"/run/{run.id}/live?image=test/5")
    settle(page)
    page.locator("[data-layer=relu1] canvas.maps").hover(position={"x": 70, "y": 30})
    page.wait_for_selector("#account .step >> nth=1")
    relu, conv = page.locator("#account .step").all_inner_texts()
    assert relu.startswith("relu1 max(0, x)") and conv.startswith("conv1 sum of patch × filter + bias")
    sums = page.locator("#account .sum").all_inner_texts()
    words = sums[1].replace("−", "-").replace(" - ", " + -").replace(" (bias)", "")
    left, right = words.split(" = ")
    assert sum(map(float, left.split(" + "))) == pytest.approx(float(right), abs=0.01)
    page.locator("#pad").hover()
    page.wait_for_selector(".account-empty:not([hidden])")


def test_the_keyboard_alone_suffices(watched: Any, page: Page, served: str, run: Run) -> None:
    go(page, served, f"/run/{run.id}/live")
    page.locator("#pad").focus()
    page.keyboard.press("n")
    page.wait_for_function("() => document.querySelector('.source').textContent.startsWith('test image 0,')")
    before = painted(page, ".seen canvas")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("i")
    page.keyboard.press("]")
    settle(page)
    assert painted(page, ".seen canvas") != before
    assert "m=1%2C0" in page.url and "i=1" in page.url and "r=5" in page.url
    page.locator("[data-layer=conv2] canvas.maps").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("PageDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("#account.kept")
    page.wait_for_function(
        "() => document.querySelector('#account .where').textContent === 'channel 1, row 1, column 0'"
    )
    page.keyboard.press("Escape")
    page.wait_for_selector("#account:not(.kept)")
    assert watched.is_clean()


def test_rubbing_out_and_undoing(page: Page, served: str, run: Run) -> None:
    go(page, served, f"/run/{run.id}/live#c=0")
    blank = painted(page, "#pad")
    draw(page, "1")
    drawn = painted(page, "#pad")
    page.locator("input[value=erase]").check()
    page.locator("#width").fill("9")
    draw(page, "1")
    assert painted(page, "#pad") == blank
    page.locator("#undo").click()
    assert painted(page, "#pad") == drawn
    page.locator("#clear").click()
    assert painted(page, "#pad") == blank and page.locator("#undo").is_disabled()


def test_a_picture_of_ones_own_and_what_is_none(page: Page, served: str, run: Run, tmp_path: Path) -> None:
    go(page, served, f"/run/{run.id}/live")
    pixels, _ = Live(run).image("test", 6)
    Image.fromarray(pixels[..., 0]).save(tmp_path / "digit.png")
    page.locator("#file").set_input_files(tmp_path / "digit.png")
    page.wait_for_function("() => document.querySelector('.source').textContent === 'a picture of yours'")
    settle(page)
    assert best(page) == run.class_names[int(Live(run).answer(pixels).probabilities.argmax())]
    address = page.url
    (tmp_path / "not.png").write_text("not a picture")
    page.locator("#file").set_input_files(tmp_path / "not.png")
    page.wait_for_selector(".view .trouble:not([hidden])")
    assert "expected a PNG, JPEG or other picture" in page.locator(".view .trouble").inner_text()
    (tmp_path / "large.png").write_bytes(bytes(17 * 2**20))
    page.locator("#file").set_input_files(tmp_path / "large.png")
    page.wait_for_function("() => document.querySelector('.view .trouble').textContent.includes('at most 16 MB')")
    assert page.url == address and page.locator(".source").inner_text() == "a picture of yours"


def test_two_runs_answer_to_one_picture(watched: Any, page: Page, served: str, run: Run, folder: Path) -> None:
    go(page, served, f"/run/{run.id}/live?image=test/2")
    other = Run.open(folder, "mlp")
    with page.expect_navigation():
        page.locator("#beside select").select_option(other.id)
    page.wait_for_selector("[data-ready]")
    settle(page)
    pixels, _ = Live(run).image("test", 2)
    for side, one in enumerate((run, other)):
        assert best(page, side) == one.class_names[int(Live(one).answer(pixels).probabilities.argmax())]
    assert page.locator(".view").nth(1).locator(".layer").count() == len(Live(other).layers)
    assert "image=test%2F2" in page.url
    assert watched.is_clean()


def test_the_occlusion_map_follows(watched: Any, page: Page, served: str, run: Run) -> None:
    go(page, served, f"/run/{run.id}/live?image=test/1")
    settle(page)
    page.locator(".hide-parts").click()
    page.wait_for_function("() => document.querySelector('.occlusion figcaption').textContent.includes('7×7')")
    first = painted(page, ".occlusion canvas")
    page.locator("#next").click()
    page.wait_for_function("(first) => document.querySelector('.occlusion canvas').toDataURL() !== first", arg=first)
    assert watched.is_clean()


def test_a_deleted_run_is_told_and_the_drawing_stays(watched: Any, folder: Path, tmp_path: Path, run: Run) -> None:
    root = tmp_path / "runs"
    shutil.copytree(folder, root)
    process, address = serve(root)
    try:
        page = watched.open(f"{address}/enter?token={TOKEN}", own=address)
        go(page, address, f"/run/{run.id}/live")
        draw(page, "7")
        drawn = painted(page, "#pad")
        shutil.rmtree(root / run.id)
        page.locator('[data-move="1,0"]').click()
        page.wait_for_selector(".view .trouble:not([hidden])")
        assert "it is not (any more)" in page.locator(".view .trouble").inner_text()
        page.locator('[data-move="-1,0"]').click()
        assert painted(page, "#pad") == drawn
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_a_server_that_has_gone_is_told_and_the_drawing_stays(watched: Any, folder: Path, run: Run) -> None:
    process, address = serve(folder)
    try:
        page = watched.open(f"{address}/enter?token={TOKEN}", own=address)
        go(page, address, f"/run/{run.id}/live")
        draw(page, "1")
        drawn = painted(page, "#pad")
    finally:
        process.terminate()
        process.communicate(timeout=20)
    page.locator('[data-move="1,0"]').click()
    page.wait_for_selector(".view .trouble:not([hidden])")
    assert page.locator(".view .trouble").inner_text().startswith("The server does not answer.")
    page.locator('[data-move="-1,0"]').click()
    assert painted(page, "#pad") == drawn


def test_the_network_is_gone_through_layer_by_layer(watched: Any, page: Page, served: str, run: Run) -> None:
    go(page, served, f"/run/{run.id}/network")
    assert page.locator("h2#chosen").inner_text() == "conv1"
    press(page, "ArrowRight")
    page.wait_for_function("() => document.querySelector('h2#chosen').textContent === 'relu1'")
    page.get_by_role("link", name="conv2").first.click()
    page.wait_for_selector("[data-ready]")
    page.locator("canvas.maps").click(position={"x": 150, "y": 40})
    page.wait_for_selector("#account .step")
    told = page.locator("#account h2").nth(1).inner_text()
    assert told.startswith("conv2 = ") and "channel=1" in page.url
    page.reload()
    page.wait_for_selector("#account .step")
    assert page.locator("#account h2").nth(1).inner_text() == told
    page.go_back()
    page.wait_for_function("() => document.getElementById('account').className === 'account'")
    press(page, "/")
    assert page.evaluate("document.activeElement.type") == "search"
    assert watched.is_clean()


def test_the_atlas_is_stepped_through_and_searched(watched: Any, page: Page, served: str, run: Run) -> None:
    page.goto(f"{served}/run/{run.id}/atlas?layer=conv2")
    press(page, "ArrowRight")
    page.wait_for_selector("text=conv2, channel 0")
    press(page, "ArrowRight")
    page.wait_for_selector("text=conv2, channel 1")
    press(page, "ArrowLeft")
    page.wait_for_selector("text=conv2, channel 0")
    page.go_back()
    page.wait_for_selector("text=conv2, channel 1")
    press(page, "Escape")
    page.wait_for_selector(".closely-channel", state="detached")
    press(page, "/")
    page.keyboard.type("3")
    press(page, "Enter")
    page.wait_for_url("**q=3**")
    assert re.match(r"\d+ of 16 channels", page.locator("#all").inner_text())
    page.goto(f"{served}/run/{run.id}/atlas?layer=conv2&channel=4")
    with page.expect_navigation():
        page.locator(".strips a").first.click()
    page.wait_for_selector("#account.kept .step")
    assert "train image" in page.locator(".source").inner_text()
    assert watched.is_clean()


def test_an_atlas_is_made_before_ones_eyes(watched: Any, folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    shutil.copytree(folder, root)
    process, address = serve(root)
    try:
        page = watched.open(f"{address}/enter?token={TOKEN}", own=address)
        page.goto(f"{address}/run/{Run.open(root, 'mlp').id}/atlas")
        page.get_by_role("button", name="Make the atlas").click()
        page.wait_for_selector(".channels", timeout=60_000)
        assert watched.is_clean()
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(
    browser: Any, served: str, run: Run, folder: Path, width: int, scheme: str
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{served}/enter?token={TOKEN}")
    other = Run.open(folder, "mlp").id
    for address in (
        "live", f"live?other={other}", "network?layer=conv2", "atlas?layer=fc1", "atlas?layer=conv2&channel=3",
    ):  # fmt: skip
        page.goto(f"{served}/run/{run.id}/{address}")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
    context.close()


def test_labels_are_there_for_whoever_does_not_see(page: Page, served: str, run: Run) -> None:
    for address in ("live", "network?layer=conv2", "atlas?layer=conv2&channel=3"):
        page.goto(f"{served}/run/{run.id}/{address}")
        page.wait_for_load_state("networkidle")
        unnamed = page.evaluate(
            """() => [...document.querySelectorAll("button, a, input:not([type=hidden]), select, canvas, svg, meter")]
                .filter((one) => !one.closest("[hidden], [aria-hidden=true], .pellucid-chart")
                    && !(one.matches("svg") && one.closest("a"))
                    && !one.textContent.trim() && !one.getAttribute("aria-label") && !one.labels?.length
                    && !(one.matches("a") && one.querySelector("[aria-label]:not([aria-label=''])")))
                .map((one) => one.outerHTML.slice(0, 120))"""
        )
        assert unnamed == [], address
    assert np.all([page.locator("main").count() == 1, page.locator("h1, h2").count() > 0])

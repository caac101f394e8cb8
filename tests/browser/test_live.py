"""The pages that look inside a network, as a person uses them: drawing, pointing, going back, sharing an address."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from by_hand import DIGITS, best, draw, go, painted, settle
from PIL import Image
from serving import Served, serving

from pellucid.verbs.live import Live
from pellucid.verbs.run import Run
from pellucid.verbs.train import train

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.mark.parametrize("digit", ["0", "1", "4", "6"])
def test_a_digit_drawn_by_hand_is_recognised(watched: Any, page: Page, served: Served, run: Run, digit: str) -> None:
    go(page, served.address, f"/run/{run.id}/live")
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
    with serving(tmp_path) as app:
        page = watched.enter(app)
        go(page, app.address, f"/run/{run.id}/live")
        said = ""
        for digit in DIGITS:
            page.locator("#clear").click()
            draw(page, digit)
            said += best(page)
        assert sum(one == digit for one, digit in zip(said, DIGITS, strict=True)) >= 9, said
        assert watched.is_clean()


def test_the_answer_is_that_of_the_run(page: Page, served: Served, run: Run) -> None:
    live = Live(run)
    for index in (3, 11):
        go(page, served.address, f"/run/{run.id}/live?image=test/{index}")
        settle(page)
        pixels, label = live.image("test", index)
        probabilities = live.answer(pixels).probabilities
        assert best(page) == run.class_names[int(probabilities.argmax())]
        assert page.locator(".source").inner_text() == f"test image {index}, of class {label}"
        shares = page.locator(".predictions .percent").all_inner_texts()
        assert shares == [f"{100 * one:.1f} %" for one in probabilities]


def test_a_shared_address_restores_drawing_neuron_and_changes(
    watched: Any, page: Page, served: Served, run: Run
) -> None:
    go(page, served.address, f"/run/{run.id}/live")
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


def test_the_back_button_returns(watched: Any, page: Page, served: Served, run: Run) -> None:
    go(page, served.address, f"/run/{run.id}/live?image=test/0")
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


def test_pointing_at_a_map_tells_the_arithmetic_and_it_adds_up(page: Page, served: Served, run: Run) -> None:
    go(page, served.address, f"/run/{run.id}/live?image=test/5")
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


def test_the_keyboard_alone_suffices(watched: Any, page: Page, served: Served, run: Run) -> None:
    go(page, served.address, f"/run/{run.id}/live")
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
        "() => document.querySelector('#account .where')?.textContent === 'channel 1, row 1, column 0'"
    )
    page.keyboard.press("Escape")
    page.wait_for_selector("#account:not(.kept)")
    assert watched.is_clean()


def test_rubbing_out_and_undoing(page: Page, served: Served, run: Run) -> None:
    go(page, served.address, f"/run/{run.id}/live#c=0")
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


def test_a_picture_of_ones_own_and_what_is_none(page: Page, served: Served, run: Run, tmp_path: Path) -> None:
    go(page, served.address, f"/run/{run.id}/live")
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


def test_two_runs_answer_to_one_picture(watched: Any, page: Page, served: Served, run: Run, folder: Path) -> None:
    go(page, served.address, f"/run/{run.id}/live?image=test/2")
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


def test_the_occlusion_map_follows(watched: Any, page: Page, served: Served, run: Run) -> None:
    go(page, served.address, f"/run/{run.id}/live?image=test/1")
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
    with serving(root) as app:
        page = watched.enter(app)
        go(page, app.address, f"/run/{run.id}/live")
        draw(page, "7")
        drawn = painted(page, "#pad")
        shutil.rmtree(root / run.id)
        page.locator('[data-move="1,0"]').click()
        page.wait_for_selector(".view .trouble:not([hidden])")
        assert "it is not (any more)" in page.locator(".view .trouble").inner_text()
        page.locator('[data-move="-1,0"]').click()
        assert painted(page, "#pad") == drawn


def test_a_server_that_has_gone_is_told_and_the_drawing_stays(watched: Any, folder: Path, run: Run) -> None:
    with serving(folder) as app:
        page = watched.enter(app)
        go(page, app.address, f"/run/{run.id}/live")
        draw(page, "1")
        drawn = painted(page, "#pad")
    page.locator('[data-move="1,0"]').click()
    page.wait_for_selector(".view .trouble:not([hidden])")
    assert page.locator(".view .trouble").inner_text().startswith("The server does not answer.")
    page.locator('[data-move="-1,0"]').click()
    assert painted(page, "#pad") == drawn


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(
    browser: Any, served: Served, run: Run, folder: Path, width: int, scheme: str
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.goto(served.door)
    other = Run.open(folder, "mlp").id
    for address in (
        "live", f"live?other={other}", "network?layer=conv2", "atlas?layer=fc1", "atlas?layer=conv2&channel=3",
    ):  # fmt: skip
        page.goto(f"{served.address}/run/{run.id}/{address}")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
    context.close()


def test_labels_are_there_for_whoever_does_not_see(page: Page, served: Served, run: Run) -> None:
    for address in ("live", "network?layer=conv2", "atlas?layer=conv2&channel=3"):
        page.goto(f"{served.address}/run/{run.id}/{address}")
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

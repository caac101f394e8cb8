"""The pages of the network's layers and of its atlas, as a person goes through them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from by_hand import go, press
from serving import Served, serving

from pellucid.verbs.run import Run

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_the_network_is_gone_through_layer_by_layer(watched: Any, page: Page, served: Served, run: Run) -> None:
    go(page, served.address, f"/run/{run.id}/network")
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


def test_an_image_that_was_stepped_to_stays_from_layer_to_layer(
    watched: Any, page: Page, served: Served, run: Run
) -> None:
    go(page, served.address, f"/run/{run.id}/network?layer=conv1")
    for k in (1, 2):
        page.click("#next")
        page.wait_for_selector(f"figcaption:has-text('test image {k},')")
    page.go_back()
    page.wait_for_selector("figcaption:has-text('test image 1,')")
    press(page, "ArrowRight")
    page.wait_for_selector("h2#chosen:has-text('relu1')")
    page.wait_for_selector("figcaption:has-text('test image 1,')")
    page.get_by_role("link", name="conv2").first.click()
    page.wait_for_selector("h2#chosen:has-text('conv2')")
    page.wait_for_selector("figcaption:has-text('test image 1,')")
    press(page, "/")
    page.keyboard.type("conv")
    with page.expect_navigation():
        press(page, "Enter")
    assert "image=test%2F1" in page.url and "layer=conv2" in page.url
    assert watched.is_clean()


def test_the_atlas_is_stepped_through_and_searched(watched: Any, page: Page, served: Served, run: Run) -> None:
    page.goto(f"{served.address}/run/{run.id}/atlas?layer=conv2")
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
    page.goto(f"{served.address}/run/{run.id}/atlas?layer=conv2&channel=4")
    with page.expect_navigation():
        page.locator(".strips a").first.click()
    page.wait_for_selector("#account.kept .step")
    assert "train image" in page.locator(".source").inner_text()
    assert watched.is_clean()


def test_an_atlas_is_made_before_ones_eyes(watched: Any, folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    shutil.copytree(folder, root)
    with serving(root) as app:
        page = watched.enter(app)
        page.goto(f"{app.address}/run/{Run.open(root, 'mlp').id}/atlas")
        page.get_by_role("button", name="Make the atlas").click()
        page.wait_for_selector(".channels", timeout=60_000)
        assert watched.is_clean()

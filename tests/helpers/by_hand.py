"""What a hand does on the app's pages: going there, drawing a digit, pressing a key, reading what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

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

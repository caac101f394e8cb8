"""Waiting for what another thread, process or page does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page


def until(
    holds: Callable[[], bool], seconds: float = 120, *, pause: Callable[[], None] | None = None, words: str = ""
) -> None:
    """Returns once `holds()` is true; fails after so many seconds. pause: between two looks; words: for what."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited in vain {words}"
        pause() if pause is not None else time.sleep(0.05)


def until_true(page: Page, expression: str) -> None:
    """Waits for an expression to hold; Playwright's own way needs eval, which the pages forbid."""
    words = f"for {expression}"
    until(lambda: bool(page.evaluate(expression)), 60, pause=lambda: page.wait_for_timeout(30), words=words)

"""Waiting in a browser."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page


def until_true(page: Page, expression: str) -> None:
    """Waits for an expression to hold; Playwright's own way needs eval, which the pages forbid."""
    end = time.monotonic() + 60
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"waited in vain for {expression}"
        page.wait_for_timeout(30)

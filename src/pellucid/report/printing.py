"""A page as PDF, printed by a browser: text stays text, charts stay lines, page breaks are the style sheet's."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from pellucid.errors import StorageError, UsageError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
#: Seconds in which a page must be printed.
_LIMIT = 120


def printer() -> str:
    """The browser that prints. Raises UsageError where there is none."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), str(_MAC) if _MAC.exists() else None)
    if browser is None:
        raise UsageError(
            "format pdf: expected Chromium or Chrome, which prints the page, found none. Install one "
            "(apt install chromium), or write .html and print it from any browser."
        )
    return browser


def pdf(page: str) -> bytes:
    """The HTML page on A4. Raises UsageError without a browser, StorageError where it fails."""
    browser = printer()
    with tempfile.TemporaryDirectory(prefix="pellucid-") as name:
        folder = Path(name)
        (folder / "report.html").write_text(page, encoding="utf-8")
        words = [browser, "--headless", "--disable-gpu", "--no-first-run", f"--user-data-dir={folder / 'profile'}"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            words.append("--no-sandbox")  # it refuses to run as root with one; the page is ours
        words += [
            "--no-pdf-header-footer",
            "--virtual-time-budget=30000",  # until the charts are drawn
            f"--print-to-pdf={folder / 'report.pdf'}",
            (folder / "report.html").as_uri(),
        ]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=_LIMIT, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise StorageError(f"format pdf: expected {browser} to print the page, found: {error}.") from None
        if not (folder / "report.pdf").is_file():
            last = (done.stderr.strip().splitlines() or ["no word"])[-1]
            raise StorageError(f"format pdf: expected {browser} to print the page, found: {last[:300]}.")
        return (folder / "report.pdf").read_bytes()

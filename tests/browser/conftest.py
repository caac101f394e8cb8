"""A real browser, one small trained run, and a page that notes everything it should not do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from serving import Served, serving

from pellucid.verbs.run import Run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium: of the system, else Playwright's own. Skips without one; with PELLUCID_REQUIRE_BROWSER, fails."""
    playwright = pytest.importorskip("playwright.sync_api")
    found = next(filter(None, map(shutil.which, NAMES)), None)
    with playwright.sync_playwright() as api:
        try:
            opened = api.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except playwright.Error as error:
            told = f"no browser here: {str(error).splitlines()[0]}"
            pytest.fail(told) if os.environ.get("PELLUCID_REQUIRE_BROWSER") else pytest.skip(told)
        yield opened
        opened.close()


@dataclass
class Watched:
    """A page and what it did that it should not: complaints of its console, requests beyond the page itself."""

    page: Page
    own: str = ""
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, address: str, *, own: str | None = None) -> Page:
        """Opens an address; requests that begin with `own`, by default the address, are the page's own."""
        self.own = own or address
        self.page.goto(address)
        return self.page

    def enter(self, app: Served) -> Page:
        """The app's first page, with the token shown."""
        return self.open(app.door, own=app.address)

    def is_clean(self) -> bool:
        """Nothing was complained of and nothing foreign was asked for; else fails, telling it."""
        assert self.errors == []
        assert self.requests == []
        return True


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """A fresh page, 1280 x 900, that is watched; its `page.set_viewport_size` makes it a phone."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    found = Watched(context.new_page())

    def asked(request: Any) -> None:
        if not request.url.startswith((found.own, "data:", "blob:")):
            found.requests.append(request.url)

    def said(message: Any) -> None:
        if message.type in ("error", "warning"):
            found.errors.append(message.text)

    found.page.on("request", asked)
    found.page.on("console", said)
    found.page.on("pageerror", lambda error: found.errors.append(str(error)))
    yield found
    context.close()


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """LeNet-5 after two epochs of the digits that come with scikit-learn."""
    from pellucid.verbs.train import train

    folder: Path = tmp_path_factory.mktemp("runs")
    return train("lenet5", "digits", epochs=2, exact=True, runs=folder, pictures=False)


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LeNet-5 of digits at 28 pixels with its atlas, and a network beside it. Not to be changed."""
    from pellucid.verbs.atlas import atlas
    from pellucid.verbs.train import train

    root = tmp_path_factory.mktemp("runs")
    train("lenet5", "digits", size=28, epochs=15, precision="fp32", threads=1, pictures=False, runs=root)
    train("mlp", "digits", size=28, epochs=3, precision="fp32", threads=1, pictures=False, runs=root)
    atlas(Run.open(root, "lenet5"))
    return root


@pytest.fixture(scope="package")
def served(folder: Path) -> Iterator[Served]:
    with serving(folder) as found:
        yield found


@pytest.fixture
def run(folder: Path) -> Run:
    return Run.open(folder, "lenet5")


@pytest.fixture
def page(watched: Watched, served: Served) -> Page:
    """A page that has entered."""
    return watched.enter(served)

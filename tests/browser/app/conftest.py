"""The app over a study and a LeNet-5, in a page that has entered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from serving import Served, serving

from pellucid.verbs.runs import runs

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A study of two rates in two seeds each, and one LeNet-5."""
    from pellucid.verbs.made_study import made_study
    from pellucid.verbs.study import study
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


@pytest.fixture(scope="module")
def lenet(app: Served) -> str:
    """The id of the LeNet-5."""
    return str(next(row["id"] for row in runs(app.root) if row["network"] == "lenet5"))


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

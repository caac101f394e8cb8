"""An app over a folder of runs, asked without a browser."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from pellucid.app.application import application

with warnings.catch_warnings():  # of httpx, which is here, it says that httpx2 would be better
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

HOME = "http://127.0.0.1:8000"


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three runs: two seeds of one configuration, and another rate. Not to be changed."""
    from pellucid.verbs.train import train

    root = tmp_path_factory.mktemp("runs")
    for seed, lr in ((0, 0.001), (1, 0.001), (0, 0.01)):
        train("mlp", "digits", epochs=2, seed=seed, lr=lr, precision="fp32", threads=1, pictures=False, runs=root)
    return root


@pytest.fixture
def client(trained: Path) -> Iterator[TestClient]:
    """Asks the app over `trained`, which lets everybody in."""
    with TestClient(application(trained), base_url=HOME, headers={"origin": HOME}) as found:
        yield found

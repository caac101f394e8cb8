"""Runs for reports: one whole, one of a folder of images, one of a stranger's module, and a small study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pellucid.verbs.run import Run
from pellucid.verbs.study import Studied
from pellucid.verbs.train import train


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def run(runs: Path) -> Run:
    """LeNet-5 after two epochs of digits."""
    return train("lenet5", "digits", epochs=2, exact=True, runs=runs, pictures=False)


@pytest.fixture(scope="session")
def other(runs: Path) -> Run:
    """The same with another rate."""
    return train("lenet5", "digits", epochs=2, lr=0.01, exact=True, runs=runs, pictures=False)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small pictures, dark and bright."""
    from PIL import Image

    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for name, low in (("dark", 0), ("bright", 130)):
        (folder / name).mkdir()
        for k in range(30):
            pixels = rng.integers(low, low + 120, (10, 10, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{k}.png")
    return folder


@pytest.fixture(scope="session")
def study(runs: Path) -> Studied:
    """Two rates, two seeds."""
    from pellucid.verbs.made_study import made_study
    from pellucid.verbs.study import study as trained

    base = {"network": "mlp", "data": "digits", "epochs": 1}
    return trained(made_study("rates", base, compare={"lr": [0.001, 0.01]}, seeds=2), runs=runs, workers=1)

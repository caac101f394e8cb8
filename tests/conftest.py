"""What all tests share: a cache of their own, and one thread, so that bits and times do not depend on the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="session")
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is read from or left in the user's cache."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["XDG_CACHE_HOME"]
    else:
        os.environ["XDG_CACHE_HOME"] = before


@pytest.fixture(autouse=True)
def same_numbers_every_time() -> None:
    """Weights that a test draws without saying how are the same in every run."""
    import torch

    torch.manual_seed(0)


@pytest.fixture
def real_data() -> Path:
    """The folder with the official files of MNIST, Fashion-MNIST and CIFAR-10; skips where there is none."""
    folder = os.environ.get("PELLUCID_DATA")
    if not folder:
        pytest.skip("PELLUCID_DATA is not set: the official files are not here")
    return Path(folder)

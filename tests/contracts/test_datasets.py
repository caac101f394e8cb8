"""What every data set promises, found through the catalogue."""

from __future__ import annotations

import inspect
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pellucid import catalog
from pellucid.datasets._load import load, open_dataset
from pellucid.images import Dataset
from pellucid.spec.data import DataSpec

NAMES = catalog.names("datasets")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """PELLUCID_DATA with a small set in each official format."""
    root = tmp_path_factory.mktemp("data")
    generator = np.random.default_rng(0)
    for folder in ("mnist", "fashion-mnist"):
        (root / folder).mkdir()
        for stem, count in (("train", 6000), ("t10k", 50)):
            labels = bytes(k % 10 for k in range(count))
            images = generator.bytes(count * 16)
            (root / folder / f"{stem}-images-idx3-ubyte").write_bytes(
                struct.pack(">IIII", 0x803, count, 4, 4) + images
            )
            (root / folder / f"{stem}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, count) + labels)
    release = root / "cifar10" / "cifar-10-batches-bin"
    release.mkdir(parents=True)
    for name in (*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"):
        (release / name).write_bytes(b"".join(bytes([k % 10]) + generator.bytes(3072) for k in range(1100)))
    for kind in ("cat", "dog"):
        (root / "own" / kind).mkdir(parents=True)
        for k in range(20):
            Image.fromarray(generator.integers(0, 256, (6, 6), np.uint8)).save(root / "own" / kind / f"{k}.png")
    before = os.environ.get("PELLUCID_DATA")
    os.environ["PELLUCID_DATA"] = str(root)
    yield root
    os.environ.pop("PELLUCID_DATA")
    if before is not None:
        os.environ["PELLUCID_DATA"] = before


def _spec(name: str, home: Path) -> DataSpec:
    needs: dict[str, Any] = {"path": str(home / "own")} if name == "image_folder" else {}
    return DataSpec(name=name, **needs)


def test_the_sets_of_the_documentation_are_there() -> None:
    assert {"digits", "mnist", "fashion_mnist", "cifar10", "image_folder"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_options_are_keywords_with_defaults_and_the_summary_is_one_line(name: str) -> None:
    for parameter in inspect.signature(catalog.load("datasets", name)).parameters.values():
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert parameter.default is not parameter.empty
    assert 10 < len(catalog.summary("datasets", name)) <= 118


@pytest.mark.parametrize("name", NAMES)
def test_a_set_is_whole_and_the_same_each_time(name: str, home: Path) -> None:
    first, second = (open_dataset(_spec(name, home)) for _ in range(2))
    assert isinstance(first, Dataset)
    assert first.name == name
    assert first.train.fingerprint() == second.train.fingerprint()
    for images in (first.train, first.test, first.validation):
        if images is not None:
            assert images.pixels.dtype == np.uint8
            assert images.labels.dtype == np.int64
            assert images.class_counts().min() > 0
            assert images.class_names == first.train.class_names
            assert images.pixels.flags.writeable, "tensors refuse to share memory that cannot be written to"


@pytest.mark.parametrize("name", NAMES)
def test_splits_are_drawn_without_naming_a_size(name: str, home: Path) -> None:
    whole, splits = open_dataset(_spec(name, home)), load(_spec(name, home))
    drawn = len(splits.train) + len(splits.validation) + (len(splits.test) if whole.test is None else 0)
    assert drawn == len(whole.train)
    assert all(images.class_counts().min() > 0 for _, images in splits)
    assert splits.fingerprint() == load(_spec(name, home)).fingerprint()

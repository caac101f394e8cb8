"""Which runs' answers may be set side by side, image by image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import two_classes

from pellucid.datasets._load import load
from pellucid.errors import DataError
from pellucid.spec.data import DataSpec
from pellucid.training.run import files_of
from pellucid.verbs.answered_alike import answered_alike
from pellucid.verbs.compare import compare
from pellucid.verbs.train import train

LABELS = np.array([2, 0, 1, 1, 0, 1])


def test_labels_and_names_of_files_tell() -> None:
    one: tuple[dict[str, Any], Any] = ({"test_files": "a"}, LABELS)
    assert answered_alike([]) and answered_alike([one]) and answered_alike([one, one])
    assert not answered_alike([one, ({"test_files": "b"}, LABELS)])
    assert not answered_alike([one, ({"test_files": "a"}, LABELS[::-1])])
    assert not answered_alike([one, ({"test_files": "a"}, LABELS[:-1])])
    assert answered_alike([one, ({}, LABELS), one]), "of a version that kept no names"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return two_classes(tmp_path / "images")


def test_two_draws_of_a_folder_have_the_same_labels_and_other_images(folder: Path) -> None:
    def drawn(**changes: Any) -> Any:
        return load(DataSpec(name="image_folder", path=str(folder), size=8, test_size=10, **changes)).test

    first, other, seen = drawn(), drawn(split_seed=1), drawn(views=("negative",))
    assert np.array_equal(first.labels, other.labels) and files_of(first, "a") != files_of(other, "a")
    assert files_of(first, "a") == files_of(seen, "a") != files_of(first, "b") and not np.array_equal(
        first.pixels, seen.pixels
    )


def test_runs_on_two_draws_are_not_compared_image_by_image(folder: Path, tmp_path: Path) -> None:
    def trained(seed: int, split: int) -> Any:
        return train(
            "mlp", str(folder), size=8, test_size=10, split_seed=split, seed=seed, epochs=1, runs=tmp_path / "runs"
        )

    first, same, other = trained(0, 0), trained(1, 0), trained(0, 1)
    assert compare(first, same).images == 10
    with pytest.raises(DataError, match=r"expected the same test images.*Compare runs of one data set and split"):
        compare(first, other)

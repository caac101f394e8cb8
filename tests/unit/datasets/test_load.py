"""From a spec to splits: options, groups, subset and views in their order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.datasets._load import load, open_dataset
from pellucid.errors import UsageError
from pellucid.images import Scaling
from pellucid.spec.data import DataSpec


@pytest.fixture
def films(tmp_path: Path, own_cache: Path) -> str:
    """Two classes, ten films each, four frames a film: ``film03_1.png``."""
    for label, kind in enumerate(("cat", "dog")):
        (tmp_path / "films" / kind).mkdir(parents=True)
        for film in range(10):
            for frame in range(4):
                pixels = np.full((4, 4), 100 * label + 4 * film + frame, np.uint8)
                Image.fromarray(pixels).save(tmp_path / "films" / kind / f"{kind}{film:02}_{frame}.png")
    return str(tmp_path / "films")


def test_a_spec_gives_the_same_splits_each_time() -> None:
    spec = DataSpec(name="digits", views=("negative", "standardise"), subset=500, split_seed=3)
    assert load(spec).fingerprint() == load(spec).fingerprint()
    assert load(spec).fingerprint() != load(DataSpec(name="digits", subset=500, split_seed=4)).fingerprint()


def test_sizes_of_the_spec_come_before_those_of_the_set() -> None:
    splits = load(DataSpec(name="digits", validation_size=100, test_size=50, subset=200))
    assert [len(images) for _, images in splits] == [200, 100, 50]
    assert splits.train.class_counts().tolist() == [20] * 10


def test_views_are_applied_in_order() -> None:
    splits = load(DataSpec(name="digits", views=("resize=16", "centre-crop=10", "union=none+negative")))
    assert splits.shape == (10, 10, 1)
    assert len(splits.train) == 2 * 1197
    assert splits.scaling == Scaling.unit(1)


def test_statistics_are_those_of_the_subset_that_is_trained_on() -> None:
    splits = load(DataSpec(name="digits", subset=50, views=("standardise",)))
    seen = splits.scaling.apply(splits.train.pixels).astype(np.float64)
    assert abs(seen.mean()) < 1e-6
    assert abs(seen.std() - 1) < 1e-6


def test_the_size_of_a_set_that_has_sizes_is_an_option() -> None:
    assert open_dataset(DataSpec(name="digits", size=20)).train.shape == (20, 20, 1)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"name": "mnist", "size": 32},
            "data set mnist, option size: expected none of these, found size=32. Use the ",
        ),
        ({"name": "digits", "channels": 3}, "data set digits, option channels: expected size, found channels=3"),
        ({"name": "cifar10", "path": "x"}, "data set cifar10, option path: expected none of these, found path='x'"),
        ({"name": "digits", "unreadable": "skip"}, "option unreadable: expected size, found unreadable='skip'"),
        ({"name": "image_folder"}, "image_folder, path: expected a folder of images, found none"),
        ({"name": "mnits"}, "unknown data set 'mnits'. Did you mean mnist"),
        ({"name": "digits", "views": ("greyscale",)}, "unknown view 'greyscale'. Did you mean grayscale"),
        ({"name": "digits", "group": "x"}, "group: expected a data set of files, found digits"),
    ],
)
def test_what_a_set_does_not_have_is_refused(options: dict[str, object], text: str) -> None:
    with pytest.raises(UsageError, match=text.replace(".", r"\.")):
        load(DataSpec(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize("pattern", [r"[a-z]{3}\d+_", r"(cat|dog)(\d+)_", r"(\w+)_\d\.png"])
def test_files_of_one_group_stay_in_one_split(films: str, pattern: str) -> None:
    splits = load(DataSpec(name="image_folder", path=films, group=pattern, validation_size=16, test_size=16))
    seen = [{source.split("/")[1][:5] for source in images.sources} for _, images in splits]
    assert [len(images) for _, images in splits] == [48, 16, 16]
    assert [len(names) for names in seen] == [12, 4, 4]
    assert len(seen[0] | seen[1] | seen[2]) == 20


def test_a_file_without_a_match_is_a_group_of_its_own(films: str) -> None:
    splits = load(DataSpec(name="image_folder", path=films, group=r"cat\d+", validation_size=16, test_size=16))
    dogs = [group for _, images in splits for group in images.groups if group.startswith("dog/")]
    assert len(dogs) == len(set(dogs)) == 40


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(", "group: expected a regular expression, found '\\('"),
        ("bird", "found no match among 80; the first is 'cat/"),
    ],
)
def test_a_pattern_that_does_not_fit_is_refused(films: str, pattern: str, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        load(DataSpec(name="image_folder", path=films, group=pattern))

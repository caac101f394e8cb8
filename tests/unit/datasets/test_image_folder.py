"""A folder of images as a data set: sizes, channels, what cannot be read, and the cache."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.datasets._decode import decoded
from pellucid.datasets._load import load
from pellucid.datasets.image_folder import image_folder
from pellucid.errors import DataError, UsageError
from pellucid.spec.data import DataSpec
from pellucid.views._luma import luma


@pytest.fixture
def root(tmp_path: Path, own_cache: Path) -> Path:
    """Two classes of six gray images of 6x5 pixels."""
    for k, kind in enumerate(("cat", "dog")):
        (tmp_path / "root" / kind).mkdir(parents=True)
        for i in range(6):
            _save(tmp_path / "root" / kind / f"{i}.png", 40 * i + k)
    return tmp_path / "root"


def _save(path: Path, value: int, *, mode: str = "L", size: tuple[int, int] = (5, 6)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).convert(mode).save(path)


def test_images_labels_names_and_sources_are_those_of_the_folder(root: Path) -> None:
    read = image_folder(path=str(root))
    assert read.train.pixels.shape == (12, 6, 5, 1)
    assert read.train.pixels[:, 0, 0, 0].tolist() == [*range(0, 240, 40), *range(1, 241, 40)]
    assert read.train.labels.tolist() == [0] * 6 + [1] * 6
    assert read.train.class_names == ("cat", "dog")
    assert read.train.sources[7] == "dog/1.png"
    assert (read.test, read.validation, read.skipped, read.ignored) == (None, None, (), 0)


def test_parts_become_the_splits(root: Path, tmp_path: Path) -> None:
    parted = tmp_path / "parted"
    for part in ("train", "val", "test"):
        for kind in ("a", "b"):
            for i in range(3):
                _save(parted / part / kind / f"{i}.png", len(part))
    splits = load(DataSpec(name="image_folder", path=str(parted)))
    assert [len(images) for _, images in splits] == [6, 6, 6]
    assert [int(images.pixels[0, 0, 0, 0]) for _, images in splits] == [5, 3, 4]
    assert splits.validation.sources[0] == "val/a/0.png"


def test_several_sizes_are_refused_with_their_numbers_unless_one_is_chosen(root: Path) -> None:
    _save(root / "cat" / "large.png", 9, size=(20, 10))
    with pytest.raises(DataError) as caught:
        image_folder(path=str(root))
    assert "found 2 sizes, width x height: 5x6 (12), 20x10 (1)" in str(caught.value)
    assert "--size 64" in str(caught.value)
    assert image_folder(path=str(root), size=8).train.shape == (8, 8, 1)


def test_channels_are_three_if_any_part_has_colour_and_one_otherwise(root: Path) -> None:
    assert image_folder(path=str(root)).train.shape[2] == 1
    assert image_folder(path=str(root), channels=3).train.shape[2] == 3
    Image.new("RGB", (5, 6), (200, 100, 50)).save(root / "dog" / "red.png")
    read = image_folder(path=str(root)).train
    assert read.shape[2] == 3
    assert read.pixels[-1, 0, 0].tolist() == [200, 100, 50]
    assert read.pixels[1, 0, 0].tolist() == [40, 40, 40]
    gray = image_folder(path=str(root), channels=1).train
    assert gray.pixels[-1, 0, 0, 0] == luma(np.array([[[[200, 100, 50]]]], np.uint8)).item()


@pytest.mark.parametrize("coloured", ["train", "test"])
def test_colour_in_one_part_makes_all_parts_three_channels(tmp_path: Path, own_cache: Path, coloured: str) -> None:
    for part in ("train", "test"):
        for kind in ("a", "b"):
            _save(tmp_path / "p" / part / kind / "0.png", 7, mode="RGB" if part == coloured else "L")
    read = image_folder(path=str(tmp_path / "p"))
    assert read.test is not None
    assert (read.train.shape, read.test.shape) == ((6, 5, 3), (6, 5, 3))


def _harm(root: Path) -> list[str]:
    """Seven files that cannot be read, in the order in which they are listed."""
    whole = (root / "cat" / "5.png").read_bytes()
    harmed = {
        "cat/empty.png": b"",
        "cat/text.jpg": b"not an image",
        "cat/ü cut.png": whole[:45],
        "dog/zz1.png": b"",
        "dog/zz2.png": b"",
        "dog/zz3.png": b"",
    }
    for name, data in harmed.items():
        (root / name).write_bytes(data)
    (root / "dog" / "zz4.png").symlink_to(root / "nothing")
    return [*harmed, "dog/zz4.png"]


def test_unreadable_files_are_refused_with_their_number_and_the_first_of_them(root: Path) -> None:
    _harm(root)
    with pytest.raises(DataError) as caught:
        image_folder(path=str(root))
    text = str(caught.value)
    assert (
        "expected 19 images that can be read, found 7 that cannot (cat/empty.png: empty file; cat/text.jpg: " in text
    )
    assert "dog/zz2.png: empty file; and 2 more)" in text
    assert "--unreadable skip" in text
    assert "\n" not in text


def test_unreadable_files_are_skipped_by_choice_and_the_counts_add_up(root: Path) -> None:
    names = _harm(root)
    (root / "dog" / "notes.txt").write_text("x")
    for _ in range(2):  # read, then from the cache
        read = image_folder(path=str(root), unreadable="skip")
        assert len(read.train) == 12
        assert [line.split(": ")[0] for line in read.skipped] == names
        assert len(read.train) + len(read.skipped) == 19
        assert read.ignored == 1
        assert read.train.pixels[:, 0, 0, 0].tolist() == [*range(0, 240, 40), *range(1, 241, 40)]
        assert read.train.sources[6] == "dog/0.png"


def test_one_corrupt_file_among_many_is_named(root: Path) -> None:
    for i in range(300):
        _save(root / "cat" / f"more{i}.png", i % 256)
    whole = (root / "cat" / "more7.png").read_bytes()
    (root / "cat" / "more7.png").write_bytes(whole[:45])
    with pytest.raises(DataError, match=r"found 1 that cannot \(cat/more7\.png: "):
        image_folder(path=str(root))


def test_a_class_without_images_is_refused(root: Path) -> None:
    (root / "empty").mkdir()
    with pytest.raises(DataError, match="train: expected images in each class folder, found none in 'empty'"):
        image_folder(path=str(root))


def test_a_class_whose_images_are_all_skipped_is_refused(root: Path) -> None:
    for path in (root / "cat").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match="found none in 'cat'"):
        image_folder(path=str(root), unreadable="skip")


def test_one_class_only_is_refused(root: Path) -> None:
    for path in (root / "dog").iterdir():
        path.unlink()
    (root / "dog").rmdir()
    with pytest.raises(DataError, match="found the one class 'cat'"):
        image_folder(path=str(root))


def test_images_too_large_to_keep_are_refused_without_a_size(root: Path) -> None:
    for path in root.glob("*/*.png"):
        _save(path, 1, size=(1500, 4))
    with pytest.raises(DataError, match="at most 1024 pixels a side, found 1500x4"):
        image_folder(path=str(root))
    assert image_folder(path=str(root), size=4).train.shape == (4, 4, 1)


@pytest.mark.parametrize("size", [0, 1025])
def test_a_size_outside_the_range_is_refused(root: Path, size: int) -> None:
    with pytest.raises(UsageError, match=f"expected 1 to 1024 pixels a side, found {size}"):
        image_folder(path=str(root), size=size)


def test_the_second_opening_decodes_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = image_folder(path=str(root), size=8)
    count = _counted(monkeypatch)
    second = image_folder(path=str(root), size=8)
    assert count == []
    assert first.train.fingerprint() == second.train.fingerprint()
    assert first.train.sources == second.train.sources


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    seen: list[Path] = []

    def counting(path: Path, height: int, width: int) -> object:
        seen.append(path)
        return decoded(path, height, width)

    monkeypatch.setitem(image_folder.__globals__, "decoded", counting)
    return seen


@pytest.mark.parametrize(
    "change", ["content", "time", "added", "removed", "renamed", "size", "channels", "unreadable"]
)
def test_any_change_is_read_anew(root: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    options: dict[str, object] = {}
    image_folder(path=str(root))
    path = root / "cat" / "3.png"
    if change == "content":
        _save(path, 222)
    elif change == "time":
        os.utime(path, ns=(1, 1))
    elif change == "added":
        _save(root / "cat" / "new.png", 1)
    elif change == "removed":
        path.unlink()
    elif change == "renamed":
        path.rename(root / "cat" / "other.png")
    else:
        options = {"size": {"size": 9}, "channels": {"channels": 3}, "unreadable": {"unreadable": "skip"}}[change]
    seen = _counted(monkeypatch)
    read = image_folder(path=str(root), **options)  # type: ignore[arg-type]
    assert len(seen) == len(read.train)
    if change == "content":
        assert read.train.pixels[3, 0, 0, 0] == 222


def test_threads_leave_the_order_as_it_is(root: Path) -> None:
    for i in range(200):
        _save(root / "cat" / f"many{i:03}.png", i, size=(5, 6))
    read = image_folder(path=str(root), channels=1).train
    values = [int(read.pixels[k, 0, 0, 0]) for k, name in enumerate(read.sources) if "many" in name]
    assert values == list(range(200))


def test_validation_and_test_have_sizes_of_their_own_where_there_are_none(root: Path) -> None:
    splits = load(DataSpec(name="image_folder", path=str(root)))
    assert [len(images) for _, images in splits] == [8, 2, 2]
    assert re.fullmatch(r"[0-9a-f]{64}", splits.fingerprint())


def test_an_unreadable_choice_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="unreadable: expected refuse or skip, found 'drop'"):
        DataSpec(name="image_folder", unreadable="drop")

"""Layouts of folders: parts, classes, what is left alone, links in circles."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from pellucid.datasets._listing import listing
from pellucid.errors import DataError


def _touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def test_classes_are_the_sorted_folders_and_files_are_sorted(tmp_path: Path) -> None:
    found = listing(_touch(tmp_path, "dog/b.png", "dog/a.JPG", "cat/z.webp", "cat/inner/y.tiff"))
    assert found.class_names == ("cat", "dog")
    assert found.parts == {
        "train": [("cat/inner/y.tiff", 0), ("cat/z.webp", 0), ("dog/a.JPG", 1), ("dog/b.png", 1)],
    }
    assert found.ignored == 0


def test_parts_are_found_by_name(tmp_path: Path) -> None:
    found = listing(_touch(tmp_path, *(f"{part}/{kind}/1.png" for part in ("train", "val", "test") for kind in "ab")))
    assert set(found.parts) == {"train", "validation", "test"}
    assert found.parts["validation"] == [("val/a/1.png", 0), ("val/b/1.png", 1)]


def test_hidden_files_and_other_endings_are_left_alone_and_counted(tmp_path: Path) -> None:
    root = _touch(
        tmp_path,
        *(
            "a/1.png",
            "b/1.png",
            "a/.hidden.png",
            "a/notes.txt",
            "a/Thumbs.db",
            "b/noending",
            "loose.png",
            "readme.md",
        ),
        *(".git/1.png", "__MACOSX/a/1.png", "a/.cache/2.png"),
    )
    found = listing(root)
    assert [name for name, _ in found.parts["train"]] == ["a/1.png", "b/1.png"]
    assert found.ignored == 6


def test_names_in_any_script_are_kept(tmp_path: Path) -> None:
    found = listing(_touch(tmp_path, "猫/ねこ 1.png", "собака/ä#%.png"))
    assert found.class_names == ("собака", "猫")


def test_links_in_circles_end(tmp_path: Path) -> None:
    root = _touch(tmp_path / "root", "a/1.png", "b/1.png")
    (root / "a" / "self").symlink_to(root / "a")
    (root / "a" / "up").symlink_to(root)
    (root / "b" / "loop.png").symlink_to(root / "b" / "loop.png")
    (root / "ring").symlink_to(root / "ring")
    names = [name for name, _ in listing(root).parts["train"]]
    assert names.count("a/1.png") == 1
    assert "b/loop.png" in names, "a link that leads nowhere is an unreadable image, not one that is passed over"


def test_a_linked_folder_is_a_class_like_any_other(tmp_path: Path) -> None:
    elsewhere = _touch(tmp_path / "elsewhere", "1.png", "2.png")
    root = _touch(tmp_path / "root", "a/1.png")
    (root / "b").symlink_to(elsewhere)
    assert [name for name, _ in listing(root).parts["train"]] == ["a/1.png", "b/1.png", "b/2.png"]


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["only/1.png"], "expected a folder for each of at least 2 classes, found the one class 'only'"),
        (["1.png"], "expected a folder for each of at least 2 classes, found no folders"),
        (
            ["train/a/1.png", "train/b/1.png", "extra/1.png"],
            "expected only validation (or val) and test beside train",
        ),
        (["train/a/1.png", "train/b/1.png", "val/a/1.png", "validation/a/1.png"], "found both. Merge them into one."),
        (
            ["train/a/1.png", "train/b/1.png", "test/a/1.png", "test/c/1.png"],
            "test: expected the classes of {root}/train, found it without 'b' and with 'c'. Give both the same class",
        ),
    ],
)
def test_another_layout_is_refused(tmp_path: Path, names: list[str], text: str) -> None:
    root = _touch(tmp_path, *names)
    with pytest.raises(DataError, match=re.escape(text.replace("{root}", str(root)))):
        listing(root)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found no such folder"):
        listing(tmp_path / "nothing")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may read everything")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    root = _touch(tmp_path, "a/1.png", "b/1.png")
    (root / "a").chmod(0)
    try:
        with pytest.raises(DataError, match="found no permission"):
            listing(root)
    finally:
        (root / "a").chmod(0o700)

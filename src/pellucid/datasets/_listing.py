"""What a folder of images holds: parts, classes and files, found without opening any file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pellucid.datasets._decode import ENDINGS
from pellucid.errors import DataError

#: Folder names of parts, as the split that each one is.
_PARTS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}


@dataclass(frozen=True)
class Listing:
    """parts: for each of train, validation, test that is there, its files sorted, each with its class.

    class_names: sorted names of the class folders. ignored: number of files that are hidden, have no image's
    ending or lie outside of all class folders.
    """

    root: Path
    class_names: tuple[str, ...]
    parts: dict[str, list[tuple[str, int]]]
    ignored: int

    def stamps(self) -> list[tuple[str, int, int]]:
        """For each file its name under the root, size in bytes and time of change in nanoseconds; 0 where unknown."""
        found = []
        for files in self.parts.values():
            for name, _ in files:
                try:
                    status = (self.root / name).stat()
                    found.append((name, status.st_size, status.st_mtime_ns))
                except OSError:
                    found.append((name, 0, 0))
        return found


def listing(root: Path) -> Listing:
    """Reads the folders under `root`: one a class, or train/ (and test/, validation/) with one a class in each.

    Hidden files and folders and files without an image's ending are left alone. Folders inside a class belong to it;
    links are followed, but never in a circle. Raises DataError where the layout is another one.
    """
    if not root.is_dir():
        raise DataError(
            f"{root}: expected a folder of images, one folder a class, found no such folder. Check the path."
        )
    try:
        folders, loose = _children(root)
        names = {folder.name for folder in folders}
        if "train" not in names:
            return _classes(root, {"train": root}, loose)
        return _classes(root, _parts(root, names), loose)
    except PermissionError as error:
        raise DataError(
            f"{error.filename}: expected a folder that can be read, found no permission. "
            "Change its permissions or take it out."
        ) from None


def _parts(root: Path, names: set[str]) -> dict[str, Path]:
    others = sorted(names - set(_PARTS))
    if others:
        raise DataError(
            f"{root}: expected only validation (or val) and test beside train, found also {', '.join(others)}. "
            "Move them out, or into the part that they belong to."
        )
    if {"validation", "val"} <= names:
        raise DataError(f"{root}: expected validation or val, found both. Merge them into one.")
    return {_PARTS[name]: root / name for name in _PARTS if name in names}


def _classes(root: Path, folders: dict[str, Path], ignored: int) -> Listing:
    class_names: tuple[str, ...] = ()
    parts = {}
    for part, folder in folders.items():
        children, loose = _children(folder)
        ignored += loose if folder != root else 0
        names = tuple(sorted(child.name for child in children))
        if part == "train":
            class_names = names
        elif names != class_names:
            lacks, extra = set(class_names) - set(names), set(names) - set(class_names)
            differences = [f"without {_quoted(lacks)}"] * bool(lacks) + [f"with {_quoted(extra)}"] * bool(extra)
            raise DataError(
                f"{folder}: expected the classes of {folders['train']}, found it {' and '.join(differences)}. "
                "Give both the same class folders."
            )
        files: list[tuple[str, int]] = []
        for label, name in enumerate(names):
            found = []
            for path in _walk(folder / name, set()):
                if path is None:
                    ignored += 1
                else:
                    found.append((path.relative_to(root).as_posix(), label))
            files += sorted(found)
        parts[part] = files
    if len(class_names) < 2:
        found_classes = f"the one class {class_names[0]!r}" if class_names else "no folders"
        raise DataError(
            f"{folders['train']}: expected a folder for each of at least 2 classes, found {found_classes}. "
            "Put the images of each class into a folder with its name."
        )
    return Listing(root, class_names, parts, ignored)


def _quoted(names: set[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _children(folder: Path) -> tuple[list[Path], int]:
    """Folders that are not hidden, and the number of files beside them."""
    with os.scandir(folder) as entries:
        listed = list(entries)
    folders = [Path(entry.path) for entry in listed if _is_folder(entry) and not _hidden(entry.name)]
    return folders, sum(not _is_folder(entry) for entry in listed)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere or to itself
        return False


def _walk(folder: Path, above: set[tuple[int, int]]) -> Iterator[Path | None]:
    """Files with an image's ending in a folder and those inside it; None for each file without one."""
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    with os.scandir(folder) as entries:
        listed = list(entries)
    for entry in listed:
        path = Path(entry.path)
        if _is_folder(entry):
            if not _hidden(entry.name):
                yield from _walk(path, above | {here})
        elif _hidden(entry.name) or path.suffix.lower() not in ENDINGS:
            yield None
        else:
            yield path

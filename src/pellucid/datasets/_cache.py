"""Arrays that took time to read, kept in the user's cache folder and opened memory-mapped.

An entry is a folder that never changes once it is in place: ``arrays/NAME-WHERE/CONTENT/`` with one ``.npy`` for
each array and ``meta.json``. WHERE says from which folder and with which options, CONTENT what was there. A damaged
entry is made again and an unwritable cache is done without; neither is worth stopping for.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
#: Raise when the meaning of entries changes.
_VERSION = 1


def folder() -> Path:
    """The user's cache folder of pellucid, whether it exists or not."""
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("pellucid", appauthor=False))


def stamp(path: Path) -> tuple[str, int, int]:
    """What tells that a file is as it was: its path, size in bytes and time of change in nanoseconds."""
    status = path.stat()
    return str(path.absolute()), status.st_size, status.st_mtime_ns


def cached(
    name: str, *, where: Iterable[Any], content: Iterable[Any], read: Callable[[], tuple[Arrays, dict[str, Any]]]
) -> tuple[Arrays, dict[str, Any]]:
    """The arrays and notes of `read`, from the cache if they are there.

    where: what names the entry (folder, options). content: what must be as it was (stamps of the files). Arrays from
    the cache are memory-mapped, copy on write; notes are plain data that JSON keeps.
    """
    home = folder() / "arrays" / f"{name}-{_digest([_VERSION, *where])}"
    entry = home / _digest(content)
    found = _opened(entry)
    if found is not None:
        return found
    arrays, notes = read()
    try:
        _store(entry, arrays, notes)
    except OSError:
        return arrays, notes
    for old in home.iterdir():
        if old != entry:
            shutil.rmtree(old, ignore_errors=True)
    return arrays, notes


def _digest(parts: Iterable[Any]) -> str:
    """Sixteen hexadecimal digits of the SHA-256 of plain data."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(json.dumps(part).encode() + b"\n")
    return digest.hexdigest()[:16]


def _opened(entry: Path) -> tuple[Arrays, dict[str, Any]] | None:
    """An entry, or None if it is missing or damaged."""
    try:
        meta = json.loads((entry / "meta.json").read_text(encoding="ascii"))
        arrays: Arrays = {}
        for name, kept in meta["arrays"].items():
            path = entry / f"{name}.npy"
            status = path.stat()
            if [status.st_size, status.st_mtime_ns] != kept["stamp"] and _checksum(path) != kept["sha256"]:
                return None
            arrays[name] = np.load(path, mmap_mode="c" if kept["mapped"] else None, allow_pickle=False)
        return arrays, meta["notes"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _store(entry: Path, arrays: Arrays, notes: dict[str, Any]) -> None:
    """Puts a whole entry in place at once."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=entry.parent))
    try:
        kept = {}
        for name, array in arrays.items():
            path = draft / f"{name}.npy"
            with path.open("wb") as file:
                np.save(file, array, allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
            status = path.stat()
            # Small arrays are read whole: labels are indexed so often that a mapping would cost more than it saves.
            kept[name] = {
                "stamp": [status.st_size, status.st_mtime_ns],
                "sha256": _checksum(path),
                "mapped": array.nbytes > 1 << 20,
            }
        meta = json.dumps({"arrays": kept, "notes": notes})
        (draft / "meta.json").write_text(meta, encoding="ascii")
        shutil.rmtree(entry, ignore_errors=True)
        draft.replace(entry)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

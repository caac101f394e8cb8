"""Images that several processes see without a copy each: read once, written to a file, mapped by all of them.

The operating system keeps one copy of a mapped file in memory, however many processes look at it. Pages are copied on
write, so that arrays are as any others.
"""

from __future__ import annotations

import pickle
import shutil
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from pellucid.datasets._load import load
from pellucid.errors import PellucidError
from pellucid.images import Images, Splits
from pellucid.spec.data import DataSpec

#: Data specs whose images are kept at once; a study that varies its data has many.
KEPT = 3
_NAME, _ARRAYS, _REST, _LOCK, _OURS = "pellucid-images-", "arrays", "rest.pickle", "lock", "made-by-pellucid"


class SharedImages:
    """Files of splits in a temporary folder.

    It goes with `close`; where the process was killed before, the next one takes it away.
    """

    def __init__(self) -> None:
        self._home: Path | None = None
        self._lock: FileLock | None = None
        self._kept: dict[DataSpec, Path] = {}
        self._left: set[DataSpec] = set()  # that could not be read or written

    def __contains__(self, spec: DataSpec) -> bool:
        return spec in self._kept

    def folder(self, spec: DataSpec) -> Path | None:
        """Where `opened` finds the splits of `spec`, written at the first question.

        None where they cannot be read or written: whoever needs them reads them anew, or says why not.
        """
        if spec in self._left:
            return None
        if spec in self._kept:
            self._kept[spec] = self._kept.pop(spec)  # the last one to be let go
            return self._kept[spec]
        folder = None
        try:
            folder = Path(tempfile.mkdtemp(dir=self._opened()))
            _write(load(spec), folder)
        except (PellucidError, OSError, MemoryError):
            self._left.add(spec)
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            return None
        while len(self._kept) >= KEPT:
            shutil.rmtree(self._kept.pop(next(iter(self._kept))), ignore_errors=True)
        self._kept[spec] = folder
        return folder

    def _opened(self) -> Path:
        if self._home is None:
            _sweep()
            home = Path(tempfile.mkdtemp(prefix=_NAME))
            lock = FileLock(home / _LOCK)
            lock.acquire()
            (home / _OURS).touch()  # from here on others may sweep it, once nobody holds the lock
            self._home, self._lock = home, lock
        return self._home

    def close(self) -> None:
        """Takes the files away; processes that have mapped them keep what they see."""
        if self._lock is not None:
            self._lock.release()
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
        self._home, self._lock, self._kept, self._left = None, None, {}, set()


def opened(folder: Path) -> Splits:
    """The splits that were written there, their arrays mapped. Raises OSError or ValueError where they are gone."""
    sizes, rest = pickle.loads((folder / _REST).read_bytes())
    places = np.cumsum([0, *map(_whole_pages, sizes)])
    arrays = [
        np.memmap(folder / _ARRAYS, np.uint8, mode="c", offset=int(place), shape=(size,))
        if size
        else np.empty(0, "u1")
        for place, size in zip(places, sizes, strict=False)
    ]
    splits: Splits = pickle.loads(rest, buffers=arrays)
    return splits


def _write(splits: Splits, folder: Path) -> None:
    """The arrays one after the other in a file, each from a page's border on, and all the rest in another."""
    buffers: list[pickle.PickleBuffer] = []
    train, validation, test = (_plain(images) for _, images in splits)
    plain = Splits(train, validation, test, splits.scaling)
    rest = pickle.dumps(plain, protocol=5, buffer_callback=buffers.append)
    views = [buffer.raw() for buffer in buffers]
    with (folder / _ARRAYS).open("wb") as file:
        for view in views:
            file.write(view)
            file.write(bytes(_whole_pages(view.nbytes) - view.nbytes))
    (folder / _REST).write_bytes(pickle.dumps(([view.nbytes for view in views], rest)))


def _plain(images: Images) -> Images:
    """With arrays of NumPy's own class, which alone are pickled beside the rest: mapped ones are of another."""
    return replace(images, pixels=np.ascontiguousarray(images.pixels), labels=np.ascontiguousarray(images.labels))


def _whole_pages(size: int) -> int:
    return -(-size // 4096) * 4096


def _sweep() -> None:
    """Takes away what processes that were killed have left."""
    for ours in Path(tempfile.gettempdir()).glob(f"{_NAME}*/{_OURS}"):
        with suppress(OSError, Timeout):
            with FileLock(ours.parent / _LOCK, timeout=0):
                ours.unlink()
            shutil.rmtree(ours.parent, ignore_errors=True)

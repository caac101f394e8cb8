"""Writes that are whole or not there: a temporary file beside the old one, fsync, rename, fsync of the folder.

Without the last, a rename can be undone by a power cut. Every step goes through `operations`, so that a test can fail
or die before or after each one.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pellucid.errors import StorageError

#: Names of temporary files and folders begin with this; `sweep` removes what a killed process left.
TEMPORARY = ".tmp-"
#: Seconds after which nobody is at a temporary file or folder any more.
ABANDONED = 86_400.0


class Operations:
    """The system calls of every write, one method each."""

    def open(self, path: Path, flags: int) -> int:
        return os.open(path, flags, 0o666)

    def write(self, descriptor: int, data: memoryview) -> int:
        return os.write(descriptor, data)

    def fsync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        source.replace(target)

    def mkdir(self, path: Path) -> None:
        path.mkdir()

    def unlink(self, path: Path) -> None:
        path.unlink()


operations = Operations()


def write(path: Path, data: bytes) -> None:
    """Makes `data` the whole content of `path`, durably: a reader sees the old content or the new.

    Raises StorageError, with the temporary file removed, when the file cannot be written.
    """
    temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
    with translated(path, len(data)):
        try:
            _fill(temporary, data, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            operations.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                operations.unlink(temporary)
            raise
        sync_folder(path.parent)


def append(path: Path, data: bytes) -> None:
    """Adds `data` to the end of `path`, durably; a process killed meanwhile may leave a part of it."""
    new = not path.exists()
    with translated(path, len(data)):
        _fill(path, data, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        if new:
            sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in `folder` durable."""
    descriptor = operations.open(folder, os.O_RDONLY)
    try:
        operations.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """A new folder, durably; StorageError if it is there already or cannot be made."""
    with translated(path, 0):
        operations.mkdir(path)
        sync_folder(path.parent)


def sweep(folder: Path) -> None:
    """Removes the temporary files that a killed process left in `folder`."""
    for path in folder.glob(f"{TEMPORARY}*"):
        with suppress(OSError):
            operations.unlink(path)


def sweep_abandoned(folder: Path, below: str = "") -> None:
    """Removes temporary files and folders of `folder` that a killed process has left a day ago or longer.

    below: a pattern of folders to look in, such as ``**/`` for all.
    """
    for path in list(folder.glob(f"{below}{TEMPORARY}*")):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime <= ABANDONED:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def _fill(path: Path, data: bytes, flags: int) -> None:
    descriptor = operations.open(path, flags)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[operations.write(descriptor, rest) :]
        operations.fsync(descriptor)
    finally:
        os.close(descriptor)


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP)


@contextmanager
def translated(path: Path, size: int) -> Iterator[None]:
    """Turns an OSError about `path` into a StorageError that says what to do; `size`: bytes to be written."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _FULL:
            advice = (
                f"expected room for {size:,} bytes, found none ({reason}). Free some space, then repeat the command: "
                "it goes on from the last checkpoint."
            )
        elif error.errno in _FORBIDDEN:
            advice = (
                f"expected to be allowed to write here, found that I am not ({reason}). Change the permissions, or "
                "keep runs elsewhere with --runs DIR or PELLUCID_RUNS."
            )
        elif error.errno in _WITHOUT_LOCKS:
            advice = (
                f"expected a file system with locks, found none ({reason}). Keep runs elsewhere with --runs DIR or "
                "PELLUCID_RUNS."
            )
        elif error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            advice = "expected a new name, found one that is taken. Open it, or delete it first."
        elif error.errno in (errno.ENOTDIR, errno.ENOENT):
            advice = f"expected a folder to write in, found none ({reason}). Check the path or give another one."
        else:
            advice = f"it cannot be written or read ({reason}). Check the disk, then repeat the command."
        raise StorageError(f"{path}: {advice}") from error

"""The binary release of CIFAR-10: records of 3,073 bytes, a label and then a red, a green and a blue plane of 32x32.

Read from the folder of the release or from its archive, of which named members are read into memory and nothing is
ever extracted. Source: krizhevsky2009 (docs/bibliography.bib).
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import DataError

RECORD_BYTES = 1 + 3 * 32 * 32
#: A file of the release has 30.7 million bytes, the unpacked archive 184 million.
LARGEST_FILE_BYTES = 64 << 20
LARGEST_ARCHIVE_BYTES = 256 << 20


def records(data: bytes, *, where: str, classes: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pixels (uint8, N 32 32 3) and labels (int64, N) of one file's bytes. Raises DataError with the offset."""
    if not data or len(data) % RECORD_BYTES:
        whole = len(data) // RECORD_BYTES
        raise DataError(
            f"{where}, offset {whole * RECORD_BYTES:,}: expected records of {RECORD_BYTES:,} bytes, found "
            f"{len(data) % RECORD_BYTES:,} bytes after {whole:,} of them. Download or copy the file again."
        )
    table = np.frombuffer(data, np.uint8).reshape(-1, RECORD_BYTES)
    labels = table[:, 0].astype(np.int64)
    wrong = np.flatnonzero(labels >= classes)
    if wrong.size:
        first = int(wrong[0])
        raise DataError(
            f"{where}, offset {first * RECORD_BYTES:,}: expected a label from 0 to {classes - 1}, found "
            f"{labels[first]} in record {first}. Check that the file is one of CIFAR-10's binary release."
        )
    planes = table[:, 1:].reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels


def from_folder(folder: Path, names: Sequence[str]) -> dict[str, bytes]:
    """The bytes of the named files. Raises DataError for one that is missing or too large."""
    found = {}
    for name in names:
        path = folder / name
        try:
            if path.stat().st_size > LARGEST_FILE_BYTES:
                raise DataError(_too_large(str(path), path.stat().st_size))
            found[name] = path.read_bytes()
        except OSError as error:
            raise DataError(
                f"{path}: expected a file of CIFAR-10's binary release, it cannot be read ({error.strerror}). "
                f"Put {', '.join(names)} into that folder."
            ) from None
    return found


def from_archive(archive: Path, folder: str, names: Sequence[str]) -> dict[str, bytes]:
    """The bytes of the named members in `folder` of a .tar.gz, read as a stream under caps.

    Raises DataError for a damaged archive, a missing member, or one larger than any of the release.
    """
    wanted = {f"{folder}/{name}": name for name in names}
    found: dict[str, bytes] = {}
    try:
        with gzip.open(archive) as unpacked, tarfile.open(fileobj=_Capped(unpacked, archive), mode="r|") as members:
            for member in members:
                name = wanted.get(member.name.removeprefix("./"))
                if name is None or not member.isreg():
                    continue
                if member.size > LARGEST_FILE_BYTES:
                    raise DataError(_too_large(f"{archive}, member {member.name}", member.size))
                content = members.extractfile(member)
                found[name] = content.read() if content else b""
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise DataError(
            f"{archive}: expected CIFAR-10's binary archive, it cannot be read ({error}). Download or copy it again."
        ) from None
    missing = [name for name in names if name not in found]
    if missing:
        raise DataError(
            f"{archive}: expected members {', '.join(names)} in {folder}/, found none named {', '.join(missing)}. "
            "Download or copy the archive again."
        )
    return found


def _too_large(where: str, size: int) -> str:
    return (
        f"{where}: expected at most {LARGEST_FILE_BYTES:,} bytes, found {size:,}. "
        "Check that it comes from CIFAR-10's binary release."
    )


class _Capped(io.RawIOBase):
    """A stream that refuses to unpack more than the archive may hold, whatever its headers say."""

    def __init__(self, stream: gzip.GzipFile, archive: Path) -> None:
        self._stream, self._archive, self._left = stream, archive, LARGEST_ARCHIVE_BYTES

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(self._left + 1 if size < 0 else min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise DataError(
                f"{self._archive}: expected at most {LARGEST_ARCHIVE_BYTES:,} bytes when unpacked, found more. "
                "Check that it is CIFAR-10's binary archive."
            )
        return data

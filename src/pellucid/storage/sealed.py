"""Files that carry their own checksum: JSON documents, JSON lines, tensors. What does not match is never used.

JSON knows no NaN and no infinity; they are kept as ``{"$float": "nan"}`` and read back as floats.
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import DamagedError
from pellucid.storage import atomic

Tensors = dict[str, NDArray[Any]]
_SEAL, _LINE_SEAL = "sha256", "crc32"
_FLOAT = "$float"


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Writes `document` atomically with a SHA-256 over the rest of it."""
    plain = _encoded(document)
    sealed = {**plain, _SEAL: _digest(_canonical(plain))}
    atomic.write(path, json.dumps(sealed, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n")


def read_json(path: Path) -> dict[str, Any]:
    """The document that `write_json` wrote. Raises DamagedError where it is torn or changed."""
    try:
        document = json.loads(_bytes(path))
        seal = document.pop(_SEAL)
        intact = seal == _digest(_canonical(document))
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        intact = False
    if not intact:
        raise _damaged(path, "its checksum does not match its content")
    return dict(_decoded(document))


def append_line(path: Path, entry: dict[str, Any]) -> None:
    """Adds one line of JSON with a checksum of its own, durably."""
    atomic.append(path, _line(entry))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The entries that `append_line` added; none for a file that is not there.

    A last line cut short by a kill is left out. Raises DamagedError for any other line that does not match.
    """
    if not path.exists():
        return []
    *lines, rest = _bytes(path).split(b"\n")
    found = []
    for number, line in enumerate(lines, 1):
        entry = _checked_line(line)
        if entry is None:
            raise _damaged(path, f"line {number} does not match its checksum")
        found.append(entry)
    whole = _checked_line(rest) if rest else None  # all there but the newline
    return [*found, whole] if whole is not None else found


def rewrite_lines(path: Path, entries: list[dict[str, Any]]) -> None:
    """Makes `entries` the whole file, atomically."""
    atomic.write(path, b"".join(map(_line, entries)))


def write_tensors(path: Path, tensors: Tensors, metadata: dict[str, str]) -> None:
    """Writes arrays as safetensors, atomically, with a SHA-256 over names, types, shapes, bytes and metadata.

    The same content gives the same bytes.
    """
    from safetensors.numpy import save

    ordered = {name: np.asarray(tensors[name], order="C") for name in sorted(tensors)}
    atomic.write(path, _in_order(save(ordered, {**metadata, _SEAL: _tensor_digest(ordered, metadata)})))


def _in_order(data: bytes) -> bytes:
    """A safetensors file with its metadata in the order of their keys: safetensors writes them in any."""
    begin = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:begin])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # arrays begin at whole words
    return b"".join((len(text).to_bytes(8, "little"), text, memoryview(data)[begin:]))


def read_tensors(path: Path) -> tuple[Tensors, dict[str, str]]:
    """The arrays and metadata that `write_tensors` wrote. Raises DamagedError where torn or changed."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    data = _bytes(path)
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        metadata = dict(header["__metadata__"])
        tensors = load(data)
        intact = metadata.pop(_SEAL) == _tensor_digest(tensors, metadata)
    except (SafetensorError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        intact = False
    if not intact:
        raise _damaged(path, "its checksum does not match its content")
    return tensors, metadata


def _tensor_digest(tensors: Tensors, metadata: dict[str, str]) -> str:
    digest = hashlib.sha256(_canonical(metadata))
    for name in sorted(tensors):
        array = np.asarray(tensors[name], order="C")
        digest.update(_canonical([name, array.dtype.str, list(array.shape)]))
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _bytes(path: Path) -> bytes:
    with atomic.translated(path, 0):
        return path.read_bytes()


def _damaged(path: Path, what: str) -> DamagedError:
    return DamagedError(
        f"{path}: expected the file as it was written, found that {what}. The disk or another program changed it; "
        "restore it from a copy, or delete the run."
    )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _line(entry: dict[str, Any]) -> bytes:
    plain = _encoded(entry)
    check = f"{zlib.crc32(_canonical(plain)):08x}"
    return json.dumps({**plain, _LINE_SEAL: check}, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _checked_line(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
        check = entry.pop(_LINE_SEAL)
        intact = check == f"{zlib.crc32(_canonical(entry)):08x}"
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return None
    return dict(_decoded(entry)) if intact else None


def _encoded(value: Any) -> Any:
    """`value` with the floats that JSON does not know named, tuples as lists."""
    if isinstance(value, float) and not math.isfinite(value):
        return {_FLOAT: str(value)}
    if isinstance(value, dict):
        return {str(key): _encoded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encoded(item) for item in value]
    return value


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {_FLOAT}:
            return float(value[_FLOAT])
        return {key: _decoded(item) for key, item in value.items()}
    return [_decoded(item) for item in value] if isinstance(value, list) else value

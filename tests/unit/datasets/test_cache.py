"""The cache of arrays: hit, stale, damaged, unwritable, and left whole after a failure."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.datasets import _cache
from pellucid.datasets._cache import cached


class Reader:
    """Counts how often it is asked to read."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> tuple[dict[str, Any], dict[str, Any]]:
        self.times += 1
        pixels = np.arange(3 << 20, dtype=np.uint32).astype(np.uint8)
        return {"pixels": pixels, "labels": np.arange(5)}, {"skipped": ["a: empty"]}


def _open(reader: Reader, content: tuple[Any, ...] = (1,)) -> tuple[dict[str, Any], dict[str, Any]]:
    return cached("set", where=["here"], content=content, read=reader)


def _entries(own_cache: Path) -> list[Path]:
    return [path for path in own_cache.glob("arrays/*/*") if path.is_dir()]


def test_the_second_time_nothing_is_read_and_all_is_the_same(own_cache: Path) -> None:
    reader = Reader()
    first, second = _open(reader), _open(reader)
    assert reader.times == 1
    assert first[1] == second[1] == {"skipped": ["a: empty"]}
    assert all((first[0][name] == second[0][name]).all() for name in ("pixels", "labels"))
    assert isinstance(second[0]["pixels"], np.memmap)


def test_changed_content_is_read_anew_and_the_old_entry_goes(own_cache: Path) -> None:
    reader = Reader()
    _open(reader, (1,))
    _open(reader, (2,))
    assert reader.times == 2
    assert len(_entries(own_cache)) == 1


@pytest.mark.parametrize("harm", ["flip", "cut", "gone", "no meta", "broken meta", "other meta", "bad header"])
def test_a_damaged_entry_is_made_again(own_cache: Path, harm: str) -> None:
    reader = Reader()
    _open(reader)
    (entry,) = _entries(own_cache)
    pixels, meta = entry / "pixels.npy", entry / "meta.json"
    data = bytearray(pixels.read_bytes())
    if harm == "flip":
        data[len(data) // 2] ^= 1
        pixels.write_bytes(data)
    elif harm == "cut":
        pixels.write_bytes(data[: len(data) // 2])
    elif harm == "bad header":
        pixels.write_bytes(b"\x00" * len(data))
    elif harm == "gone":
        pixels.unlink()
    elif harm == "no meta":
        meta.unlink()
    elif harm == "broken meta":
        meta.write_text("{")
    elif harm == "other meta":
        meta.write_text("[]")
    arrays, _ = _open(reader)
    assert reader.times == 2
    assert (arrays["pixels"] == Reader()()[0]["pixels"]).all()
    _open(reader)
    assert reader.times == 2


def test_an_entry_that_was_only_touched_is_still_good(own_cache: Path) -> None:
    reader = Reader()
    _open(reader)
    (entry,) = _entries(own_cache)
    os.utime(entry / "pixels.npy", ns=(0, 0))
    _open(reader)
    assert reader.times == 1


def test_an_entry_never_loads_pickles(own_cache: Path) -> None:
    reader = Reader()
    _open(reader)
    (entry,) = _entries(own_cache)
    np.save(entry / "labels.npy", np.array([print], object), allow_pickle=True)
    meta = json.loads((entry / "meta.json").read_text())
    status = (entry / "labels.npy").stat()
    meta["arrays"]["labels"]["stamp"] = [status.st_size, status.st_mtime_ns]
    (entry / "meta.json").write_text(json.dumps(meta))
    arrays, _ = _open(reader)
    assert reader.times == 2
    assert arrays["labels"].tolist() == [0, 1, 2, 3, 4]


def test_an_unwritable_cache_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    reader = Reader()
    assert _open(reader)[0]["labels"].tolist() == [0, 1, 2, 3, 4]
    assert _open(reader)[0]["labels"].tolist() == [0, 1, 2, 3, 4]
    assert reader.times == 2


def test_a_full_disk_leaves_nothing_behind(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_cache.os, "fsync", full)
    assert _open(Reader())[0]["labels"].tolist() == [0, 1, 2, 3, 4]
    assert not list(own_cache.glob("arrays/*/*"))

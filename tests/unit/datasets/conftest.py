"""Data sets in their official formats, small, made byte by byte from the definitions."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of this test alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pellucid"


@pytest.fixture
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> Path:
    """The folder that PELLUCID_DATA names, empty."""
    home = tmp_path / "data"
    home.mkdir()
    monkeypatch.setenv("PELLUCID_DATA", str(home))
    return home


IdxWriter = Callable[..., Path]


@pytest.fixture
def write_idx(data_home: Path) -> IdxWriter:
    """Writes a small set in MNIST's layout: `train` and `test` images of `side` x `side`, labels i mod 10."""

    def write(folder: str = "mnist", *, train: int = 40, test: int = 20, side: int = 4, packed: bool = True) -> Path:
        home = data_home / folder
        home.mkdir(exist_ok=True)
        for stem, count in (("train", train), ("t10k", test)):
            pixels = np.random.default_rng(count).integers(0, 256, count * side * side, dtype=np.uint8)
            files = {
                f"{stem}-images-idx3-ubyte": b"\x00\x00\x08\x03"
                + struct.pack(">III", count, side, side)
                + pixels.tobytes(),
                f"{stem}-labels-idx1-ubyte": b"\x00\x00\x08\x01"
                + struct.pack(">I", count)
                + bytes(k % 10 for k in range(count)),
            }
            for name, data in files.items():
                (home / (name + ".gz" * packed)).write_bytes(gzip.compress(data) if packed else data)
        return home

    return write

"""IDX files made byte by byte from the format's definition, whole and damaged."""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.datasets import _idx
from pellucid.datasets._idx import read_idx
from pellucid.errors import DataError

IMAGES = b"\x00\x00\x08\x03" + struct.pack(">III", 2, 3, 2) + bytes(range(12))
LABELS = b"\x00\x00\x08\x01" + struct.pack(">I", 4) + bytes([7, 0, 9, 1])


def _file(tmp_path: Path, data: bytes, name: str = "x-ubyte") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def test_images_come_in_rows_of_the_last_dimension(tmp_path: Path) -> None:
    read = read_idx(_file(tmp_path, IMAGES), dimensions=3)
    assert read.dtype == np.uint8
    assert read.tolist() == [[[0, 1], [2, 3], [4, 5]], [[6, 7], [8, 9], [10, 11]]]


def test_labels_come_as_written(tmp_path: Path) -> None:
    assert read_idx(_file(tmp_path, LABELS), dimensions=1).tolist() == [7, 0, 9, 1]


def test_a_gzip_file_is_read_like_a_plain_one(tmp_path: Path) -> None:
    path = _file(tmp_path, gzip.compress(IMAGES), "x-ubyte.gz")
    assert read_idx(path, dimensions=3).ravel().tolist() == list(range(12))


def test_the_array_can_be_written_to(tmp_path: Path) -> None:
    assert read_idx(_file(tmp_path, IMAGES), dimensions=3).flags.writeable


@given(shape=st.tuples(*[st.integers(1, 6)] * 3), seed=st.integers(0, 2**16))
def test_any_sizes_are_read_in_order(
    tmp_path_factory: pytest.TempPathFactory, shape: tuple[int, ...], seed: int
) -> None:
    values = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    data = b"\x00\x00\x08\x03" + struct.pack(">III", *shape) + values.tobytes()
    path = _file(tmp_path_factory.mktemp("idx"), data)
    assert (read_idx(path, dimensions=3) == values).all()


@pytest.mark.parametrize(
    ("data", "dimensions", "text"),
    [
        (b"", 3, "offset 0: expected the magic number 0x00000803 of images as unsigned bytes, found nothing"),
        (b"\x00\x00", 3, "offset 0: expected the magic number 0x00000803 of images as unsigned bytes, found 0x0000."),
        (LABELS, 3, "expected the magic number 0x00000803 of images as unsigned bytes, found 0x00000801"),
        (IMAGES, 1, "expected the magic number 0x00000801 of labels as unsigned bytes, found 0x00000803"),
        (b"\x00\x00\x0d\x03" + IMAGES[4:], 3, "found 0x00000d03"),
        (b"\x03\x08\x00\x00" + IMAGES[4:], 3, "found 0x03080000"),
        (IMAGES[:10], 3, "offset 4: expected 3 sizes of 4 bytes, found 6 bytes"),
        (IMAGES[:-1], 3, "offset 16: expected 12 bytes for 2x3x2, found only 11"),
        (IMAGES + b"\x00", 3, "offset 16: expected 12 bytes for 2x3x2, found more"),
        (b"\x00\x00\x08\x01" + struct.pack(">I", 0), 1, "expected 1 to 1,073,741,824 bytes in all, found sizes 0"),
        (
            b"\x00\x00\x08\x03" + struct.pack(">III", 2**32 - 1, 2**32 - 1, 28),
            3,
            "expected 1 to 1,073,741,824 bytes in all, found sizes 4294967295x4294967295x28",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_offset_expected_and_found(
    tmp_path: Path, data: bytes, dimensions: int, text: str
) -> None:
    for path in (_file(tmp_path, data), _file(tmp_path, gzip.compress(data), "x-ubyte.gz")):
        with pytest.raises(DataError, match=re.escape(text)) as caught:
            read_idx(path, dimensions=dimensions)
        assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("harm", ["cut", "flipped", "no gzip"])
def test_a_damaged_gzip_file_is_refused(tmp_path: Path, harm: str) -> None:
    packed = bytearray(gzip.compress(IMAGES))
    if harm == "flipped":
        packed[-6] ^= 1  # in the checksum of the content
    data = {"cut": packed[:-9], "flipped": packed, "no gzip": IMAGES}[harm]
    with pytest.raises(DataError, match="expected a whole IDX file, it cannot be read"):
        read_idx(_file(tmp_path, bytes(data), "x-ubyte.gz"), dimensions=3)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_idx(tmp_path / "nothing", dimensions=3)


def test_a_gzip_bomb_is_not_unpacked_beyond_its_announced_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = packer.compress(IMAGES) + packer.compress(bytes(64 << 20)) + packer.flush()
    path = _file(tmp_path, bomb, "x-ubyte.gz")
    asked: list[int] = []
    real = gzip.GzipFile.read

    def read(self: gzip.GzipFile, size: int | None = -1) -> bytes:
        asked.append(-1 if size is None else size)
        return real(self, size)

    monkeypatch.setattr(gzip.GzipFile, "read", read)
    with pytest.raises(DataError, match="found more"):
        read_idx(path, dimensions=3)
    assert asked == [16, 13]


def test_a_size_above_the_cap_is_refused_before_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_idx, "LARGEST_BYTES", 11)
    with pytest.raises(DataError, match="expected 1 to 11 bytes in all, found sizes 2x3x2"):
        read_idx(_file(tmp_path, IMAGES), dimensions=3)

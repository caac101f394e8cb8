"""CIFAR-10 records made byte by byte, in a folder and in archives, whole and hostile."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest

from pellucid.datasets import _cifar
from pellucid.datasets._cifar import records
from pellucid.datasets._load import load
from pellucid.datasets.cifar10 import cifar10
from pellucid.errors import DataError
from pellucid.spec.data import DataSpec

FOLDER = "cifar-10-batches-bin"
NAMES = [*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"]


def _record(label: int, red: int, green: int, blue: int) -> bytes:
    return bytes([label]) + bytes([red]) * 1024 + bytes([green]) * 1024 + bytes([blue]) * 1024


def _batch(k: int) -> bytes:
    return b"".join(_record(label, k, label, 200) for label in range(10))


def _archive(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


@pytest.fixture
def home(data_home: Path) -> Path:
    folder = data_home / "cifar10"
    folder.mkdir()
    return folder


def test_a_record_is_a_label_and_three_planes() -> None:
    plane = bytes(range(256)) * 4
    pixels, labels = records(bytes([3]) + plane + bytes(1024) + b"\x09" * 1024, where="x", classes=10)
    assert labels.tolist() == [3]
    assert pixels.shape == (1, 32, 32, 3)
    assert pixels[0, 0, :4].tolist() == [[0, 0, 9], [1, 0, 9], [2, 0, 9], [3, 0, 9]]
    assert pixels[0, 1, 0].tolist() == [32, 0, 9]
    assert pixels.flags.writeable


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "x, offset 0: expected records of 3,073 bytes, found 0 bytes after 0 of them"),
        (_record(1, 2, 3, 4)[:-1], "offset 0: expected records of 3,073 bytes, found 3,072 bytes after 0"),
        (_record(1, 2, 3, 4) + b"\x00", "offset 3,073: expected records of 3,073 bytes, found 1 bytes after 1"),
        (
            _record(1, 2, 3, 4) + _record(10, 2, 3, 4),
            "offset 3,073: expected a label from 0 to 9, found 10 in record 1",
        ),
    ],
)
def test_wrong_records_are_refused_with_their_offset(data: bytes, text: str) -> None:
    with pytest.raises(DataError, match=re.escape(text)):
        records(data, where="x", classes=10)


def test_folder_and_archive_give_the_same_images(home: Path) -> None:
    (home / FOLDER).mkdir()
    for k, name in enumerate(NAMES):
        (home / FOLDER / name).write_bytes(_batch(k))
    from_folder = cifar10()
    assert from_folder.test is not None
    assert from_folder.train.pixels.shape == (50, 32, 32, 3)
    assert from_folder.train.pixels[23, 5, 6].tolist() == [2, 3, 200]
    assert from_folder.test.pixels[:, 0, 0, 0].tolist() == [5] * 10
    assert from_folder.train.class_names[6] == "frog"

    for name in NAMES:
        (home / FOLDER / name).unlink()
    (home / FOLDER).rmdir()
    members = {f"{FOLDER}/{name}": _batch(k) for k, name in enumerate(NAMES)}
    _archive(home / "cifar-10-binary.tar.gz", {f"{FOLDER}/readme.html": b"<html>", **members})
    assert cifar10().train.fingerprint() == from_folder.train.fingerprint()
    assert [path.name for path in home.iterdir()] == ["cifar-10-binary.tar.gz"], "nothing is extracted"


def test_a_folder_without_one_of_its_files_is_refused(home: Path) -> None:
    (home / FOLDER).mkdir()
    for name in NAMES[:-1]:
        (home / FOLDER / name).write_bytes(_batch(0))
    with pytest.raises(DataError, match=r"test_batch\.bin: expected a file of CIFAR-10's binary release"):
        cifar10()


def test_an_archive_without_one_of_its_members_is_refused(home: Path) -> None:
    _archive(home / "cifar-10-binary.tar.gz", {f"{FOLDER}/{name}": _batch(0) for name in NAMES[1:]})
    with pytest.raises(DataError, match=r"found none named data_batch_1\.bin"):
        cifar10()


def test_a_link_in_place_of_a_member_is_not_followed(home: Path, tmp_path: Path) -> None:
    with tarfile.open(home / "cifar-10-binary.tar.gz", "w:gz") as archive:
        for name in NAMES:
            entry = tarfile.TarInfo(f"{FOLDER}/{name}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(entry)
    with pytest.raises(DataError, match="found none named data_batch_1"):
        cifar10()


@pytest.mark.parametrize("harm", ["cut", "no archive", "empty"])
def test_a_damaged_archive_is_refused(home: Path, harm: str) -> None:
    path = home / "cifar-10-binary.tar.gz"
    _archive(path, {f"{FOLDER}/{name}": _batch(k) for k, name in enumerate(NAMES)})
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[: len(whole) // 2], "no archive": b"<html>no</html>", "empty": b""}[harm])
    with pytest.raises(DataError, match="expected CIFAR-10's binary archive"):
        cifar10()


def test_a_member_larger_than_any_of_the_release_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cifar, "LARGEST_FILE_BYTES", 30_000)
    _archive(home / "cifar-10-binary.tar.gz", {f"{FOLDER}/{name}": _batch(0) for name in NAMES})
    with pytest.raises(DataError, match="expected at most 30,000 bytes, found 30,730"):
        cifar10()


def test_a_file_larger_than_any_of_the_release_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cifar, "LARGEST_FILE_BYTES", 30_000)
    (home / FOLDER).mkdir()
    for name in NAMES:
        (home / FOLDER / name).write_bytes(_batch(0))
    with pytest.raises(DataError, match="expected at most 30,000 bytes, found 30,730"):
        cifar10()


@pytest.mark.parametrize("as_header", [False, True])
def test_an_archive_that_unpacks_to_too_much_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, as_header: bool
) -> None:
    monkeypatch.setattr(_cifar, "LARGEST_ARCHIVE_BYTES", 1 << 20)
    path = home / "cifar-10-binary.tar.gz"
    if as_header:  # a name of 8 MB, which tarfile would take into memory whole
        with tarfile.open(path, "w:gz", format=tarfile.GNU_FORMAT) as archive:
            archive.addfile(tarfile.TarInfo("x" * (8 << 20)))
    else:
        _archive(path, {"other": bytes(8 << 20)})
    with pytest.raises(DataError, match="expected at most 1,048,576 bytes when unpacked, found more"):
        cifar10()


def test_the_real_files_split_into_45000_5000_10000(real_data: Path) -> None:
    whole = cifar10()
    splits = load(DataSpec(name="cifar10"))
    assert [len(images) for _, images in splits] == [45_000, 5_000, 10_000]
    assert splits.shape == (32, 32, 3)
    assert splits.train.class_counts().tolist() == [4_500] * 10
    assert splits.validation.class_counts().tolist() == [500] * 10
    assert splits.test.class_counts().tolist() == [1_000] * 10
    sums = [int(images.pixels.sum(dtype=np.int64)) for _, images in splits]
    assert sums[0] + sums[1] == int(whole.train.pixels.sum(dtype=np.int64))

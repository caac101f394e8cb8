"""MNIST and Fashion-MNIST from files that another program wrote."""

from __future__ import annotations

import gzip
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest

from pellucid.datasets._load import load, open_dataset
from pellucid.datasets.fashion_mnist import fashion_mnist
from pellucid.datasets.mnist import mnist
from pellucid.errors import DataError
from pellucid.spec.data import DataSpec


@pytest.mark.parametrize("packed", [True, False])
def test_files_are_read_packed_or_plain(write_idx: Callable[..., Path], packed: bool) -> None:
    write_idx(packed=packed)
    read = mnist()
    assert read.test is not None
    assert read.train.pixels.shape == (40, 4, 4, 1)
    assert (read.train.pixels.ravel() == np.random.default_rng(40).integers(0, 256, 640, dtype=np.uint8)).all()
    assert read.test.labels.tolist() == [k % 10 for k in range(20)]
    assert read.train.class_names == tuple("0123456789")


def test_fashion_mnist_has_its_own_folder_and_classes(write_idx: Callable[..., Path]) -> None:
    write_idx("fashion-mnist")
    assert fashion_mnist().train.class_names[9] == "Ankle boot"


def test_the_second_opening_gives_the_same_images(write_idx: Callable[..., Path]) -> None:
    write_idx()
    assert mnist().train.fingerprint() == mnist().train.fingerprint()


def test_changed_files_are_read_anew(write_idx: Callable[..., Path]) -> None:
    write_idx()
    mnist()
    write_idx(train=30)
    assert len(mnist().train) == 30


def test_more_labels_than_images_are_refused(write_idx: Callable[..., Path]) -> None:
    home = write_idx()
    data = b"\x00\x00\x08\x01" + struct.pack(">I", 41) + bytes(41)
    (home / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(data))
    with pytest.raises(DataError, match="expected a label for each of the 40 images in train-images"):
        mnist()


def test_a_label_out_of_range_is_refused_with_its_offset(write_idx: Callable[..., Path]) -> None:
    home = write_idx(packed=False)
    path = home / "t10k-labels-idx1-ubyte"
    data = bytearray(path.read_bytes())
    data[8 + 3] = 10
    path.write_bytes(data)
    with pytest.raises(DataError, match="offset 11: expected a label from 0 to 9, found 10 for image 3"):
        mnist()


def test_parts_of_different_sizes_are_refused(write_idx: Callable[..., Path]) -> None:
    home = write_idx()
    kept = (home / "train-images-idx3-ubyte.gz").read_bytes()
    write_idx(side=5)
    (home / "train-images-idx3-ubyte.gz").write_bytes(kept)
    with pytest.raises(DataError, match=r"expected images of 4x4 as in train-images-idx3-ubyte\.gz, found 5x5"):
        mnist()


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_real_files_split_into_55000_5000_10000(real_data: Path, name: str) -> None:
    whole = open_dataset(DataSpec(name=name))
    assert whole.train.pixels.shape == (60_000, 28, 28, 1)
    assert whole.test is not None
    assert whole.test.class_counts().sum() == 10_000
    splits = load(DataSpec(name=name))
    assert [len(images) for _, images in splits] == [55_000, 5_000, 10_000]
    # Training and validation are disjoint and nothing is lost: the sums of bytes tell.
    parts = [int(images.pixels.sum(dtype=np.int64)) for _, images in splits]
    assert parts[0] + parts[1] == int(whole.train.pixels.sum(dtype=np.int64))
    counts = splits.train.class_counts() + splits.validation.class_counts()
    assert counts.tolist() == whole.train.class_counts().tolist()


def test_the_real_mnist_has_its_known_class_counts(real_data: Path) -> None:
    counts = mnist().train.class_counts().tolist()
    assert counts == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert mnist().train.labels[:6].tolist() == [5, 0, 4, 1, 9, 2]


@pytest.mark.alone
def test_the_real_mnist_opens_from_the_cache_within_50_ms(real_data: Path) -> None:
    mnist()
    times = []
    for _ in range(5):
        start = perf_counter()
        mnist()
        times.append(perf_counter() - start)
    assert min(times) < 0.05


def test_cached_arrays_can_be_written_to_without_changing_the_cache(write_idx: Callable[..., Path]) -> None:
    write_idx(train=2000, side=28)
    mnist()
    images = mnist().train
    assert isinstance(images.pixels, np.memmap)
    before = int(images.pixels[0, 0, 0, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        images.pixels[0, 0, 0, 0] = 255 - before
    assert mnist().train.pixels[0, 0, 0, 0] == before

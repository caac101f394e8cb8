"""Small colour photographs of ten kinds of thing. Source: krizhevsky2009 (docs/bibliography.bib)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets._cache import cached, stamp
from pellucid.datasets._cifar import from_archive, from_folder, records
from pellucid.datasets._download import Published
from pellucid.datasets._source import obtained
from pellucid.images import Dataset, Images

_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_FOLDER = "cifar-10-batches-bin"
_TRAIN = tuple(f"data_batch_{k}.bin" for k in range(1, 6))
_TEST = ("test_batch.bin",)
_ARCHIVE = Published(
    "cifar-10-binary.tar.gz",
    170_052_171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    (
        "https://www.cs.toronto.edu/~kriz/",
        "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
    ),
)


def cifar10() -> Dataset:
    """CIFAR-10: 60,000 photographs of ten kinds of thing, 32x32 colour; 50,000 to train on, 10,000 to test on.

    Read from ``PELLUCID_DATA/cifar10`` or the user's cache (the folder cifar-10-batches-bin of the binary release, or
    the archive cifar-10-binary.tar.gz as it is), else downloaded (170 MB).
    """
    place = obtained("cifar10", _ARCHIVE, also=(_FOLDER,))
    files = [place / name for name in (*_TRAIN, *_TEST)] if place.is_dir() else [place]
    arrays, _ = cached(
        "cifar10",
        where=[str(place.absolute())],
        content=[stamp(file) if file.exists() else None for file in files],
        read=lambda: (_arrays(place), {}),
    )
    train = Images(arrays["train_pixels"], arrays["train_labels"], _CLASSES)
    test = Images(arrays["test_pixels"], arrays["test_labels"], _CLASSES)
    return Dataset(name="cifar10", train=train, test=test, validation_size=5_000)


def _arrays(place: Path) -> dict[str, NDArray[Any]]:
    names = (*_TRAIN, *_TEST)
    data = from_folder(place, names) if place.is_dir() else from_archive(place, _FOLDER, names)
    arrays: dict[str, NDArray[Any]] = {}
    for part, of_part in (("train", _TRAIN), ("test", _TEST)):
        read = [records(data[name], where=str(place / name), classes=len(_CLASSES)) for name in of_part]
        arrays[f"{part}_pixels"] = np.concatenate([pixels for pixels, _ in read])
        arrays[f"{part}_labels"] = np.concatenate([labels for _, labels in read])
    return arrays

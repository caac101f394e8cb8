"""The IDX format of MNIST: a magic number, the sizes, then the bytes.

Offset 0: two zero bytes, the type (0x08 for unsigned bytes), the number of dimensions; then one 32-bit size each,
most significant byte first; then the values, the last dimension fastest. Source: lecun1998 (docs/bibliography.bib).
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets._cache import cached, stamp
from pellucid.datasets._download import Published
from pellucid.datasets._source import obtained
from pellucid.errors import DataError
from pellucid.images import Dataset, Images

#: More bytes than this are refused before memory is asked for; MNIST has 47 million.
LARGEST_BYTES = 1 << 30


def read_idx(path: Path, *, dimensions: int) -> NDArray[np.uint8]:
    """The unsigned bytes of an IDX file (plain, or gzip if its name ends in .gz) with that many dimensions.

    Raises DataError with file, offset, what was expected and what was found.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            shape = _header(path, file, dimensions)
            size = math.prod(shape)
            # One byte more than announced: it shows what is too long without reading all of it.
            values = file.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path}: expected a whole IDX file, it cannot be read ({error}). Download or copy it again."
        ) from None
    if len(values) != size:
        found = f"only {len(values):,}" if len(values) < size else "more"
        raise DataError(
            f"{path}, offset {4 + 4 * dimensions}: expected {size:,} bytes for {_x(shape)}, found {found}. "
            "Download or copy the file again."
        )
    # A bytearray, since an array over bytes could not be written to, which tensors warn about.
    return np.frombuffer(bytearray(values), np.uint8).reshape(shape)


def _header(path: Path, file: IO[bytes] | gzip.GzipFile, dimensions: int) -> tuple[int, ...]:
    header = file.read(4 + 4 * dimensions)
    expected = bytes([0, 0, 8, dimensions])
    if header[:4] != expected:
        what = "images" if dimensions == 3 else "labels"
        found = f"0x{header[:4].hex()}" if header else "nothing"
        raise DataError(
            f"{path}, offset 0: expected the magic number 0x{expected.hex()} of {what} as unsigned bytes, found "
            f"{found}. Check that the file is an IDX file of {what}."
        )
    if len(header) < 4 + 4 * dimensions:
        raise DataError(
            f"{path}, offset 4: expected {dimensions} sizes of 4 bytes, found {len(header) - 4} bytes. "
            "Download or copy the file again."
        )
    shape = tuple(int.from_bytes(header[4 + 4 * k : 8 + 4 * k], "big") for k in range(dimensions))
    if not 0 < math.prod(shape) <= LARGEST_BYTES:
        raise DataError(
            f"{path}, offset 4: expected 1 to {LARGEST_BYTES:,} bytes in all, found sizes {_x(shape)}. "
            "Check that the file is what its name says."
        )
    return shape


def idx_dataset(
    name: str, *, folder: str, class_names: tuple[str, ...], files: Sequence[Published], validation_size: int
) -> Dataset:
    """A set in the four files of MNIST's layout: training images and labels, test images and labels.

    Each may lie there with or without .gz. Raises DataError where files cannot be read or do not belong together.
    """
    paths = [obtained(folder, file, also=(file.name.removesuffix(".gz"),)) for file in files]
    arrays, _ = cached(
        name,
        where=[str(path.absolute()) for path in paths],
        content=[stamp(path) for path in paths],
        read=lambda: (_arrays(paths, class_names), {}),
    )
    train = Images(arrays["train_pixels"], arrays["train_labels"], class_names)
    test = Images(arrays["test_pixels"], arrays["test_labels"], class_names)
    return Dataset(name=name, train=train, test=test, validation_size=validation_size)


def _arrays(paths: list[Path], class_names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for part, (images_path, labels_path) in (("train", paths[:2]), ("test", paths[2:])):
        pixels, labels = read_idx(images_path, dimensions=3), read_idx(labels_path, dimensions=1)
        if len(pixels) != len(labels):
            raise DataError(
                f"{labels_path}: expected a label for each of the {len(pixels):,} images in {images_path.name}, "
                f"found {len(labels):,} labels. Take both files from the same release."
            )
        if labels.max() >= len(class_names):
            first = int(np.flatnonzero(labels >= len(class_names))[0])
            raise DataError(
                f"{labels_path}, offset {8 + first}: expected a label from 0 to {len(class_names) - 1}, found "
                f"{labels[first]} for image {first}. Download or copy the file again."
            )
        arrays[f"{part}_pixels"], arrays[f"{part}_labels"] = pixels[..., None], labels.astype(np.int64)
    if arrays["train_pixels"].shape[1:] != arrays["test_pixels"].shape[1:]:
        raise DataError(
            f"{paths[2]}: expected images of {_x(arrays['train_pixels'].shape[1:3])} as in {paths[0].name}, found "
            f"{_x(arrays['test_pixels'].shape[1:3])}. Take both files from the same release."
        )
    return arrays


def _x(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))

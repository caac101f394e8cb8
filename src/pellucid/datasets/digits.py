"""The handwritten digits that come with scikit-learn. Source: alpaydin1998 (docs/bibliography.bib)."""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import UsageError
from pellucid.images import Dataset, Images
from pellucid.views._resized import resized

_SIDE = 8
_SIZES = (_SIDE, 28)
_LARGEST = 256


def digits(*, size: int | None = None) -> Dataset:
    """Handwritten digits: 1,797 images, 8x8 gray, without a download; also at other sizes, such as 28x28.

    Values 0 to 16 become ``round(255 v / 16)``; other sizes are interpolated (bicubic).
    """
    if size is not None and not 1 <= size <= _LARGEST:
        raise UsageError(f"digits, size: expected 1 to {_LARGEST} pixels a side, found {size}. Try {_SIZES[1]}.")
    pixels, labels = _table()
    if size not in (None, _SIDE):
        pixels = resized(pixels, size, size, bicubic=True)
    return Dataset(
        name="digits",
        train=Images(pixels, labels, tuple("0123456789")),
        validation_size=300,
        test_size=300,
        sizes=_SIZES,
    )


def _table() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pixels (uint8, N 8 8 1) and labels from scikit-learn's own file: 64 values and a label in each line.

    The file is read where it lies, since importing sklearn.datasets takes longer than the rest of a short command.
    """
    spec = find_spec("sklearn")
    places = list(spec.submodule_search_locations or ()) if spec else []
    paths = [path for place in places if (path := Path(place, "datasets", "data", "digits.csv.gz")).is_file()]
    if not paths:
        from sklearn.datasets import load_digits

        values, labels = load_digits(return_X_y=True)
        table = np.column_stack([values, labels]).astype(np.int64)
    else:
        with gzip.open(paths[0], "rt", encoding="ascii") as file:
            table = np.loadtxt(file, dtype=np.int64, delimiter=",")
    # Doubled before dividing, so that halves round up exactly.
    pixels = ((2 * 255 * table[:, :64] + 16) // 32).astype(np.uint8)
    return pixels.reshape(-1, _SIDE, _SIDE, 1), table[:, 64]

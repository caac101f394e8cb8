"""Handwritten digits of the American census bureau and of students. Source: lecun1998 (docs/bibliography.bib)."""

from __future__ import annotations

from pellucid.datasets._download import Published
from pellucid.datasets._idx import idx_dataset
from pellucid.images import Dataset

_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)
_FILES = (
    Published(
        "train-images-idx3-ubyte.gz",
        9_912_422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        _MIRRORS,
    ),
    Published(
        "train-labels-idx1-ubyte.gz",
        28_881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        _MIRRORS,
    ),
    Published(
        "t10k-images-idx3-ubyte.gz",
        1_648_877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        _MIRRORS,
    ),
    Published(
        "t10k-labels-idx1-ubyte.gz",
        4_542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        _MIRRORS,
    ),
)


def mnist() -> Dataset:
    """MNIST: 70,000 handwritten digits, 28x28 gray; 60,000 to train on, 10,000 to test on.

    Read from the official IDX files in ``PELLUCID_DATA/mnist`` or the user's cache, else downloaded (12 MB).
    """
    return idx_dataset("mnist", folder="mnist", class_names=tuple("0123456789"), files=_FILES, validation_size=5_000)

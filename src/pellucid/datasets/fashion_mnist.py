"""Articles of clothing in the layout of MNIST. Source: xiao2017 (docs/bibliography.bib)."""

from __future__ import annotations

from pellucid.datasets._download import Published
from pellucid.datasets._idx import idx_dataset
from pellucid.images import Dataset

_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
_MIRRORS = (
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
)
_FILES = (
    Published(
        "train-images-idx3-ubyte.gz",
        26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        _MIRRORS,
    ),
    Published(
        "train-labels-idx1-ubyte.gz",
        29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        _MIRRORS,
    ),
    Published(
        "t10k-images-idx3-ubyte.gz",
        4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        _MIRRORS,
    ),
    Published(
        "t10k-labels-idx1-ubyte.gz",
        5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        _MIRRORS,
    ),
)


def fashion_mnist() -> Dataset:
    """Fashion-MNIST: 70,000 articles of clothing, 28x28 gray; 60,000 to train on, 10,000 to test on.

    Read from the official IDX files in ``PELLUCID_DATA/fashion-mnist`` or the user's cache, else downloaded (31 MB).
    """
    return idx_dataset(
        "fashion_mnist", folder="fashion-mnist", class_names=_CLASSES, files=_FILES, validation_size=5_000
    )

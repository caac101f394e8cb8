"""The bundled digits against scikit-learn's own loader."""

from __future__ import annotations

import importlib.machinery
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from pellucid.datasets._load import load
from pellucid.datasets.digits import digits
from pellucid.errors import UsageError
from pellucid.spec.data import DataSpec


def test_pixels_and_labels_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    values, labels = load_digits(return_X_y=True)
    read = digits().train
    expected = np.floor(values * 255 / 16 + 0.5).reshape(-1, 8, 8, 1)
    assert (read.pixels == expected).all()
    assert (read.labels == labels).all()
    assert (read.pixels.min(), read.pixels.max()) == (0, 255)


def test_splits_are_1197_300_300_with_every_class() -> None:
    splits = load(DataSpec(name="digits"))
    assert [len(images) for _, images in splits] == [1197, 300, 300]
    assert all(images.class_counts().min() > 20 for _, images in splits)


def test_another_size_is_a_bicubic_resize() -> None:
    native, large = digits().train.pixels, digits(size=28).train.pixels
    expected = Image.fromarray(native[17, :, :, 0]).resize((28, 28), Image.Resampling.BICUBIC)
    assert large.shape == (1797, 28, 28, 1)
    assert (large[17, :, :, 0] == np.asarray(expected)).all()
    assert digits().sizes == (8, 28)


@pytest.mark.parametrize("size", [0, 257])
def test_a_size_outside_the_range_is_refused(size: int) -> None:
    with pytest.raises(UsageError, match=f"digits, size: expected 1 to 256 pixels a side, found {size}"):
        digits(size=size)


def test_scikit_learn_itself_is_not_imported() -> None:
    code = "import sys; from pellucid.datasets.digits import digits; digits(size=28); print('sklearn' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_without_the_bundled_file_scikit_learn_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = digits().train.fingerprint()
    elsewhere = importlib.machinery.ModuleSpec("sklearn", None, is_package=True)
    monkeypatch.setitem(digits.__globals__, "find_spec", lambda name: elsewhere)
    assert digits().train.fingerprint() == expected

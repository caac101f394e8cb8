"""What every view promises, found through the catalogue."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from pellucid import catalog
from pellucid.images import Images, Scaling, Splits
from pellucid.views._parse import viewed

NAMES = catalog.names("views")
VALUES = {"centre_crop": "=5", "resize": "=4", "subset": "=6", "union": "=none+negative"}


def _splits(channels: int) -> Splits:
    generator = np.random.default_rng(0)
    parts = [
        Images(generator.integers(0, 256, (n, 8, 8, channels), dtype=np.uint8), np.arange(n) % 3, ("a", "b", "c"))
        for n in (30, 9, 6)
    ]
    return Splits(*parts, scaling=Scaling.unit(channels))


@pytest.mark.parametrize("name", NAMES)
def test_a_view_takes_splits_and_a_value(name: str) -> None:
    splits, value = inspect.signature(catalog.load("views", name)).parameters.values()
    assert (splits.name, splits.kind) == ("splits", splits.POSITIONAL_OR_KEYWORD)
    assert (value.name, value.kind, value.default) == ("value", value.KEYWORD_ONLY, None)
    assert 10 < len(catalog.summary("views", name)) <= 118


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_a_view_gives_splits_of_one_shape_and_leaves_what_it_was_given(name: str, channels: int) -> None:
    splits = _splits(channels)
    before = splits.fingerprint()
    seen = viewed(splits, name + VALUES.get(name, ""))
    assert splits.fingerprint() == before
    assert seen.fingerprint() == viewed(splits, name + VALUES.get(name, "")).fingerprint()
    assert len({images.shape for _, images in seen}) == 1
    assert len(seen.scaling.scale) == len(seen.scaling.shift) == seen.shape[2]
    for _, images in seen:
        assert images.pixels.dtype == np.uint8
        assert images.class_names == ("a", "b", "c")
        assert images.class_counts().min() > 0
        assert np.isfinite(seen.scaling.apply(images.pixels)).all()

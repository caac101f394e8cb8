"""Views that set the scaling, by the training split alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pellucid.errors import DataError
from pellucid.images import Splits
from pellucid.views._parse import viewed

MakeSplits = Callable[..., Splits]


def test_min_max_brings_the_training_split_to_0_and_1(make_splits: MakeSplits) -> None:
    splits = make_splits(low=30, high=201)
    seen = viewed(splits, "min_max")
    x = seen.scaling.apply(seen.train.pixels)
    assert abs(float(x.min())) < 1e-6
    assert abs(float(x.max()) - 1) < 1e-6
    low, high = splits.train.pixels.min(), splits.train.pixels.max()
    expected = (splits.test.pixels - np.float64(low)) / (np.float64(high) - low)
    assert np.allclose(seen.scaling.apply(seen.test.pixels), expected, atol=1e-6)


def test_standardise_gives_each_channel_mean_0_and_deviation_1(make_splits: MakeSplits) -> None:
    splits = make_splits()
    splits = replace(splits, train=replace(splits.train, pixels=splits.train.pixels // np.array([1, 2, 7], np.uint8)))
    seen = viewed(splits, "standardise")
    x = seen.train.pixels * np.array(seen.scaling.scale) + np.array(seen.scaling.shift)
    assert np.allclose(x.mean((0, 1, 2)), 0, atol=1e-12)
    assert np.allclose(x.std((0, 1, 2)), 1, atol=1e-12)


@pytest.mark.parametrize("view", ["min_max", "standardise"])
def test_only_the_training_split_counts(make_splits: MakeSplits, view: str) -> None:
    splits = make_splits(low=10, high=100)
    others = make_splits(low=0, high=256, seed=1)
    seen = viewed(replace(splits, validation=others.validation, test=others.test), view)
    assert seen.scaling == viewed(splits, view).scaling


def test_many_images_are_counted_in_blocks(make_splits: MakeSplits) -> None:
    splits = make_splits((2, 2, 1))
    pixels = np.random.default_rng(1).integers(0, 256, (9000, 2, 2, 1), dtype=np.uint8)
    train = replace(splits.train, pixels=pixels, labels=np.zeros(9000, np.int64), sources=(), groups=())
    scaling = viewed(replace(splits, train=train), "standardise").scaling
    assert scaling.scale[0] == pytest.approx(1 / pixels.std(dtype=np.float64), rel=1e-12)
    assert scaling.shift[0] == pytest.approx(-pixels.mean(dtype=np.float64) / pixels.std(dtype=np.float64), rel=1e-12)


def test_images_of_one_value_cannot_be_scaled(make_splits: MakeSplits) -> None:
    flat = make_splits(low=7, high=8)
    with pytest.raises(
        DataError, match="view min_max: expected pixels of different values in the training split, found 7"
    ):
        viewed(flat, "min_max")
    with pytest.raises(DataError, match="different values in channel 0 of the training split, found 7 everywhere"):
        viewed(flat, "standardise")

"""Views of pixels: gray, crop, resize, negative, none."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pellucid.errors import DataError, PellucidError, UsageError
from pellucid.images import Scaling, Splits
from pellucid.views._luma import luma
from pellucid.views._parse import viewed
from pellucid.views._resized import resized

MakeSplits = Callable[..., Splits]


@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=20))
def test_gray_is_the_rounded_weighted_sum_of_itu_r_601(colours: list[tuple[int, int, int]]) -> None:
    gray = luma(np.array(colours, np.uint8).reshape(-1, 1, 1, 3)).ravel().tolist()
    assert gray == [
        (299 * r + 587 * g + 114 * b) // 1000 + ((299 * r + 587 * g + 114 * b) % 1000 >= 500) for r, g, b in colours
    ]


def test_gray_rounds_halves_up() -> None:
    # 0.114 * 250 = 28.5
    assert luma(np.array([[[[0, 0, 250]]]], np.uint8)).item() == 29


def test_gray_is_the_same_for_many_images_as_for_one(make_splits: MakeSplits) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5000, 1, 2, 3), dtype=np.uint8)
    assert (luma(pixels)[4097] == luma(pixels[4097:4098])[0]).all()


def test_grayscale_has_one_channel_and_leaves_gray_images(make_splits: MakeSplits) -> None:
    seen = viewed(make_splits(), "grayscale")
    assert [images.shape for _, images in seen] == [(6, 9, 1)] * 3
    assert seen.scaling == Scaling.unit(1)
    assert viewed(seen, "grayscale").fingerprint() == seen.fingerprint()


def test_negative_is_one_minus_x_and_its_own_inverse(make_splits: MakeSplits) -> None:
    splits = make_splits()
    seen = viewed(splits, "negative")
    x, y = (s.scaling.apply(s.test.pixels) for s in (splits, seen))
    assert np.allclose(x + y, 1, atol=1e-6)
    assert viewed(seen, "negative").fingerprint() == splits.fingerprint()


@pytest.mark.parametrize(
    ("shape", "size", "top", "left"), [((6, 9, 3), 4, 1, 2), ((6, 9, 1), 6, 0, 1), ((5, 5, 1), 2, 1, 1)]
)
def test_the_middle_is_cut_out(
    make_splits: MakeSplits, shape: tuple[int, int, int], size: int, top: int, left: int
) -> None:
    splits = make_splits(shape)
    seen = viewed(splits, f"centre_crop={size}")
    assert (seen.train.pixels == splits.train.pixels[:, top : top + size, left : left + size]).all()


def test_resize_is_pillows_bilinear_with_antialiasing(make_splits: MakeSplits) -> None:
    for shape in ((12, 9, 3), (12, 9, 1)):
        splits = make_splits(shape)
        seen = viewed(splits, "resize=5")
        assert [images.shape for _, images in seen] == [(5, 5, shape[2])] * 3
        image = Image.fromarray(splits.train.pixels[7].squeeze())
        expected = np.asarray(image.resize((5, 5), Image.Resampling.BILINEAR)).reshape(5, 5, shape[2])
        assert (seen.train.pixels[7] == expected).all()


def test_shrinking_averages_over_what_a_pixel_covers() -> None:
    board = (np.indices((16, 16)).sum(0) % 2 * 200).astype(np.uint8).reshape(1, 16, 16, 1)
    assert np.abs(resized(board, 4, 4).astype(int) - 100).max() <= 15


def test_labels_sources_and_groups_stay(make_splits: MakeSplits) -> None:
    splits = make_splits()
    for expression in ("grayscale", "negative", "centre_crop=3", "resize=4", "none"):
        for (_, before), (_, after) in zip(splits, viewed(splits, expression), strict=True):
            assert (before.labels == after.labels).all()
            assert (before.sources, before.groups) == (after.sources, after.groups)


def test_the_splits_given_are_not_touched(make_splits: MakeSplits) -> None:
    splits = make_splits()
    before = splits.fingerprint()
    for expression in ("grayscale", "negative", "resize=4", "union=none+negative", "standardise", "subset=10"):
        viewed(splits, expression)
    assert splits.fingerprint() == before


@pytest.mark.parametrize(
    ("expression", "error", "text"),
    [
        (
            "centre_crop=7",
            DataError,
            "view centre_crop=7: expected images of at least 7x7 pixels, found 6x9. Crop to 6",
        ),
        ("centre_crop=0", UsageError, "view centre_crop: expected a whole number of 1 or more, found '0'"),
        (
            "resize",
            UsageError,
            "view resize: expected a whole number of 1 or more, found none. Write resize=16 or so.",
        ),
        ("resize=0", UsageError, "found '0'"),
        ("resize=-4", UsageError, "found '-4'"),
        ("resize=4.5", UsageError, "found '4.5'"),
        ("resize=²", UsageError, "found '²'"),
        ("resize=", UsageError, "found ''"),
        ("resize=1025", UsageError, "view resize: expected at most 1024 pixels a side, found 1025"),
        ("negative=3", UsageError, "view negative: expected no value, found '3'. Write negative alone."),
        ("grayscale=", UsageError, "view grayscale: expected no value"),
        ("none=1", UsageError, "view none: expected no value"),
        ("min_max=1", UsageError, "view min_max: expected no value"),
        ("standardise=1", UsageError, "view standardise: expected no value"),
        ("subset=x", UsageError, "view subset: expected a whole number"),
    ],
)
def test_an_impossible_view_is_refused(
    make_splits: MakeSplits, expression: str, error: type[PellucidError], text: str
) -> None:
    with pytest.raises(error, match=re.escape(text)):
        viewed(make_splits(), expression)


@pytest.mark.parametrize("scaling", ["min_max", "standardise"])
@pytest.mark.parametrize(
    "expression", ["grayscale", "negative", "centre_crop=3", "resize=4", "subset=4", "min_max", "standardise"]
)
def test_no_view_follows_a_scaling(make_splits: MakeSplits, scaling: str, expression: str) -> None:
    scaled = viewed(make_splits(low=5), scaling)
    with pytest.raises(UsageError, match=r"found them scaled by an earlier view\. Put min_max or standardise last\."):
        viewed(scaled, expression)

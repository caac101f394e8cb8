"""Splits: sizes, shares, groups, purity, and the messages where they are impossible."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.datasets._splits import split, subset
from pellucid.errors import DataError
from pellucid.images import Dataset, Images


def _images(counts: Sequence[int], *, groups: Sequence[str] = (), seed: int = 0) -> Images:
    """One pixel in each image, holding its index, so that images can be told apart."""
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    codes = np.stack([np.arange(len(labels)) // 256**k % 256 for k in range(3)], -1).astype(np.uint8)
    return Images(
        codes.reshape(-1, 1, 1, 3), labels.astype(np.int64), tuple("abcdefgh"[: len(counts)]), groups=tuple(groups)
    )


def _indices(images: Images) -> list[int]:
    return (images.pixels.reshape(-1, 3).astype(np.int64) @ [1, 256, 65536]).tolist()


def _dataset(images: Images, **changes: object) -> Dataset:
    return replace(Dataset("set", images, validation_size=10, test_size=20), **changes)  # type: ignore[arg-type]


counts_of_classes = st.lists(st.integers(3, 60), min_size=2, max_size=6)


@given(counts=counts_of_classes, seed=st.integers(0, 2**40), data=st.data())
def test_drawn_splits_have_their_sizes_and_share_no_image(counts: list[int], seed: int, data: st.DataObject) -> None:
    images = _images(counts)
    spare = len(images) - 2 * len(counts)
    test_size = data.draw(st.integers(len(counts), spare))
    validation_size = data.draw(st.integers(len(counts), len(images) - test_size - len(counts)))
    try:
        parts = split(_dataset(images), validation_size=validation_size, test_size=test_size, seed=seed)
    except DataError as error:
        # The test part may leave a class with one image, which cannot be divided once more.
        assert "expected at least 2 images of each class to divide" in str(error) or "so that each of" in str(error)
        return
    train, validation, test = parts
    assert (len(validation), len(test)) == (validation_size, test_size)
    assert sorted(_indices(train) + _indices(validation) + _indices(test)) == list(range(len(images)))
    assert all(part.class_counts().min() >= 1 for part in parts)
    assert all(_indices(part) == sorted(_indices(part)) for part in parts)


@given(counts=counts_of_classes, seed=st.integers(0, 100), data=st.data())
def test_each_class_is_drawn_by_its_share_within_one_image(counts: list[int], seed: int, data: st.DataObject) -> None:
    images = _images(counts)
    # Large enough that the lower bound of one image does not bind.
    least = -(-len(images) // min(counts))
    size = data.draw(st.integers(least, len(images) // 2)) if least <= len(images) // 2 else None
    if size is None:
        return
    _, _, test = split(_dataset(images, validation=images), test_size=size, seed=seed)
    shares = np.array(counts) * size / len(images)
    assert (np.abs(test.class_counts() - shares) < 1).all()


def test_largest_remainders_get_what_is_left() -> None:
    # Shares of 10 among 15, 14, 11 of 40: 3.75, 3.5, 2.75 -> floors 3, 3, 2 and the two largest remainders.
    _, validation, _ = split(_dataset(_images([15, 14, 11]), test=_images([1, 1, 1])), validation_size=10, seed=0)
    assert validation.class_counts().tolist() == [4, 3, 3]


def test_a_rare_class_gets_one_image_at_least() -> None:
    parts = split(_dataset(_images([900, 3])), validation_size=20, test_size=20, seed=5)
    assert [part.class_counts()[1] for part in parts] == [1, 1, 1]


def test_the_same_seed_gives_the_same_splits_and_another_others() -> None:
    whole = _dataset(_images([60, 60]))
    first, again, other = (split(whole, seed=seed) for seed in (1, 1, 2))
    assert [part.fingerprint() for part in first] == [part.fingerprint() for part in again]
    assert _indices(first[2]) != _indices(other[2])


def test_the_state_of_numpys_generator_plays_no_part() -> None:
    whole = _dataset(_images([60, 60]))
    np.random.seed(3)
    first = _indices(split(whole, seed=1)[1])
    before = np.random.get_state()[1].tolist()  # type: ignore[union-attr,index]
    assert _indices(split(whole, seed=1)[1]) == first
    assert np.random.get_state()[1].tolist() == before  # type: ignore[union-attr,index]


def test_official_parts_are_untouched() -> None:
    test, validation = _images([7, 7], seed=3), _images([5, 5], seed=4)
    whole = _dataset(_images([60, 60]), test=test, validation=validation)
    assert split(whole, seed=0) == (whole.train, validation, test)


def test_a_smaller_test_is_drawn_balanced_from_the_official_one() -> None:
    test = _images([70, 30])
    train, _, drawn = split(_dataset(_images([60, 60]), test=test), test_size=21, seed=0)
    assert sorted(drawn.class_counts().tolist()) == [10, 11]
    assert len(train) == 110


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"test_size": 1}, "test_size: expected 2 to 118, so that each of 2 classes has an image here"),
        ({"test_size": 119}, "one is left of the 120 for training, found 119. Choose a size in between."),
        ({"test_size": 20, "validation_size": 99}, "validation_size: expected 2 to 98"),
    ],
)
def test_sizes_that_leave_a_class_without_image_are_refused(options: dict[str, int], text: str) -> None:
    with pytest.raises(DataError, match=re.escape(text)):
        split(_dataset(_images([60, 60])), seed=0, **options)


def test_a_class_with_one_image_cannot_be_divided() -> None:
    with pytest.raises(
        DataError, match="expected at least 2 images of each class to divide, found 1 left of class 'b'"
    ):
        split(_dataset(_images([60, 1])), seed=0)


def test_more_than_the_official_test_is_refused() -> None:
    whole = _dataset(_images([60, 60]), test=_images([7, 7]))
    with pytest.raises(DataError, match="test_size: expected at most the 14 images of the set's own split, found 15"):
        split(whole, test_size=15, seed=0)


@settings(max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=12, max_size=40),
    seed=st.integers(0, 1000),
)
def test_a_group_is_never_divided(sizes: list[int], seed: int) -> None:
    groups = [f"g{k}" for k, size in enumerate(sizes) for _ in range(size)]
    labels = np.array([k % 2 for k, size in enumerate(sizes) for _ in range(size)])
    images = replace(_images([1] * 2), pixels=np.zeros((len(groups), 1, 1, 1), np.uint8), labels=labels)
    images = replace(images, groups=tuple(groups))
    size = max(2, len(groups) // 5)
    parts = split(_dataset(images), validation_size=size, test_size=size, seed=seed)
    seen = [set(part.groups) for part in parts]
    assert sum(len(names) for names in seen) == len(sizes)
    assert all(part.class_counts().min() >= 1 for part in parts)
    assert sum(len(part) for part in parts) == len(groups)
    # No nearer than half the largest group for each class is to be asked of whole groups.
    assert abs(len(parts[2]) - size) <= 2 * max(sizes)


def test_groups_of_one_image_meet_the_size_exactly() -> None:
    images = _images([50, 50], groups=[str(k) for k in range(100)])
    assert [len(part) for part in split(_dataset(images), seed=0)] == [70, 10, 20]


def test_a_class_in_one_group_only_is_refused() -> None:
    images = replace(
        _images([2, 2]),
        pixels=np.zeros((40, 1, 1, 1), np.uint8),
        labels=np.repeat([0, 1], [10, 30]),
        groups=("one",) * 10 + tuple(str(k) for k in range(30)),
    )
    with pytest.raises(
        DataError, match="expected class 'a' in at least 2 groups that can be parted, found 1 with it"
    ):
        split(_dataset(images), validation_size=4, test_size=4, seed=0)


@given(counts=st.lists(st.integers(10, 30), min_size=2, max_size=6), n=st.integers(6, 20), seed=st.integers(0, 99))
def test_a_subset_is_balanced_and_part_of_a_larger_one(counts: list[int], n: int, seed: int) -> None:
    images = _images(counts)
    drawn = subset(images, n, seed)
    assert len(drawn) == n
    assert drawn.class_counts().max() - drawn.class_counts().min() <= 1
    if n < 10 * len(counts):
        larger = min(n + 3, 10 * len(counts))
        assert set(_indices(drawn)) <= set(_indices(subset(images, larger, seed)))
    assert _indices(drawn) == _indices(subset(images, n, seed))


def test_too_large_a_subset_says_how_many_there_are() -> None:
    text = (
        "subset of 24 images: expected 12 of class 'b', found 11. Ask for at most 22 images, or none to use all 41."
    )
    with pytest.raises(DataError, match=re.escape(text)):
        subset(_images([30, 11]), 24, 0)


def test_a_subset_smaller_than_the_classes_is_refused() -> None:
    with pytest.raises(DataError, match="expected at least one of each of 3 classes"):
        subset(_images([5, 5, 5]), 2, 0)

"""Two arms or networks image by image: seeds and images told apart, and McNemar's exact test."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.errors import UsageError
from pellucid.evaluation.by_image import _enough, crossed, mcnemar


def test_seeds_and_images_are_told_apart() -> None:
    generator = np.random.default_rng(0)
    images = 400

    def arms(seeds: int, of_seeds: float, of_images: float, mean: float) -> tuple[np.ndarray, np.ndarray]:
        chance = 0.8 + generator.normal(0, of_seeds, (seeds, 1)) + generator.normal(0, of_images, images)
        other = generator.random((seeds, images)) < 0.8
        return generator.random((seeds, images)) < chance + mean, other

    found = crossed(*arms(20, 0.0, 0.0, 0.15))
    assert found.bottleneck == "none" and found.low > 0
    by_image = np.zeros((30, images), bool)
    hard = generator.random(images) < 0.5
    first, second = by_image | hard, by_image | ~hard
    second[:, :12] = first[:, :12]
    found = crossed(first, second)
    assert found.bottleneck in ("images", "none")
    if found.bottleneck == "images":
        assert "no number of seeds will do: about" in found.words and found.more > 0
    noisy = crossed(*arms(3, 0.08, 0.0, 0.03))
    assert noisy.bottleneck in ("seeds", "none", "images") and noisy.low < noisy.difference < noisy.high
    with pytest.raises(UsageError, match="two seeds and two images"):
        crossed(np.ones((1, 5), bool), np.ones((1, 5), bool))


def test_intervals_over_seeds_and_images_cover() -> None:
    generator = np.random.default_rng(2)
    covered = 0
    for _ in range(150):
        of_seed, of_image = generator.normal(0, 0.05, (6, 1)), generator.normal(0, 0.2, 150)
        first = generator.random((6, 150)) < 0.7 + of_seed + of_image
        second = generator.random((6, 150)) < 0.7 + generator.normal(0, 0.05, (6, 1))
        found = crossed(first, second)
        covered += found.low <= 0 <= found.high
    assert covered >= 0.9 * 150


def test_what_it_needs_tells_the_difference_in_four_of_five() -> None:
    """Effects of seeds and images are drawn from the variances that the answers have: power of the interval there."""
    generator = np.random.default_rng(0)

    def answers(seeds: int, images: int, of_seeds: float, of_images: float) -> tuple[np.ndarray, np.ndarray]:
        both = generator.normal(0.06, of_seeds, (seeds, 1)) + generator.normal(0, of_images, images)
        return generator.random((seeds, images)) < 0.5 + both, generator.random((seeds, images)) < 0.5

    few = next(one for one in (crossed(*answers(3, 3000, 0.04, 0.0)) for _ in range(99)) if one.bottleneck == "seeds")
    assert f"about {few.more} more seed" in few.words and few.more >= 2
    assert _enough(3, 0.02, 1e-4, 1e-9, alpha=0.05) == 5, "two seeds of sd 0.01: t at three has a power of 0.47"
    assert _enough(4, 1e9, 1.0, 0.0, alpha=0.05) == 4
    wide = next(one for one in (crossed(*answers(3, 60, 0.1, 0.3)) for _ in range(99)) if "more and" in one.words)
    assert wide.bottleneck == "images" and "no number of seeds will do: about" in wide.words


def test_mcnemar_counts_the_images_that_one_alone_gets_right() -> None:
    first = np.array([True] * 80 + [True] * 15 + [False] * 5)
    second = np.array([True] * 80 + [False] * 15 + [True] * 5)
    found = mcnemar(first, second)
    assert (found["first_alone"], found["second_alone"]) == (15, 5)
    assert found["p"] == pytest.approx(0.04139, abs=1e-4) and found["difference"] == pytest.approx(0.1)
    assert found["low"] < 0.1 < found["high"] and mcnemar(first, first)["p"] == 1

"""Two arms or networks image by image: seeds and images told apart, and McNemar's exact test."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy import stats

from pellucid.errors import UsageError
from pellucid.evaluation.by_image import BEYOND, _enough, crossed, mcnemar


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
    generator = np.random.default_rng(0)

    def told(seeds: int) -> float:
        """How often Student's interval of draws with a mean of 0.02 and a deviation of 0.01 leaves out zero."""
        drawn = generator.normal(0.02, 0.01, (20_000, seeds))
        return float((stats.ttest_1samp(drawn, 0.0, axis=1).pvalue < 0.05).mean())

    enough = _enough(3, 0.02, 0.01**2, 0.0, alpha=0.05)
    assert told(enough) >= 0.8 > told(enough - 1)
    assert _enough(4, 1e9, 1.0, 0.0, alpha=0.05) == 4, "an effect beyond all tables"


def answers(
    generator: np.random.Generator, seeds: int, images: int, of_seeds: float, of_images: float
) -> tuple[np.ndarray, np.ndarray]:
    """Right answers of two arms; the first is 6 points better, give or take effects of the seed and of the image."""
    more = generator.normal(0.06, of_seeds, (seeds, 1)) + generator.normal(0, of_images, images)
    return generator.random((seeds, images)) < 0.5 + more, generator.random((seeds, images)) < 0.5


@pytest.mark.parametrize(
    ("seeds", "images", "of_seeds", "of_images", "asked"),
    [
        (3, 3000, 0.06, 0.0, r"inconclusive: about (?P<seeds>[\d,]+) more seeds?$"),
        (8, 60, 0.01, 0.3, r"no number of seeds will do: about (?P<images>[\d,]+) more test images?$"),
        (
            3, 60, 0.15, 0.3,
            r"seeds alone will not do: about (?P<seeds>[\d,]+) more seeds? and (?P<images>[\d,]+) more test images?$",
        ),
    ],
)  # fmt: skip
def test_with_what_is_asked_for_the_interval_is_narrow_enough(
    seeds: int, images: int, of_seeds: float, of_images: float, asked: str
) -> None:
    """The mean over its standard deviation is then 1.96 + 0.84 at least: normal power of 0.8."""
    generator = np.random.default_rng(1)
    checked = 0
    for _ in range(60):
        first, second = answers(generator, seeds, images, of_seeds, of_images)
        found = crossed(first, second)
        match = re.search(asked, found.words)
        if match is None:
            continue
        checked += 1
        more = {name: int(text.replace(",", "")) for name, text in match.groupdict().items()}
        s, i = seeds + more.get("seeds", 0), images + more.get("images", 0)
        d = first.astype(float) - second
        rest = d - d.mean(1, keepdims=True) - d.mean(0) + d.mean()
        error = (rest**2).sum() / ((seeds - 1) * (images - 1))
        by_seed = max(0.0, d.mean(1).var(ddof=1) - error / images)
        by_image = max(0.0, d.mean(0).var(ddof=1) - error / seeds)
        variance = by_seed / s + by_image / i + error / (s * i)
        assert abs(d.mean()) / variance**0.5 >= 2.80, (found.words, s, i)
    assert checked >= 5


def test_mcnemar_counts_the_images_that_one_alone_gets_right() -> None:
    first = np.array([True] * 80 + [True] * 15 + [False] * 5)
    second = np.array([True] * 80 + [False] * 15 + [True] * 5)
    found = mcnemar(first, second)
    assert (found["first_alone"], found["second_alone"]) == (15, 5)
    assert found["p"] == pytest.approx(0.04139, abs=1e-4) and found["difference"] == pytest.approx(0.1)
    assert found["low"] < 0.1 < found["high"] and mcnemar(first, first)["p"] == 1


def test_among_many_pairs_a_difference_of_one_interval_is_not_enough() -> None:
    generator = np.random.default_rng(0)
    seeds, images = (4, 300)
    told = {}
    for alpha in (0.05, 0.05 / 45):
        drawn = [
            crossed(*(generator.random((seeds, images)) < chance for chance in (0.56, 0.5)), alpha=alpha)
            for _ in range(60)
        ]
        told[alpha] = sum(one.bottleneck == "none" for one in drawn)
        for one in drawn:
            doubtful = one.low <= 0 <= one.high
            assert (one.bottleneck == "none") <= (not doubtful) and (one.more > 0) == (one.bottleneck != "none")
            if one.bottleneck != "none" and not doubtful:
                assert alpha < 0.05 and ": not enough for a claim, corrected for all pairs and looks" in one.words
            if one.bottleneck != "none" and doubtful:
                assert ": inconclusive" in one.words or ": no number of seeds will do" in one.words
    assert told[0.05 / 45] < told[0.05] / 2


def test_without_an_answer_that_differs_the_number_of_images_bounds_what_is_said() -> None:
    right = np.ones((5, 20), bool)
    found = crossed(right, np.full(right.shape, 0.95))
    assert (found.bottleneck, found.more) == ("images", 40) and found.low == pytest.approx(0.05 - 3 / 20, abs=1e-3)
    assert "about 40 more test images" in found.words
    assert crossed(right, np.full(right.shape, 0.8)).bottleneck == "none"
    many = np.ones((5, 10_000), bool)
    told = [crossed(many, np.full(many.shape, 1 - 3.5e-4), alpha=alpha).bottleneck for alpha in (0.05, 0.05 / 7)]
    assert told == ["none", "images"]
    assert "takes more than 20 times as many" in crossed(right, np.full(right.shape, 0.9999)).words
    equal = crossed(right, right)
    assert equal.bottleneck == "none" and equal.points.startswith("+0.00 points (-14.98 to +14.98")


def test_an_arm_is_set_beside_a_value_on_new_seeds_and_images() -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(150):
        hard, lucky = generator.normal(0, 0.3, 200), generator.normal(0, 0.02, (5, 1))
        right = generator.random((5, 200)) < np.clip(0.7 + hard + lucky, 0, 1)
        found = crossed(right, np.full(right.shape, 0.65))
        truth = float(np.clip(0.7 + generator.normal(0, 0.3, 100_000), 0, 1).mean()) - 0.65
        assert found.difference == pytest.approx(right.mean() - 0.65)
        covered += found.low <= truth <= found.high
    assert covered >= 0.9 * 150
    right = np.stack([np.roll(np.arange(100) < 91, 20 * seed) for seed in range(5)])
    assert crossed(right, np.full(right.shape, 0.91)).words.startswith("+0.00 points (-"), "a tie"


def test_a_difference_that_takes_images_beyond_all_sets_is_told_as_that() -> None:
    generator = np.random.default_rng(4)
    second = generator.random((6, 2000)) < 0.5
    first = second.copy()
    flipped = generator.choice(2000, 201, replace=False)
    first[:, flipped[:100]], second[:, flipped[:100]] = False, True
    first[:, flipped[100:]], second[:, flipped[100:]] = True, False
    found = crossed(first, second)
    assert found.difference == pytest.approx(1 / 2000) and found.more > BEYOND * 2000
    assert found.words.endswith(
        "no number of seeds will do: a difference as small takes more than 20 times as many test images"
    )

"""What is said of two arms: intervals that cover, few false claims, and sentences that fit the numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pellucid.errors import UsageError
from pellucid.evaluation.comparison import (
    ALPHA,
    LOOKS,
    compare,
    detectable,
    interval,
    seeds_needed,
    signs_needed,
    summary,
)
from pellucid.evaluation.permutation import _drawn, permutation_p, reachable_p


def test_a_summary_is_mean_spread_and_interval() -> None:
    found = summary([0.5, 0.6, 0.7])
    assert (found.n, found.mean, found.sd) == (3, pytest.approx(0.6), pytest.approx(0.1))
    assert found.high - found.mean == pytest.approx(4.303 * 0.1 / math.sqrt(3), rel=1e-3)
    few = summary([0.1, 0.9], within=(0.0, 1.0))
    assert (few.low, few.high) == (0.0, 1.0) and summary([0.1, 0.9]).low < -4
    assert summary([0.1, 0.9], within=(0.0, math.inf)).high > 5
    assert math.isnan(summary([0.5], within=(0.0, 1.0)).low)
    assert math.isnan(summary([0.5]).low) and interval(np.ones(6)) == (1.0, 1.0)
    with pytest.raises(UsageError, match="expected at least one"):
        summary([])


def test_equal_arms_are_seldom_called_different_and_real_differences_often() -> None:
    generator = np.random.default_rng(0)
    false = sum(
        any(pair.verdict in ("better", "worse") for pair in compare(
            {name: generator.normal(0.9, 0.01, 8).tolist() for name in "abc"}
        ))
        for _ in range(150)
    )  # fmt: skip
    assert false <= 150 * 0.05 + 2 * math.sqrt(150 * 0.05 * 0.95)
    told = sum(
        compare({"a": generator.normal(0.92, 0.01, 10).tolist(), "b": generator.normal(0.9, 0.01, 10).tolist()})[
            0
        ].verdict
        == "better"
        for _ in range(50)
    )
    assert told >= 40


def test_intervals_cover_the_mean() -> None:
    generator, draws = np.random.default_rng(1), 200
    for n in (4, 5, 8, 20):
        covered = sum(low <= 0 <= high for low, high in (interval(generator.normal(0, 1, n)) for _ in range(draws)))
        assert covered >= 0.93 * draws - 2 * math.sqrt(draws * 0.93 * 0.07), (n, covered)


def test_sentences_say_what_the_numbers_allow() -> None:
    clear = compare({"a": [0.9, 0.91, 0.92, 0.9, 0.91], "b": [0.8, 0.81, 0.8, 0.82, 0.81]})[0]
    assert clear.verdict == "better" and clear.words.startswith("a is better than b by 10 points (")
    assert compare({"b": [0.8, 0.81, 0.8, 0.82, 0.81], "a": [0.9, 0.91, 0.92, 0.9, 0.91]})[0].verdict == "worse"
    wide = compare({"a": [0.1, 0.99], "b": [0.1, 0.1]})[0]
    assert (wide.low, wide.high) == (-1.0, 1.0), "shares differ by one at most"
    few = compare({"a": [0.9, 0.91, 0.92], "b": [0.8, 0.81, 0.8]})[0]
    assert few.verdict == "too few seeds" and "2 more needed" in few.words and few.more >= 2
    generator = np.random.default_rng(0)
    same = compare({"a": generator.normal(0.9, 0.002, 12).tolist(), "b": generator.normal(0.9, 0.002, 12).tolist()})[
        0
    ]
    assert same.verdict == "no difference" and "no difference larger than" in same.words
    stuck = compare({"a": [0.1] * 6, "b": [0.1] * 6})[0]
    assert stuck.words == "no difference seen: a and b gave equal values in each of 6 seeds"
    losses = compare({"a": [0.1, 0.2, 0.1, 0.2, 0.1], "b": [1.1, 1.2, 1.3, 1.0, 1.1]}, unit="", scale=1, higher=False)
    assert losses[0].verdict == "better"


def test_a_failed_run_takes_its_seed_out_of_the_pair() -> None:
    found = compare({"a": [0.9, None, 0.92, 0.9, 0.91, 0.9], "b": [0.8, 0.81, 0.8, 0.82, None, 0.8]})[0]
    assert found.n == 4 and found.difference == pytest.approx(np.mean([0.1, 0.12, 0.08, 0.1]))
    with pytest.raises(UsageError, match="expected the same seeds for all, found a 2, b 1"):
        compare({"a": [1, 2], "b": [1]})


def test_seeds_that_are_needed_tell_the_difference() -> None:
    needed = seeds_needed(1.0)
    assert needed == 13, "thirteen pairs tell one standard deviation, the doubled p-value paid for"
    assert seeds_needed(0.0) is None and seeds_needed(float("nan")) is None
    assert (seeds_needed(0.05) or 0) == pytest.approx((3.0830 / 0.05) ** 2, rel=0.01)
    assert detectable(1.0, 13) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("alike", [0.0, 0.9])
def test_the_seeds_that_a_sentence_asks_for_tell_what_it_says(alike: float) -> None:
    generator = np.random.default_rng(5)
    few = compare({"a": [0.0, 1.0, 0.4], "b": [0.3, 0.1, 0.6]}, unit="", scale=1)[0]
    assert "; 6 more would tell a difference of" in few.words
    n, size = 3 + 6, detectable(1.0, 3 + 6)
    told = 0
    for _ in range(100):
        own, theirs = generator.normal(0, math.sqrt(0.5), (2, n))  # their differences have a deviation of 1
        common = generator.normal(0, math.sqrt(alike / 2 / (1 - alike)), n)
        told += permutation_p(own + common + size, theirs + common) <= ALPHA
    assert told >= 100 * 0.75 - 2 * math.sqrt(100 * 0.75 * 0.25)


def test_a_large_difference_is_told_among_many_arms_too() -> None:
    generator = np.random.default_rng(0)
    arms = {f"arm {k}": generator.normal(0.9 if k else 0.1, 0.005, 9).tolist() for k in range(21)}
    first = [pair for pair in compare(arms) if "arm 0" in (pair.first, pair.second)]
    assert [pair.verdict for pair in first] == ["worse"] * 20
    others = {f"c{k}": [1.0, 2, 3, 1, 2, 3, 1, 2] for k in range(4)}
    close = compare({"a": [1.3, 2.3, 3.3, 1.2, 2.4, 3.3, 1.1, 2.3], "b": others["c0"], **others}, unit="", scale=1)[0]
    assert close.verdict == "no difference" and close.p <= 0.05
    assert "(0.275 seen, p = 0.016, which among 15 pairs may be chance)" in close.words
    chance = compare({"a": [3.0, 1, 2, 2.5, 1, 2, 3, 2], "b": [2.0, 1, 1, 2, 1, 1, 2, 2]}, unit="", scale=1)[0]
    assert chance.low > 0 and "(0.562 seen, p = 0.12)" in chance.words and "more seeds would tell" in chance.needs
    assert chance.sentence == chance.words + chance.needs


def test_looking_again_and_again_makes_no_false_claims() -> None:
    def told(shift: float, of: int) -> int:
        """In how many of `of` studies of two arms some look makes a claim."""
        generator = np.random.default_rng(3)
        found = 0
        for _ in range(of):
            a, b = generator.standard_normal((2, LOOKS[-1]))
            found += any(permutation_p(a[:n] + shift, b[:n]) <= ALPHA / len(LOOKS) for n in LOOKS)
        return found

    assert told(0.0, 60) <= 3 + 2 * math.sqrt(3)
    assert told(2.0, 20) == 20
    assert all(reachable_p(n) <= ALPHA / len(LOOKS) for n in LOOKS), "a look that cannot claim costs for nothing"


def test_a_difference_that_is_rounding_asks_for_no_seeds() -> None:
    first = [0.9834, 0.9831, 0.9838, 0.9829, 0.9836, 0.9833]
    second = [first[k] + step for k, step in enumerate((1e-4, -1e-4, 2e-4, -2e-4, 3e-4, -3e-4))]
    (pair,) = compare({"a": first, "b": second})
    assert abs(pair.difference) < 1e-15 and pair.more is None and "more seeds" not in pair.words


def test_differences_that_are_equal_but_for_rounding_have_no_spread() -> None:
    right = [340, 345, 338, 350, 341, 344]
    (pair,) = compare({"a": [k / 360 for k in right], "b": [(k - 4) / 360 for k in right]})
    assert math.isnan(pair.effect) and (pair.low, pair.high) == (pair.difference, pair.difference)
    (same,) = compare({"a": [0.1 + 0.2] * 3, "b": [0.3] * 3})
    assert same.difference == 0 and same.p == 1
    assert seeds_needed(1e15) == signs_needed() and seeds_needed(0.02, power=0.8) > 20_000


def test_many_pairs_share_the_ways_to_deal() -> None:
    generator = np.random.default_rng(0)
    arms = {f"arm {k}": list(generator.normal(0.9, 0.01, 10)) for k in range(12)}
    _drawn.cache_clear()
    assert len(compare(arms)) == 66
    assert _drawn.cache_info().misses == 1, "the ways to deal are the same for every pair: drawn once, a second each"

"""Time to a threshold: runs that never got there are censored."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pellucid.errors import UsageError
from pellucid.evaluation.survival import survival


def test_runs_that_never_got_there_are_censored() -> None:
    found = survival([1, 2, 2, 3, 5, 5], [True, True, False, True, False, False])
    assert (found.reached, found.n) == (3, 6)
    assert found.share[np.searchsorted(found.times, 1)] == pytest.approx(5 / 6)
    assert found.share[np.searchsorted(found.times, 3)] == pytest.approx(5 / 6 * 4 / 5 * 2 / 3)
    assert found.median == 3.0
    assert math.isnan(survival([5, 5], [False, False]).median)
    assert survival([4, 6, 6, 7, 7] + [20] * 5, [True] * 5 + [False] * 5).median == 7, "one half, but for rounding"
    with pytest.raises(UsageError, match="expected at least one run"):
        survival([], [])


def test_the_interval_of_the_median_is_where_the_limits_of_the_share_pass_one_half() -> None:
    """By hand: limits s^exp(-+1.96 r / ln s) of each share s with Greenwood's r^2, the sum of d / (n (n - d))."""
    times = [2, 3, 3, 5, 7, 9, 9, 11, 12, 14, 15, 15, 16, 20, 22, 23, 30, 31, 40, 41]
    there = [True] * 16 + [False] * 4
    found = survival(times, there)
    share, variance, limits = 1.0, 0.0, {}
    for at in sorted(set(times)):
        waiting = sum(one >= at for one in times)
        hit = sum(one == at and reached for one, reached in zip(times, there, strict=True))
        share, variance = share * (1 - hit / waiting), variance + hit / (waiting * (waiting - hit) or 1)
        reach = 1.959964 * math.sqrt(variance) / math.log(share)
        limits[at] = share ** math.exp(-reach), share ** math.exp(reach)
    low = next(at for at, both in limits.items() if min(both) <= 0.5)
    high = next(at for at, both in limits.items() if max(both) <= 0.5)
    assert (found.low, found.median, found.high) == (low, 14, high)
    assert low < 14 < high


def test_an_interval_that_few_runs_leave_open_is_not_a_number() -> None:
    found = survival([2, 3, 3, 5], [True] * 4)
    assert (found.low, found.median) == (2, 3) and math.isnan(found.high)
    never = survival([5, 5], [False, False])
    assert math.isnan(never.low) and math.isnan(never.high)

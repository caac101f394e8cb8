"""Exact p-values of two arms: of the signs of paired differences, and of dealing the values to the arms."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

#: Ways to deal values to two arms up to which all are tried; beyond, as many at random.
EXACT = 2**14
#: Seeds up to which all choices of signs are counted out: 2^20 sums of each half.
COUNTED = 40
#: As many as are tried at random where so few are as extreme that a small probability has to be told more exactly.
FINER = 2**18


def permutation_p(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Two-sided p-value of two arms of the same seeds.

    Twice the smaller of two: that of all sign changes of the differences (`sign_p`, exact), which profits where runs
    of one seed are alike, and that of all ways to deal the values to two arms (`dealing_p`), which can say more with
    few seeds (five give 0.016 at best, not 0.06). The factor pays for choosing. 1 where all values are equal, up to
    rounding.
    """
    if np.abs(first - second).max() <= 1e-12 * max(np.abs(first).max(), np.abs(second).max()):
        return 1.0
    return min(1.0, 2 * min(sign_p(first - second), dealing_p(first, second)))


def sign_p(d: NDArray[np.float64]) -> float:
    """Two-sided p-value of the sum of `d` among those with all 2^n choices of signs, counted out up to 40 values.

    All sums of each half of the values are made; how many of the one go with each of the other is looked up in sorted
    order, so that 2^(n/2) sums are enough. Sums as large as the one seen, up to rounding, count. Beyond 40 values
    `FINER` choices at random. 1 where all are zero.
    """
    if len(d) > COUNTED:
        options: dict[str, Any] = {"vectorized": True, "n_resamples": FINER, "batch": EXACT}
        generator, d = np.random.default_rng(2), d / (np.abs(d).max() or 1.0)
        return float(stats.permutation_test((d,), _mean, permutation_type="samples", rng=generator, **options).pvalue)
    halves = []
    for half in (d[::2], d[1::2]):
        sums = np.zeros(1)
        for value in half:
            sums = np.concatenate([sums + value, sums - value])
        halves.append(sums)
    seen = abs(float(d.sum())) - 1e-12 * float(np.abs(d).sum())
    ordered = np.sort(halves[1])
    as_large = len(ordered) - np.searchsorted(ordered, seen - halves[0], side="left")
    # the sums lie symmetrically: as many are as far below zero
    return min(1.0, 2 * float(as_large.sum()) / 2.0 ** len(d))


def dealing_p(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Two-sided p-value of the difference of means among all ways to deal the values to two arms of n.

    Exact where all values of one arm lie beyond all of the other, and up to 16,384 ways. Beyond, as many at random;
    where few of those are as extreme, 262,144 others (each is valid at its level: which one is told depends on the
    first alone being small). Differences that are equal up to rounding count as equal: accuracies have many ties.
    """
    n, both = len(first), np.concatenate([first, second])
    if min(first) > max(second) or min(second) > max(first):
        return 2 / comb(2 * n, n)  # of whole numbers: the divisor may be too large for a float

    values = (both - both.mean()) / (np.ptp(both) or 1.0)
    seen = abs(float(values[:n].sum())) - 1e-12 * n  # the other arm's sum is this one's with its sign turned
    if comb(2 * n, n) <= EXACT:
        return float(np.mean(np.abs(_dealt(n) @ values) >= seen))

    def drawn(ways: int, seed: int) -> float:
        blocks = np.split(_drawn(n, ways, seed), ways // EXACT)
        as_large = sum(int((np.abs(block @ values) >= seen).sum()) for block in blocks)
        return (as_large + 1) / (ways + 1)  # the one seen is one of them

    found = drawn(EXACT, 0)
    return found if found > 20 / EXACT else drawn(FINER, 1)


@lru_cache(maxsize=4)
def _dealt(n: int) -> NDArray[np.int8]:
    """All ways to deal 2n values to two arms, one a row: 1 for the first arm."""
    chosen = np.array(list(combinations(range(2 * n), n)))
    ways = np.zeros((len(chosen), 2 * n), np.int8)
    np.put_along_axis(ways, chosen, 1, axis=1)
    return ways


@lru_cache(maxsize=4)
def _drawn(n: int, ways: int, seed: int) -> NDArray[np.int8]:
    """As many ways at random, the same for all pairs of so many seeds: to draw them takes longest."""
    generator = np.random.default_rng(seed)
    order = [generator.permuted(np.tile(np.arange(2 * n), (EXACT, 1)), axis=1) for _ in range(ways // EXACT)]
    return (np.concatenate(order) < n).astype(np.int8)


def reachable_p(n: int) -> float:
    """The smallest p-value that n seeds can give."""
    return min(1.0, 2 * min(2.0 ** (1 - n), 2 / comb(2 * n, n))) if n else 1.0


def _mean(x: NDArray[np.float64], axis: int) -> Any:
    """Of values of about one: to twelve digits, so that sums of the same values in another order are equal."""
    return np.round(np.mean(x, axis=axis), 12)


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrected so that the smallest of all true ones falls below alpha with probability alpha at most.

    Sorted ascending: the k-th times (m - k + 1), never below the one before. Source: Holm 1979 (holm1979 in
    docs/bibliography.bib).
    """
    order, m = np.argsort(p_values, kind="stable"), len(p_values)
    found, highest = [0.0] * m, 0.0
    for rank, k in enumerate(order):
        highest = max(highest, min(1.0, (m - rank) * float(p_values[k])))
        found[k] = highest
    return found

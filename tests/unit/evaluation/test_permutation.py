"""Exact p-values, beside what is counted by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from pellucid.evaluation.permutation import dealing_p, holm, permutation_p, reachable_p, sign_p


def test_exact_p_values_are_counted_out() -> None:
    a = np.array([1.0, 2, 3, 4, 5])
    assert permutation_p(a + 10, a) == pytest.approx(2 * 2 / math.comb(10, 5))
    assert permutation_p(a, a) == 1
    # alike within seeds, far apart between them: the signs say more than the values
    wide = np.array([0.0, 10, 20, 30, 40, 50, 60, 70, 80])
    assert permutation_p(wide + 1, wide) == pytest.approx(2 * 2 / 2**9)
    assert reachable_p(5) == pytest.approx(4 / 252) and reachable_p(4) > 0.05 and reachable_p(0) == 1


def test_ties_count_whatever_the_order_of_the_arms() -> None:
    """Accuracies on a thousand images, beside the same in whole numbers, where nothing is rounded."""
    generator = np.random.default_rng(0)
    for n in (3, 4, 5) * 12:
        first, second = generator.integers(0, 6, n) + 978, generator.integers(1, 7, n) + 978
        values = np.concatenate([first, second])
        seen = abs(int(first.sum() - second.sum()))
        dealt = [
            abs(2 * int(values[list(one)].sum()) - int(values.sum()))
            for one in itertools.combinations(range(2 * n), n)
        ]
        expected = pytest.approx(np.mean([one >= seen for one in dealt]))
        a, b = first / 1000, second / 1000
        assert dealing_p(a, b) == expected and dealing_p(b, a) == expected
        assert permutation_p(a, b) == permutation_p(b, a)
        assert permutation_p(1e6 * a + 3, 1e6 * b + 3) == pytest.approx(permutation_p(a, b))


def test_holm_is_his_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == [] and holm([0.9, 0.8]) == [1.0, 1.0]


def test_signs_are_counted_out_for_any_number_of_seeds() -> None:
    generator = np.random.default_rng(0)
    for n in (3, 6, 11):
        for d in (generator.normal(0.3, 1, n), np.round(generator.normal(0.3, 1, n))):
            sums = np.array(list(itertools.product([1, -1], repeat=n))) @ d
            assert sign_p(d) == pytest.approx(np.mean(np.abs(sums) >= abs(d.sum()) - 1e-9))
    assert sign_p(np.arange(1.0, 41)) == pytest.approx(2.0**-39)
    near = generator.normal(0.3, 1, 40)  # counted out, and beyond drawn
    assert sign_p(np.append(near, 0.0)) == pytest.approx(sign_p(near), abs=0.004)
    many = generator.normal(0, 1, (2, 60))
    assert permutation_p(many[0] + 1, many[1]) < 1e-3 and permutation_p(many[0], many[1]) > 0.05

"""Shares of the variance: what was put in comes out, and shares sum to one."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.errors import UsageError
from pellucid.evaluation.grid import variance_shares


def test_shares_are_those_of_the_effects_that_were_put_in() -> None:
    a = np.array([-1.0, 0.0, 1.0])[:, None, None]
    b = np.array([-0.5, 0.5])[None, :, None]
    both = np.array([[1.0, -1.0], [-2.0, 2.0], [1.0, -1.0]])[:, :, None]  # rows and columns sum to zero
    noise = np.array([-0.25, 0.25])[None, None, :]
    found = variance_shares(3.0 + a + b + both + noise, ["a", "b"])
    squares = {"a": (a**2).mean(), "b": (b**2).mean(), "a x b": (both**2).mean(), "seeds and rest": (noise**2).mean()}
    total = sum(squares.values())
    assert found == pytest.approx({name: square / total for name, square in squares.items()})


def test_shares_sum_to_one_and_three_factors_have_three_pairs() -> None:
    found = variance_shares(np.random.default_rng(0).normal(size=(3, 2, 4, 5)), ["a", "b", "c"])
    assert list(found) == ["a", "b", "c", "a x b", "a x c", "b x c", "seeds and rest"]
    assert sum(found.values()) == pytest.approx(1) and min(found.values()) > 0


def test_a_grid_with_a_hole_or_other_axes_is_refused_and_equal_values_have_no_shares() -> None:
    assert variance_shares(np.ones((2, 2, 3)), ["a", "b"]) == {}
    with pytest.raises(UsageError, match="expected a full grid"):
        variance_shares(np.array([[1.0, np.nan], [1.0, 2.0]]), ["a"])
    with pytest.raises(UsageError, match="expected 1 factors and seeds, found 3 axes"):
        variance_shares(np.ones((2, 2, 2)), ["a"])

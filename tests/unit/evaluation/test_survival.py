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
    with pytest.raises(UsageError, match="expected at least one run"):
        survival([], [])

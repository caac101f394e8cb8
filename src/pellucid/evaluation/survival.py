"""Time to a threshold, of runs of which some never get there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pellucid.errors import UsageError


@dataclass(frozen=True)
class Survival:
    """Share of runs not at the threshold by each time (Kaplan and Meier 1958). median: NaN if never."""

    times: NDArray[np.float64]
    share: NDArray[np.float64]
    reached: int
    n: int
    median: float


def survival(times: Sequence[float], reached: Sequence[bool]) -> Survival:
    """times: of reaching the threshold, or of giving up where `reached` is False: censored, not dropped."""
    at, hit = np.asarray(times, np.float64), np.asarray(reached, bool)
    if not len(at):
        raise UsageError("times: expected at least one run, found none.")
    function = stats.ecdf(stats.CensoredData(uncensored=at[hit], right=at[~hit])).sf
    share = np.asarray(function.probabilities, np.float64)
    below = np.flatnonzero(share <= 0.5)
    quantiles = np.asarray(function.quantiles, np.float64)
    return Survival(quantiles, share, int(hit.sum()), len(at), float(quantiles[below[0]]) if len(below) else np.nan)

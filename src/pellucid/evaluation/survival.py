"""Time to a threshold, of runs of which some never get there."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pellucid.errors import UsageError


@dataclass(frozen=True)
class Survival:
    """Share of runs not at the threshold by each time (kaplan1958).

    median: the time by which half of them are there, NaN if never. low, high: its 95 % interval, where the limits of
    the share pass one half (brookmeyer1982, by the logarithm of the logarithm); NaN where they do not.
    """

    times: NDArray[np.float64]
    share: NDArray[np.float64]
    reached: int
    n: int
    median: float
    low: float
    high: float


def survival(times: Sequence[float], reached: Sequence[bool]) -> Survival:
    """times: of reaching the threshold, or of giving up where `reached` is False: censored, not dropped."""
    at, hit = np.asarray(times, np.float64), np.asarray(reached, bool)
    if not len(at):
        raise UsageError("times: expected at least one run, found none.")
    function = stats.ecdf(stats.CensoredData(uncensored=at[hit], right=at[~hit])).sf
    quantiles = np.asarray(function.quantiles, np.float64)

    def half(share: NDArray[np.float64]) -> float:
        """The first time by which `share` is at one half or below."""
        below = np.flatnonzero(share <= 0.5 + 1e-9)  # a product of fractions: one half comes out a little above
        return float(quantiles[below[0]]) if len(below) else np.nan

    share = np.asarray(function.probabilities, np.float64)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The confidence interval is undefined")  # where none or all are there
        limits: Any = function.confidence_interval(0.95, method="log-log")
        low, high = half(limits.low.probabilities), half(limits.high.probabilities)
    return Survival(quantiles, share, int(hit.sum()), len(at), half(share), low, high)

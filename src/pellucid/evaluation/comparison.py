"""Whether one configuration is better than another: differences paired by seed, their interval, p-value and verdict.

Two trainings differ by their seed too. Runs of one seed share the order of images, so differences are taken seed by
seed; what is left is compared with what their signs alone could give. Arithmetic is SciPy's.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf, isnan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pellucid.errors import UsageError
from pellucid.evaluation.permutation import holm, permutation_p, reachable_p

#: Probability of calling two equal arms different, over a whole family of pairs.
ALPHA = 0.05
#: Probability with which a real difference should be told, for the number of seeds it takes.
POWER = 0.8
#: Numbers of seeds at which a study that adds seeds until it is clear is looked at. Each look has the same share of
#: alpha, so that all of them together make a false claim with probability alpha at most, whatever ends them
#: (Bonferroni's spending, lan1983 in docs/bibliography.bib).
LOOKS = (6, 8, 11, 15, 20, 28, 40)
#: An effect that is rounding, or would take more seeds than anybody has.
NONE = 1e-4


@dataclass(frozen=True)
class Summary:
    """Of one arm's values over seeds: mean, standard deviation (n - 1) and a 95 % interval of the mean."""

    n: int
    mean: float
    sd: float
    low: float
    high: float


@dataclass(frozen=True)
class Both:
    """Two arms and their values, a value a seed in the same order; None where a run failed: the seed is left out.

    Raises UsageError where they have different numbers of seeds.
    """

    first: str
    second: str
    own: Sequence[float | None]
    theirs: Sequence[float | None]

    def __post_init__(self) -> None:
        if len(self.own) != len(self.theirs):
            told = f"{self.first} {len(self.own)}, {self.second} {len(self.theirs)}"
            raise UsageError(f"arms: expected the same seeds for all, found {told}.")

    def known(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of the seeds of which both have a value."""
        rows = [(a, b) for a, b in zip(self.own, self.theirs, strict=True) if a is not None and b is not None]
        own, theirs = (np.array([row[k] for row in rows], np.float64) for k in (0, 1))
        return own, theirs


@dataclass(frozen=True)
class Pair:
    """first less second, paired by seed. effect: mean over standard deviation of the differences.

    p: two-sided, of exact permutation tests; p_family: corrected for all pairs of the family. verdict: "better",
    "worse", "no difference" or "too few seeds"; words: it in words. more: seeds that would tell the difference seen,
    beyond those there are; needs: that in words, where it is open.
    """

    first: str
    second: str
    n: int
    difference: float
    low: float
    high: float
    effect: float
    p: float
    p_family: float
    verdict: str
    words: str
    more: int | None
    needs: str = ""

    @property
    def sentence(self) -> str:
        """The verdict and what would tell more."""
        return self.words + self.needs


def summary(values: Sequence[float], *, within: tuple[float, float] = (-inf, inf)) -> Summary:
    """Mean, spread and `interval`. within: where values can lie at all, such as accuracies in (0, 1): it ends there.

    Raises UsageError for no values.
    """
    found = np.asarray(values, np.float64)
    if not len(found):
        raise UsageError("values: expected at least one, found none.")
    mean, sd = float(found.mean()), float(found.std(ddof=1)) if len(found) > 1 else float("nan")
    low, high = np.clip(interval(found), *within).tolist()
    return Summary(len(found), mean, sd, low, high)


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """95 % of the mean; NaN for one value and for fewer than five that are equal, the value itself for more of those.

    Bias-corrected and accelerated bootstrap (Efron 1987) whose level is widened to

        1 - 2 Phi(-sqrt(n / (n - 1)) t(0.975, n - 1))

    since resampled means spread too little, by sqrt((n - 1) / n), and as the normal distribution where Student's is
    due (Hesterberg 2015): without it, five values cover their mean in 85 % where 95 are said. Student's own below
    five values. Sources: efron1987, hesterberg2015 (docs/bibliography.bib).
    """
    if len(values) < 2:
        return float("nan"), float("nan")
    if np.ptp(values) == 0:
        return (float(values[0]), float(values[0])) if len(values) >= 5 else (float("nan"), float("nan"))
    n = len(values)
    t = float(stats.t.ppf(0.975, n - 1))
    if n < 5:  # too few for resampling: it would see almost no spread
        half = t * float(stats.sem(values))
        return float(values.mean()) - half, float(values.mean()) + half
    level = 1 - 2 * float(stats.norm.sf(sqrt(n / (n - 1)) * t))
    generator = np.random.default_rng(0)
    drawn = stats.bootstrap((values,), np.mean, method="BCa", confidence_level=level, rng=generator)
    return float(drawn.confidence_interval.low), float(drawn.confidence_interval.high)


def seeds_needed(effect: float, *, alpha: float = ALPHA, power: float = POWER) -> int | None:
    """Pairs that tell a difference of `effect` standard deviations, by the paired t test; None for no effect.

    The smallest n whose noncentral t exceeds t's bound with probability `power`; never so few that `sign_p`, whose
    power that is, could not reach alpha. alpha is halved, since `permutation_p` doubles.
    """
    size = abs(effect)
    if isnan(size) or size < NONE:
        return None
    normal = ceil(((stats.norm.ppf(1 - alpha / 4) + stats.norm.ppf(power)) / size) ** 2)  # t needs as many or more
    least = max(signs_needed(alpha), normal)
    for n in range(least, 200):
        bound = stats.t.ppf(1 - alpha / 4, n - 1)
        if not stats.nct.sf(bound, n - 1, size * sqrt(n)) < power:  # NaN: an effect beyond all tables
            return n
    return least


def signs_needed(alpha: float = ALPHA) -> int:
    """The seeds from which on sign changes reach alpha in `permutation_p` with some signs unlike the others.

    From there on the t test's power is nearly theirs: 0.75 to 0.79 where it has 0.8 and there is one pair, 0.65 to
    0.75 where there are many (2,000 draws each); dealing has more where runs of one seed are not alike.
    """
    return next(n for n in range(3, 1000) if 8 * 2.0 ** (1 - n) <= alpha)


def detectable(sd: float, n: int, *, alpha: float = ALPHA, power: float = POWER) -> float:
    """The difference that n pairs of this spread tell with probability `power`, in the units of `sd`.

    As in `seeds_needed`: n should be `signs_needed` or more.
    """
    bound = stats.t.ppf(1 - alpha / 4, n - 1) + stats.t.ppf(power, n - 1)
    return float(bound * sd / sqrt(n))


def compare(
    arms: Mapping[str, Sequence[float | None]],
    *,
    unit: str = "points",
    scale: float = 100.0,
    higher: bool = True,
    alpha: float = ALPHA,
) -> list[Pair]:
    """Every two arms, as `compare_pairs` does: each a value a seed in the same order, None where a run failed."""
    pairs = [Both(one, two, arms[one], arms[two]) for one, two in itertools.combinations(arms, 2)]
    return compare_pairs(pairs, unit=unit, scale=scale, higher=higher, alpha=alpha)


def compare_pairs(
    pairs: Sequence[Both], *, unit: str = "points", scale: float = 100.0, higher: bool = True, alpha: float = ALPHA
) -> list[Pair]:
    """Whether the arms of each pair differ.

    unit, scale: of the words, such as points of accuracies. higher: whether more is better. p-values are corrected
    over all pairs that are looked at (`holm`): every two of some arms, or those named before there were values.
    alpha: probability of a false claim over all of them.
    """
    values = [pair.known() for pair in pairs]
    p_values = [permutation_p(a, b) if len(a) > 1 else 1.0 for a, b in values]
    corrected = holm(p_values)
    return [
        _pair(pair.first, pair.second, _differences(a, b), p, p_family, len(pairs), unit, scale, higher, alpha)
        for pair, (a, b), p, p_family in zip(pairs, values, p_values, corrected, strict=True)
    ]


def _differences(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """a - b, those alike that are but for rounding: 0.98 - 0.97 is not 0.97 - 0.96 in binary."""
    d = a - b
    rounding = 1e-12 * max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0))
    if len(d) and np.ptp(d) <= rounding:
        d[:] = 0.0 if abs(d[0]) <= rounding else d[0]
    return d


def _pair(
    first: str, second: str, d: NDArray[np.float64], p: float, p_family: float, family: int, unit: str, scale: float,
    higher: bool, alpha: float,
) -> Pair:  # fmt: skip
    n = len(d)
    mean = float(d.mean()) if n else float("nan")
    sd = (float(d.std(ddof=1)) if np.ptp(d) else 0.0) if n > 1 else float("nan")
    low, high = interval(d) if n else (float("nan"), float("nan"))
    if unit == "points":  # of shares, which differ by one at most; an interval from few seeds knows nothing of that
        low, high = np.clip((low, high), -1.0, 1.0).tolist()
    effect = mean / sd if n > 1 and sd > 0 else float("nan")
    needed = seeds_needed(effect, alpha=alpha / family) if n > 1 else None
    more = None if needed is None else max(0, needed - n)

    def told(value: float) -> str:
        return f"{abs(scale * value):.3g} {unit}".rstrip()

    reachable, needs = family * reachable_p(n) <= alpha, ""
    if p_family <= alpha and (low > 0 or high < 0):
        good = (mean > 0) == higher
        verdict = "better" if good else "worse"
        near, far = sorted((low, high), key=abs)
        words = f"{first} is {verdict} than {second} by {told(mean)} ({told(near)} to {told(far)})"
    elif not reachable or n < 3:
        verdict = "too few seeds"
        enough = seeds_to_say(n, family, alpha)
        powerful = max(n + enough, signs_needed(alpha / family))
        many = "that many" if powerful == n + enough else f"{powerful - n} more"
        size = told(detectable(sd, powerful, alpha=alpha / family)) if sd > 0 else ""
        could = f"; {many} would tell a difference of {size}" if size else ""
        words = f"too few seeds to say: {enough} more needed for {first} and {second}{could}"
        more = max(more or 0, enough)
    else:
        verdict = "no difference"
        largest = max(abs(low), abs(high))
        words = f"no difference larger than {told(largest)} shown between {first} and {second}"
        if not largest:
            words = f"no difference seen: {first} and {second} gave equal values in each of {n} seeds"
        if low > 0 or high < 0:
            chance = f", which among {family} pairs may be chance" if p <= alpha else ""
            words += f" ({told(mean)} seen, p = {p:.2g}{chance})"
        if more:
            needs = f"; about {more:,} more seed{'s' * (more > 1)} would tell {told(mean)}"
    return Pair(first, second, n, mean, low, high, effect, p, p_family, verdict, words, more, needs)


def seeds_to_say(n: int, family: int, alpha: float = ALPHA) -> int:
    """Seeds beyond n from which on anything can be said of a pair among `family`; 0 where that is so with n."""
    return next(k for k in range(1100) if family * reachable_p(n + k) <= alpha and n + k >= 3)

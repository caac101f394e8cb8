"""Whether one configuration is better than another: differences paired by seed, their interval, p-value and verdict.

Two trainings differ by their seed too. Runs of one seed share the order of images, so differences are taken seed by
seed; what is left is compared with what their signs alone could give. Arithmetic is SciPy's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, comb, isnan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pellucid.errors import UsageError

#: Probability of calling two equal arms different, over a whole family of pairs.
ALPHA = 0.05
#: Probability with which a real difference should be told, for the number of seeds it takes.
POWER = 0.8
#: Numbers of seeds at which a study that adds seeds until it is clear is looked at. Each look has the same share of
#: alpha, so that all of them together make a false claim with probability alpha at most, whatever ends them
#: (Bonferroni's spending, lan1983 in docs/bibliography.bib).
LOOKS = (6, 8, 11, 15, 20, 28, 40)
#: Ways to deal values to two arms up to which all are tried; beyond, as many at random.
EXACT = 2**14
#: Seeds up to which all choices of signs are counted out: 2^20 sums of each half.
COUNTED = 40
#: An effect that is rounding, or would take more seeds than anybody has.
NONE = 1e-4
#: As many as are tried at random where so few are as extreme that a small probability has to be told more exactly.
FINER = 2**18


@dataclass(frozen=True)
class Summary:
    """Of one arm's values over seeds: mean, standard deviation (n - 1) and a 95 % interval of the mean."""

    n: int
    mean: float
    sd: float
    low: float
    high: float


@dataclass(frozen=True)
class Pair:
    """first less second, paired by seed. effect: mean over standard deviation of the differences.

    p: two-sided, of exact permutation tests; p_family: corrected for all pairs of the family. verdict: "better",
    "worse", "no difference" or "too few seeds"; words: the sentence. more: seeds that would tell the difference seen,
    beyond those there are.
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


def summary(values: Sequence[float]) -> Summary:
    """Mean, spread and `interval`.

    Raises UsageError for no values.
    """
    found = np.asarray(values, np.float64)
    if not len(found):
        raise UsageError("values: expected at least one, found none.")
    mean, sd = float(found.mean()), float(found.std(ddof=1)) if len(found) > 1 else float("nan")
    low, high = interval(found)
    return Summary(len(found), mean, sd, low, high)


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """95 % of the mean; NaN for one value, the value itself where all are equal.

    Bias-corrected and accelerated bootstrap (Efron 1987) whose level is widened to

        1 - 2 Phi(-sqrt(n / (n - 1)) t(0.975, n - 1))

    since resampled means spread too little, by sqrt((n - 1) / n), and as the normal distribution where Student's is
    due (Hesterberg 2015): without it, five values cover their mean in 85 % where 95 are said. Student's own below
    five values. Sources: efron1987, hesterberg2015 (docs/bibliography.bib).
    """
    if len(values) < 2:
        return float("nan"), float("nan")
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    n = len(values)
    t = float(stats.t.ppf(0.975, n - 1))
    if n < 5:  # too few for resampling: it would see almost no spread
        half = t * float(stats.sem(values))
        return float(values.mean()) - half, float(values.mean()) + half
    level = 1 - 2 * float(stats.norm.sf(sqrt(n / (n - 1)) * t))
    generator = np.random.default_rng(0)
    drawn = stats.bootstrap((values,), np.mean, method="BCa", confidence_level=level, rng=generator)
    return float(drawn.confidence_interval.low), float(drawn.confidence_interval.high)


def permutation_p(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Two-sided p-value of two arms of the same seeds.

    Twice the smaller of two: that of all sign changes of the differences (`sign_p`, exact), which profits where runs
    of one seed are alike, and that of all ways to deal the values to two arms (`dealing_p`), which can say more with
    few seeds (five give 0.016 at best, not 0.06). The factor pays for choosing. 1 where all values are equal.
    """
    if not np.any(first - second):
        return 1.0
    return min(1.0, 2 * min(sign_p(first - second), dealing_p(first, second)))


def sign_p(d: NDArray[np.float64]) -> float:
    """Two-sided p-value of the sum of `d` among those with all 2^n choices of signs, counted out up to 40 values.

    All sums of each half of the values are made; how many of the one go with each of the other is looked up in sorted
    order, so that 2^(n/2) sums are enough. Sums as large as the one seen, up to rounding, count. Beyond 40 values
    `FINER` choices at random.
    """
    if len(d) > COUNTED:
        options: dict[str, Any] = {"vectorized": True, "n_resamples": FINER, "batch": EXACT}
        generator = np.random.default_rng(2)
        return float(
            stats.permutation_test((d,), np.mean, permutation_type="samples", rng=generator, **options).pvalue
        )
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
    first alone being small).
    """
    n = len(first)
    if min(first) > max(second) or min(second) > max(first):
        return 2 / comb(2 * n, n)  # of whole numbers: the divisor may be too large for a float

    def drawn(ways: int, seed: int) -> float:
        options: dict[str, Any] = {"vectorized": True, "n_resamples": ways, "batch": EXACT}
        generator = np.random.default_rng(seed)
        return float(
            stats.permutation_test(
                (first, second), _difference, permutation_type="independent", rng=generator, **options
            ).pvalue
        )

    found = drawn(EXACT, 0)
    if comb(2 * n, n) <= EXACT or found > 20 / EXACT:
        return found
    return drawn(FINER, 1)


def reachable_p(n: int) -> float:
    """The smallest p-value that n seeds can give."""
    return min(1.0, 2 * min(2.0 ** (1 - n), 2 / comb(2 * n, n))) if n else 1.0


def _difference(x: NDArray[np.float64], y: NDArray[np.float64], axis: int) -> Any:
    return np.mean(x, axis=axis) - np.mean(y, axis=axis)


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


def seeds_needed(effect: float, *, alpha: float = ALPHA, power: float = POWER) -> int | None:
    """Pairs that tell a difference of `effect` standard deviations, by the paired t test; None for no effect.

    The smallest n whose noncentral t exceeds t's bound with probability `power`; never so few that `sign_p`, whose
    power that is, could not reach alpha. alpha is halved, since `permutation_p` doubles.
    """
    size = abs(effect)
    if isnan(size) or size < NONE:
        return None
    for n in range(signs_needed(alpha), 100_000):
        bound = stats.t.ppf(1 - alpha / 4, n - 1)
        if 1 - stats.nct.cdf(bound, n - 1, size * sqrt(n)) >= power:
            return n
        if n > 200:
            return ceil(((stats.norm.ppf(1 - alpha / 4) + stats.norm.ppf(power)) / size) ** 2)
    return None


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
    """Every two arms, each a value a seed in the same order (None where a run failed: that seed is left out).

    unit, scale: of the words, such as points of accuracies. higher: whether more is better. p-values are corrected
    over all pairs (`holm`). alpha: probability of a false claim over all of them.

    Raises UsageError where arms have different numbers of seeds.
    """
    names = list(arms)
    if len({len(values) for values in arms.values()}) > 1:
        told = ", ".join(f"{name} {len(values)}" for name, values in arms.items())
        raise UsageError(f"arms: expected the same seeds for all, found {told}.")
    found: list[tuple[str, str, NDArray[np.float64], NDArray[np.float64]]] = []
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            rows = [(a, b) for a, b in zip(arms[first], arms[second], strict=True) if a is not None and b is not None]
            own, theirs = (np.array([row[k] for row in rows], np.float64) for k in (0, 1))
            found.append((first, second, own, theirs))
    p_values = [permutation_p(a, b) if len(a) > 1 else 1.0 for _, _, a, b in found]
    corrected = holm(p_values)
    return [
        _pair(first, second, a - b, p, p_family, len(found), unit, scale, higher, alpha)
        for (first, second, a, b), p, p_family in zip(found, p_values, corrected, strict=True)
    ]


def _pair(
    first: str, second: str, d: NDArray[np.float64], p: float, p_family: float, family: int, unit: str, scale: float,
    higher: bool, alpha: float,
) -> Pair:  # fmt: skip
    n = len(d)
    mean = float(d.mean()) if n else float("nan")
    sd = float(d.std(ddof=1)) if n > 1 else float("nan")
    low, high = interval(d) if n else (float("nan"), float("nan"))
    effect = mean / sd if n > 1 and sd > 0 else float("nan")
    needed = seeds_needed(effect, alpha=alpha / family) if n > 1 else None
    more = None if needed is None else max(0, needed - n)

    def told(value: float) -> str:
        return f"{abs(scale * value):.3g} {unit}"

    reachable = family * reachable_p(n) <= alpha
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
        if low > 0 or high < 0:
            words += f" ({told(mean)} seen, p = {p:.2g}, which among {family} pairs may be chance)"
        if more:
            words += f"; about {more} more seeds would tell {told(mean)}"
    return Pair(first, second, n, mean, low, high, effect, p, p_family, verdict, words, more)


def seeds_to_say(n: int, family: int, alpha: float = ALPHA) -> int:
    """Seeds beyond n from which on anything can be said of a pair among `family`; 0 where that is so with n."""
    return next(k for k in range(1100) if family * reachable_p(n + k) <= alpha and n + k >= 3)


@dataclass(frozen=True)
class Crossed:
    """A difference of accuracies over seeds and test images, both taken as drawn from many.

    low, high: 95 % of the difference over new seeds and new images. bottleneck: "none", "seeds" or "images"; more: of
    them, beyond those there are, that would tell a difference of this size with probability `POWER`.
    """

    difference: float
    low: float
    high: float
    bottleneck: str
    more: int
    words: str


def crossed(first: NDArray[np.bool_], second: NDArray[np.bool_], *, alpha: float = ALPHA) -> Crossed:
    """Two arms' right answers, seeds x images, the same seeds and images in both. alpha: of what more would tell.

        d_si = first_si - second_si = mean + a_s + b_i + e_si
        variance of the mean = var(a) / S + var(b) / I + var(e) / (S I)

    with the variances by the analysis of variance of the two-way table (Searle, Casella, McCulloch 1992). With ever
    more seeds var(b) / I is left: where that alone is too much, only more test images will do.
    """
    d = first.astype(np.float64) - second.astype(np.float64)
    seeds, images = d.shape
    mean = float(d.mean())
    by_seed, by_image = d.mean(1), d.mean(0)
    rest = d - by_seed[:, None] - by_image + mean
    if seeds < 2 or images < 2:
        raise UsageError(f"answers: expected two seeds and two images or more, found {seeds} and {images}.")
    error = float((rest**2).sum() / ((seeds - 1) * (images - 1)))
    of_seeds = max(0.0, float(by_seed.var(ddof=1)) - error / images)
    of_images = max(0.0, float(by_image.var(ddof=1)) - error / seeds)
    whole = of_seeds / seeds + of_images / images + error / (seeds * images)
    # few seeds: their share of the variance is itself known badly
    share = (of_seeds / seeds + error / (seeds * images)) / whole if whole else 0.0
    bound = float(stats.t.ppf(0.975, max(1.0, (seeds - 1) / max(share**2, 1e-9)))) if whole else 1.96
    half = bound * sqrt(whole)
    low, high = mean - half, mean + half
    points = f"{100 * mean:+.2f} points ({100 * low:+.2f} to {100 * high:+.2f} over new seeds and images)"
    if low > 0 or high < 0 or not mean:
        return Crossed(mean, low, high, "none", 0, points)
    bar = float((stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(POWER)) / abs(mean)) ** 2
    if of_images / images * bar < 1:
        needed = ceil((of_seeds + error / images) / (1 / bar - of_images / images))
        more = max(1, needed - seeds)
        return Crossed(mean, low, high, "seeds", more, f"{points}: inconclusive: about {more} more seeds")
    needed = ceil((of_images + error / seeds) * bar)
    more = max(1, needed - images)
    words = f"{points}: no number of seeds will do: about {more:,} more test images"
    return Crossed(mean, low, high, "images", more, words)


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> dict[str, Any]:
    """Two trained networks on one test set: the exact test on the images that one of them alone gets right.

    Under the hypothesis that both err alike, those right in the first alone are binomial with probability 1/2 among
    them. The interval of the difference of accuracies is Wald's with continuity, clipped. Source: McNemar 1947
    (mcnemar1947 in docs/bibliography.bib).
    """
    b, c, n = int((first & ~second).sum()), int((~first & second).sum()), len(first)
    p = float(stats.binomtest(b, b + c).pvalue) if b + c else 1.0
    difference = (b - c) / n
    half = 1.96 * sqrt(max((b + c) - (b - c) ** 2 / n, 0.0)) / n + 1 / n
    return {
        "first_alone": b,
        "second_alone": c,
        "difference": difference,
        "low": max(-1.0, difference - half),
        "high": min(1.0, difference + half),
        "p": p,
    }


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

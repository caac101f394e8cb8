"""Two arms, or two networks, image by image: what their answers to the same test images allow to say."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pellucid.errors import UsageError
from pellucid.evaluation.comparison import ALPHA, POWER

#: Times the test images there are, beyond which nobody is told how many more it takes.
BEYOND = 20


@dataclass(frozen=True)
class Crossed:
    """A difference of accuracies over seeds and test images, both taken as drawn from many.

    low, high: 95 % of the difference over new seeds and new images. bottleneck: "none" where it differs from zero at
    the level that was asked for, else "seeds" or "images"; more: of them, beyond those there are, that would tell a
    difference of this size with probability `POWER`.
    """

    difference: float
    low: float
    high: float
    bottleneck: str
    more: int
    words: str
    points: str


def crossed(
    first: NDArray[np.bool_], second: NDArray[np.bool_] | NDArray[np.float64], *, alpha: float = ALPHA
) -> Crossed:
    """Two arms' right answers, seeds x images, the same seeds and images in both; or one arm's, and a value for each.

    alpha: probability of a false claim; the interval is always one of 95 %.

        d_si = first_si - second_si = mean + a_s + b_i + e_si
        variance of the mean = var(a) / S + var(b) / I + var(e) / (S I)

    with the variances by the analysis of variance of the two-way table (Searle, Casella, McCulloch 1992). With ever
    more seeds var(b) / I is left: where that alone is too much, only more test images will do. Where all
    differences are the same, the interval is by the rule of three (hanley1983 in docs/bibliography.bib).
    """
    d = first.astype(np.float64) - second.astype(np.float64)
    seeds, images = d.shape
    mean = float(d.mean())
    mean = mean if abs(mean) > 1e-12 else 0.0  # a tie, but for rounding
    by_seed, by_image = d.mean(1), d.mean(0)
    rest = d - by_seed[:, None] - by_image + mean
    if seeds < 2 or images < 2:
        raise UsageError(f"answers: expected two seeds and two images or more, found {seeds} and {images}.")
    error = float((rest**2).sum() / ((seeds - 1) * (images - 1)))
    of_seeds = max(0.0, float(by_seed.var(ddof=1)) - error / images)
    of_images = max(0.0, float(by_image.var(ddof=1)) - error / seeds)
    whole = of_seeds / seeds + of_images / images + error / (seeds * images)
    if whole < 1e-15:  # nothing but rounding
        return _alike(mean, images, alpha)
    # few seeds: their share of the variance is itself known badly
    share = (of_seeds / seeds + error / (seeds * images)) / whole
    freedom = max(1.0, (seeds - 1) / max(share**2, 1e-9))
    low, high, points = _interval(mean, float(stats.t.ppf(0.975, freedom)) * sqrt(whole))
    if not mean or abs(mean) > float(stats.t.ppf(1 - alpha / 2, freedom)) * sqrt(whole):
        return Crossed(mean, low, high, "none", 0, points, points)
    doubt = "inconclusive" if low <= 0 <= high else "not enough for a claim, corrected for all pairs and looks"
    bar = float((stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(POWER)) / abs(mean)) ** 2
    if of_images / images * bar < 1:
        needed = ceil((of_seeds + error / images) / (1 / bar - of_images / images))
        spread = of_seeds + error / images, of_images / images
        more = max(1, _enough(max(needed, seeds + 1), abs(mean), *spread, alpha=alpha) - seeds)
        told = f"about {more:,} more seed{'s' * (more > 1)}"
        return Crossed(mean, low, high, "seeds", more, f"{points}: {doubt}: {told}", points)
    # of the variance that is allowed, half for the seeds where these alone are too few
    enough = seeds if of_seeds / seeds * bar < 1 else ceil(2 * of_seeds * bar)
    more = max(1, ceil((of_images + error / enough) / (1 / bar - of_seeds / enough)) - images)
    also = f"{enough - seeds:,} more seed{'s' * (enough - seeds > 1)} and " if enough > seeds else ""
    needs = _needs(more, images, also)
    if also:
        words = f"{points}: {doubt}, and seeds alone will not do: {needs}"
    else:
        words = f"{points}: {'' if low <= 0 <= high else f'{doubt}, and '}no number of seeds will do: {needs}"
    return Crossed(mean, low, high, "images", more, words, points)


def _interval(mean: float, half: float) -> tuple[float, float, str]:
    """Its ends, and the words."""
    low, high = max(-1.0, mean - half), min(1.0, mean + half)
    return low, high, f"{100 * mean:+.2f} points ({100 * low:+.2f} to {100 * high:+.2f} over new seeds and images)"


def _alike(mean: float, images: int, alpha: float) -> Crossed:
    """Where the difference is the same on every image: others may be up to ``-ln(alpha)`` in so many (hanley1983)."""
    low, high, points = _interval(mean, -log(0.05) / images)
    if not mean or abs(mean) > -log(alpha) / images:
        return Crossed(mean, low, high, "none", 0, points, points)
    more = max(1, ceil(-log(alpha) / abs(mean)) - images)
    words = f"{points}: no number of seeds will do: {_needs(more, images)}"
    return Crossed(mean, low, high, "images", more, words, points)


def _needs(more: int, images: int, also: str = "") -> str:
    """How many test images more than there are, in words."""
    if more > BEYOND * images:
        return f"a difference as small takes more than {BEYOND} times as many test images"
    return f"about {also}{more:,} more test image{'s' * (more > 1)}"


def _enough(least: int, mean: float, of_seeds: float, of_images: float, *, alpha: float) -> int:
    """Seeds from `least` on whose interval, by t as that of `crossed`, leaves out zero with probability `POWER`."""
    for seeds in range(least, least + 200):
        variance = of_seeds / seeds + of_images
        freedom = (seeds - 1) / max((of_seeds / seeds / variance) ** 2, 1e-9)
        bound = stats.t.ppf(1 - alpha / 2, freedom)
        # at many degrees of freedom the noncentral t is the normal, and SciPy's gives NaN for large arguments
        law = stats.norm(mean / sqrt(variance)) if freedom > 200 else stats.nct(freedom, mean / sqrt(variance))
        if not law.sf(bound) < POWER:
            return seeds
    return least + 200


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

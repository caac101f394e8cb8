"""What our runs say of the claims of a report."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pellucid.displays.numbers import difference_unit, limits, measured
from pellucid.evaluation.comparison import Pair, compare_pairs, summary
from pellucid.spec.recipe import higher_is_better
from pellucid.spec.study import Claim
from pellucid.verbs.study_verdicts import told_over_images

if TYPE_CHECKING:
    from pellucid.verbs.studied import Studied


#: Of a mean of accuracies: a tie is no miss.
_ROUNDING = 1e-12


def claims(found: Studied) -> list[tuple[str, str]]:
    """Each claim of the report with what our runs say of it.

    Claims of a difference were there before our runs: p-values are corrected over them, not over all pairs.
    """
    compared = _claimed_pairs(found)
    return [
        (claim.words, _reached(found, claim) if claim.least is not None else _answer(found, claim, compared))
        for claim in found.study.claims
    ]


def _claim_metric(found: Studied, claim: Claim) -> str:
    return claim.metric or found.study.metric


def _claimed_pairs(found: Studied) -> dict[str, list[Pair]]:
    """By metric, the pairs that are claimed to differ; alpha is shared out evenly among the metrics."""
    known = [one for one in found.study.claims if one.least is None and {one.first, one.second} <= set(found.chosen)]
    metrics = sorted({_claim_metric(found, one) for one in known})
    compared = {}
    for metric in metrics:
        chosen = [(str(one.first), str(one.second)) for one in known if _claim_metric(found, one) == metric]
        pairs = [found.beside(first, second, metric) for first, second in chosen]
        unit, scale = difference_unit(metric)
        higher, alpha = higher_is_better(metric), found.alpha / len(metrics)
        compared[metric] = compare_pairs(pairs, unit=unit, scale=scale, higher=higher, alpha=alpha)
    return compared


def _reached(found: Studied, claim: Claim) -> str:
    """Whether an arm comes to a value: by its mean, and by the interval."""
    metric = _claim_metric(found, claim)
    values = found.values(found.chosen[claim.first], metric) if claim.first in found.chosen else []
    known = [value for value in values if value is not None]
    if not known or claim.least is None:
        return "not answered: trials are missing"
    one = summary(known, within=limits(metric))
    higher = higher_is_better(metric)
    nearest, farthest = (one.low, one.high) if higher else (one.high, one.low)
    missed = found.missed(claim.first, metric)
    too_soon = f"; {missed} of {len(values)} runs were over before the threshold" if missed else ""

    def there(value: float) -> bool:
        least = float(claim.least or 0.0)
        return value >= least - _ROUNDING if higher else value <= least + _ROUNDING

    if missed:  # the mean is a lower bound: a run that was over too soon counts with what it was given
        some = any(row.reached for row in found.of(found.chosen[claim.first]))
        told = "open" if some and there(one.mean) else "no"
    elif there(one.mean):
        told = "yes" if there(nearest) else "on average"
    else:
        told = "not on average, though the interval holds it" if there(farthest) else "no"
    between = "" if np.isnan(one.low) or missed else f" ({measured(metric, one.low)} to {measured(metric, one.high)})"
    least, left_out = "at least " if missed else "", found.left_out(claim.first, metric=metric)
    words = f"{least}{measured(metric, one.mean)}{between}, n = {one.n}{too_soon}{left_out}"
    across = found.over_images_from(claim.first, claim.least) if metric == "test_accuracy" else None
    if across is None:
        return f"{told}: {words}"
    doubtful = across.bottleneck != "none" or across.low <= 0 <= across.high
    here = ", on these test images" * (told in ("yes", "no") and doubtful)
    return f"{told}{here}: {words} [{across.words}]"


def _answer(found: Studied, claim: Claim, compared: dict[str, list[Pair]]) -> str:
    pairs = compared.get(_claim_metric(found, claim), [])
    pair = next((one for one in pairs if (one.first, one.second) == (claim.first, claim.second)), None)
    if pair is None or not pair.n:
        return "not answered: trials are missing"
    told = {"better": "stands", "no difference": "not shown", "too few seeds": "open"}
    metric = _claim_metric(found, claim)
    whole = replace(pair, words=pair.words + found.less(pair.first, pair.second, metric))
    family = len(compared) * len(pairs)  # alpha is shared out among metrics, then among their pairs
    return f"{told.get(pair.verdict, 'the reverse is so')}: {told_over_images(found, whole, metric, family=family)}"

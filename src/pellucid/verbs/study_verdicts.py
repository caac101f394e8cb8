"""What a study says, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.displays.numbers import measured
from pellucid.evaluation.comparison import ALPHA, LOOKS, seeds_to_say
from pellucid.verbs.study_thresholds import TIMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pellucid.evaluation.comparison import Pair
    from pellucid.verbs.studied import Studied
    from pellucid.verbs.study_row import Row

#: Pairs without a verdict that are named one by one.
ONE_BY_ONE = 3


def standing(found: Studied) -> list[str]:
    """What can be said: the best arm, arms without a result, and every pair."""
    metric, lines = found.study.metric, []
    for arms in found.study.families():
        best = next((arm for arm in found.bests if arm in arms), None)
        if best is not None:
            lines.append(_first(found, best, arms))
    if len(found.bests) > 1:
        lines.append("arms are compared with those of the same data set alone")
    lines += [*_without_result(found), *_never_there(found)]
    few = [pair for pair in found.pairs if pair.verdict == "too few seeds"]
    together = len(few) > ONE_BY_ONE
    for pair in found.pairs:
        if pair in few and together:
            continue
        lines.append(told_over_images(found, pair, metric, family=len(found.pairs)))
    if together:
        pairs = len(found.pairs)
        more = max(seeds_to_say(pair.n, pairs, found.alpha) for pair in few)
        lines.append(
            f"too few seeds to say anything of {len(few):,} of the {pairs:,} pairs: {more} more seeds needed, or "
            "fewer configurations, since every pair counts in the correction"
        )
    return lines


def _first(found: Studied, best: str, arms: Sequence[str]) -> str:
    """What is said of the arm that validation prefers among those of its data set."""
    metric, alone = found.study.metric, len(arms) == 1 and len(found.chosen) > 1
    told, name = measured(metric, found.summaries[best].mean), metric.replace("_", " ")
    left_out, verb = found.left_out(best), "are" if metric in TIMES else "is"
    if found.chooser in TIMES and not any(row.reached for row in found.of(found.chosen[best])):
        of = f" with the data of {best}" if len(found.bests) > 1 else ""
        return f"no run of the arms{of} that have a result came to its threshold"
    words = "soonest at its threshold" if found.chooser in TIMES else "best on validation"
    words = "alone of its data set" if alone else words
    least = "at least " * bool(found.missed(best))
    return f"{words}: {best}; its {name} {verb} {least}{told}{left_out}"


def told_over_images(found: Studied, pair: Pair, metric: str, *, family: int) -> str:
    """What is said of a pair, and of its accuracies what new seeds and new test images would.

    family: pairs that the claim is one of. Where both are in doubt, what it needs is told once.
    """
    across = found.over_images(pair, family=family) if metric == "test_accuracy" else None
    if across is None:
        return pair.sentence
    if pair.verdict == "too few seeds":  # seeds of the other reckoning would contradict those it says
        return f"{pair.words} [{across.points}]"
    if across.bottleneck == "none":
        return f"{pair.sentence} [{across.words}]"
    if pair.verdict in ("better", "worse") and across.bottleneck == "seeds":
        more = f"about {across.more:,} more seed{'s' * (across.more > 1)} would show it on new ones too"
        return f"{pair.words}, on these test images [{across.points}: {more}]"
    if pair.verdict in ("better", "worse"):
        return f"{pair.words}, on these test images [{across.words}]"
    return f"{pair.words} [{across.words}]"


def cautions(found: Studied) -> list[str]:
    """What takes something away from all that: edges of ranges, seeds left out, seeds added after a look."""
    lines = [*found.on_edge, *_chosen_by_test(found), *_without_effect(found), *_in_two_precisions(found)]
    if found.other_seeds and found.pairs:
        lines.append(
            f"seeds {', '.join(map(str, found.other_seeds))} have runs too and are not counted: seeds that are "
            "chosen after a look can favour an arm"
        )
    clear = found.study.until_clear
    earlier = [look for look in found.looks if look < len(found.study.seeds) and not (clear and look in LOOKS)]
    if earlier and found.pairs and clear:
        lines.append(
            f"seen with {' and '.join(map(str, earlier))} seeds before they were added until it is clear: looks that "
            f"were not planned are not in the {100 * ALPHA:.0f} %"
        )
    elif earlier and found.pairs:
        seen, each = " and ".join(map(str, earlier)), 100 * ALPHA
        lines.append(
            f"seeds were added after a look at {seen}: {len(earlier) + 1} looks, each with {each:.0f} % of false "
            f"claims, make up to {each * (len(earlier) + 1):.0f} %; --until-clear keeps them to {each:.0f} %"
        )
    return lines


def _chosen_by_test(found: Studied) -> list[str]:
    """That test images chose the epoch, or the end, by whose test score the arms are compared."""
    if not found.study.metric.startswith("test_"):
        return []

    def by_test(row: Row) -> bool:
        chose = [row.recipe.get("monitor"), row.recipe.get("stop_metric") if row.stops else None]
        return any(str(one).startswith("test_") for one in chose)

    runs = sum(map(by_test, found.rows))
    if not runs:
        return []
    return [
        f"test images chose the epoch of {runs:,} of {len(found.rows):,} runs: their test scores are better than new "
        "images would give. Let validation images choose (monitor, stop_metric)"
    ]


def _without_effect(found: Studied) -> list[str]:
    """Pairs of which all runs gave the same loss to the last digit: an option that the others leave unused."""
    losses = {arm: found.values(config, "validation_loss") for arm, config in found.chosen.items()}
    return [
        f"{pair.first} and {pair.second} gave the same network in every seed: what sets them apart has no effect"
        for pair in found.pairs
        if pair.n > 1 and losses[pair.first] == losses[pair.second] and None not in losses[pair.first]
    ]


def _in_two_precisions(found: Studied) -> list[str]:
    """That some runs were trained in bf16 and others in float32, as a probe or the study decided."""
    used: dict[str, list[str]] = {}
    for arm, config in found.chosen.items():
        for precision in sorted({row.precision for row in found.of(config)} - {""}):
            used.setdefault(precision, []).append(arm)
    told = "; ".join(f"{precision}: {', '.join(arms)}" for precision, arms in sorted(used.items()))
    return [f"trained in different precisions, which may set them apart ({told})"] if len(used) > 1 else []


def _without_result(found: Studied) -> list[str]:
    """Arms of which no seed has a result: they are in no pair, which says nothing for them."""
    lines = []
    for arm, config in found.chosen.items():
        rows = found.of(config)
        if arm not in found.summaries and all(row.result is None for row in rows):
            lines.append(f"none of the {len(rows)} seeds of {arm} has a result ({rows[0].reason}): it is in no pair")
    return lines


def _never_there(found: Studied) -> list[str]:
    """Arms of which some runs were over before the threshold, and with what those count."""
    metric = found.study.metric
    if not (found.stops and metric in TIMES):
        return []
    lines = []
    for arm, config in found.chosen.items():
        rows = [row for row in found.of(config) if row.over and row.stops]
        missed = [row for row in rows if row.missed]
        if missed:
            words = f"{len(missed)} of {len(rows)} runs of {arm} were over before the threshold"
            lines.append(f"{words}: they count with {found.horizons.common(metric, config):.4g} {metric}")
    return lines

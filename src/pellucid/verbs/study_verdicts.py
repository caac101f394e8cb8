"""What a study says, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.displays.numbers import measured
from pellucid.evaluation.comparison import ALPHA, LOOKS, seeds_to_say
from pellucid.verbs.study_thresholds import TIMES

if TYPE_CHECKING:
    from pellucid.verbs.studied import Studied

#: Pairs without a verdict that are named one by one.
ONE_BY_ONE = 3


def standing(found: Studied) -> list[str]:
    """What can be said: the best arm, arms without a result, and every pair."""
    metric, lines = found.study.metric, []
    if found.best is not None and found.best in found.summaries:
        told = measured(metric, found.summaries[found.best].mean)
        left_out, name = found.left_out(found.best), metric.replace("_", " ")
        verb = "are" if metric in TIMES else "is"
        there = any(row.reached for row in found.of(found.chosen[found.best]))
        if found.chooser not in TIMES:
            lines.append(f"best on validation: {found.best}; its {name} {verb} {told}{left_out}")
        elif there:
            least = "at least " * bool(found.missed(found.best))
            lines.append(f"soonest at its threshold: {found.best}; its {name} {verb} {least}{told}{left_out}")
        else:
            lines.append("no run of the arms that have a result came to its threshold")
    lines += [*_without_result(found), *_never_there(found)]
    few = [pair for pair in found.pairs if pair.verdict == "too few seeds"]
    together = len(few) > ONE_BY_ONE
    for pair in found.pairs:
        if pair in few and together:
            continue
        across = found.over_images(pair) if metric == "test_accuracy" else None
        if across is None:
            lines.append(pair.sentence)
        else:  # what it needs is told once: of seeds and images where both are in doubt
            these = (
                ", on these test images"
                if pair.verdict in ("better", "worse") and across.bottleneck != "none"
                else ""
            )
            said = pair.sentence if across.bottleneck == "none" else pair.words
            # seeds that pairs of seeds take to say anything: those of the other reckoning would contradict them
            lines.append(f"{said}{these} [{across.points if pair in few else across.words}]")
    if together:
        pairs = len(found.pairs)
        more = seeds_to_say(len(found.study.seeds), pairs, found.alpha)
        lines.append(
            f"too few seeds to say anything of {len(few):,} of the {pairs:,} pairs: {more} more needed, or fewer "
            "configurations, since every pair counts in the correction"
        )
    return lines


def cautions(found: Studied) -> list[str]:
    """What takes something away from all that: edges of ranges, seeds left out, seeds added after a look."""
    lines = [*found.on_edge, *_without_effect(found), *_in_two_precisions(found)]
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

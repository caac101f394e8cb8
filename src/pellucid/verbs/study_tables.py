"""The tables of a study: its arms, every two of them, its trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pellucid.displays.numbers import difference_unit, measured, percent
from pellucid.displays.table import Table
from pellucid.spec.study import Config, label

if TYPE_CHECKING:
    from pellucid.verbs.studied import Studied


def arm_table(found: Studied) -> Table:
    """One row an arm: n, mean, spread, interval, validation accuracy, seconds, and what a report said."""

    def told(value: float | None) -> str | None:
        return None if value is None or np.isnan(value) else measured(found.study.metric, value)

    rows = []
    for arm, config in found.chosen.items():
        one = found.summaries.get(arm)
        known = [value for value in found.values(config, "validation_accuracy") if value is not None]
        seconds = [value for value in (row.value("seconds") for row in found.of(config)) if value is not None]
        reported, least = found.study.reported.get(arm), "≥ " * bool(found.missed(arm))
        rows.append(
            (
                _with_tuned(found, arm, config),
                one.n if one else 0,
                f"{least}{told(one.mean)}" if one else None,
                told(one.sd if one else None),
                told(one.low if one and not least else None),
                told(one.high if one and not least else None),
                percent(float(np.mean(known))) if known else None,
                _seconds(seconds),
                *((told(reported),) if found.study.reported else ()),
            )
        )
    columns = ("configuration", "n", "mean", "sd", "low", "high", "validation", "seconds")
    extra = ("reported",) if found.study.reported else ()
    return Table((*columns, *extra), rows, title=f"{found.study.metric.replace('_', ' ')}, 95 % intervals")


def pair_table(found: Studied) -> Table:
    """Every two arms: the difference with its interval, its size in standard deviations, and p-values."""
    unit, scale = difference_unit(found.study.metric)

    def told(value: float, form: str = "+.2f" if unit == "points" else "+.4g") -> str | None:
        return None if np.isnan(value) else f"{value:{form}}"

    rows = [
        (pair.first, pair.second, pair.n, *(told(scale * one) for one in (pair.difference, pair.low, pair.high)),
         told(pair.effect, "+.2f"), pair.p, pair.p_family, pair.verdict)
        for pair in found.pairs
    ]  # fmt: skip
    columns = ("first", "second", "n", unit or "difference", "low", "high", "effect size", "p", "p, corrected")
    return Table((*columns, "verdict"), rows, title="Every two, first less second, paired by seed")


def trial_table(found: Studied) -> Table:
    """One row a trial."""
    rows = [
        (
            row.trial.label,
            row.trial.seed,
            row.status,
            row.value("validation_accuracy"),
            row.value("test_accuracy") if found.is_told(row) else None,
            row.reason,
        )
        for row in found.rows
    ]
    return Table(("configuration", "seed", "status", "validation", "test", "reason"), rows)


def _with_tuned(found: Studied, arm: str, config: Config) -> str:
    """An arm's name, with the values that validation chose, where it had anything to choose by."""
    chosen = {factor.name: config[factor.name] for factor in found.study.tuned if arm in found.summaries}
    return f"{arm} ({label(chosen)})" if chosen else arm


def _seconds(values: Sequence[float]) -> float | int | None:
    """The median, to two digits below ten."""
    if not values:
        return None
    median = float(np.median(values))
    return round(median) if median >= 10 else float(f"{median:.2g}")

"""What a report says of a study in other metrics, beside what its runs give."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from pellucid.displays.numbers import limits, measured
from pellucid.displays.table import Table
from pellucid.evaluation.comparison import summary

if TYPE_CHECKING:
    from pellucid.verbs.studied import Studied


def other_numbers(found: Studied) -> Table | None:
    """Each number of `Study.also_reported` with n, mean and interval of ours; None for none.

    Ours are of the epoch that validation prefers, a report's often the best of the whole training.
    """
    rows: list[tuple[str | int | None, ...]] = []
    for said in found.study.also_reported:
        words, reported = said.metric.replace("_", " "), measured(said.metric, said.value)
        config = found.chosen.get(said.arm)
        values = [] if config is None else found.values(config, said.metric)
        known = [value for value in values if value is not None]
        if not known:
            rows.append((said.arm, words, 0, None, None, None, reported))
            continue
        ours = summary(known, within=limits(said.metric))
        told = (None if isnan(one) else measured(said.metric, one) for one in (ours.mean, ours.low, ours.high))
        rows.append((said.arm, words, ours.n, *told, reported))
    columns = ("configuration", "number", "n", "mean", "low", "high", "reported")
    return Table(columns, rows, title="Other numbers of the report, 95 % intervals") if rows else None

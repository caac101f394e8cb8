"""What a report says of a study in other metrics, beside what its runs give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.displays.numbers import measured
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
        known = [value for value in found.values(found.chosen[said.arm], said.metric) if value is not None]
        if not known:
            rows.append((said.arm, _words(said.metric), 0, None, None, None, measured(said.metric, said.value)))
            continue
        ours = summary(known, share=said.metric.endswith("accuracy"))
        bounds = (ours.low, ours.high) if ours.n > 1 else (None, None)
        told = (None if value is None else measured(said.metric, value) for value in (ours.mean, *bounds))
        rows.append((said.arm, _words(said.metric), ours.n, *told, measured(said.metric, said.value)))
    columns = ("configuration", "number", "n", "mean", "low", "high", "reported")
    return Table(columns, rows, title="Other numbers of the report, 95 % intervals") if rows else None


def _words(metric: str) -> str:
    return metric.replace("_", " ")

"""Time to a threshold of a study's arms, with the runs that never got there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.displays.table import Table
from pellucid.evaluation.survival import Survival, survival
from pellucid.spec.study import Config

if TYPE_CHECKING:
    from pellucid.verbs.studied import Studied

#: What is waited for: numbers of a run's result.
TIMES = ("epochs", "seconds")


def threshold_table(found: Studied) -> Table:
    """Of each arm how many runs got to the threshold, and the time by which half of them did; - where not known."""

    def told(value: float) -> float | None:
        return None if np.isnan(value) else round(value) if value >= 100 else float(f"{value:.3g}")

    rows = []
    for arm, one in medians(found).items():
        times = (told(one[metric][what]) for metric in TIMES for what in ("median", "low", "high"))
        rows.append((arm, one["n"], one["reached"], *times))
    columns = ("configuration", "n", "there", "epochs", "low", "high", "seconds", "low", "high")
    return Table(columns, rows, title="Median time to the threshold, 95 % intervals")


def medians(found: Studied) -> dict[str, Any]:
    """The table for programs: of each arm n, how many got there, and the medians of epochs and seconds."""
    told: dict[str, Any] = {}
    for arm, config in found.chosen.items():
        known = {metric: one for metric in TIMES if (one := waiting(found, config, metric))}
        if known:  # either all times or none
            times = {name: {"median": one.median, "low": one.low, "high": one.high} for name, one in known.items()}
            told[arm] = {"n": known["epochs"].n, "reached": known["epochs"].reached, **times}
    return told


def waiting(found: Studied, config: Config, metric: str) -> Survival | None:
    """Kaplan and Meier's estimate of "epochs" or "seconds"; None for an arm of which no run is over.

    A run that used up what it was given is censored where it ended: of later times it says nothing. One that gave up
    or diverged would not have got there: it is censored at the last moment that any run saw, not when it ended, which
    would count it out of those still to come.
    """
    rows = [row for row in found.of(config) if row.over]
    hit = [row.reached for row in rows]
    times = [float(row.value(metric) or 0.0) if row.reached or row.used_up else found.longest(metric) for row in rows]
    return survival(times, hit) if times else None

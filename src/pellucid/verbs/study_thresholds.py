"""Time to a threshold of a study's arms, with the runs that never got there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.displays.table import Table
from pellucid.evaluation.survival import Survival, survival
from pellucid.spec.study import Config

if TYPE_CHECKING:
    from pellucid.verbs.studied import Studied


def threshold_table(found: Studied) -> Table:
    """Of each arm how many runs got to the threshold, and the time by which half of them did; - where not known."""

    def told(value: float) -> float | None:
        return None if np.isnan(value) else round(value) if value >= 100 else float(f"{value:.3g}")

    rows = []
    for arm, config in found.chosen.items():
        epochs, seconds = (waiting(found, config, metric) for metric in ("epochs", "seconds"))
        if epochs and seconds:
            times = (told(value) for one in (epochs, seconds) for value in (one.median, one.low, one.high))
            rows.append((arm, epochs.n, epochs.reached, *times))
    columns = ("configuration", "n", "there", "epochs", "low", "high", "seconds", "low", "high")
    return Table(columns, rows, title="Median time to the threshold, 95 % intervals")


def medians(found: Studied) -> dict[str, Any]:
    """The table for programs: of each arm n, how many got there, and the medians of epochs and seconds."""
    told: dict[str, Any] = {}
    for arm, config in found.chosen.items():
        known = {metric: waiting(found, config, metric) for metric in ("epochs", "seconds")}
        both = {
            metric: {"median": one.median, "low": one.low, "high": one.high} for metric, one in known.items() if one
        }
        if one := known["epochs"]:
            told[arm] = {"n": one.n, "reached": one.reached, **both}
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

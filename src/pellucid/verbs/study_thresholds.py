"""Time to a threshold of a study's arms, with the runs that never got there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.displays.table import Table
from pellucid.evaluation.survival import Survival, survival
from pellucid.spec.study import Config
from pellucid.verbs.study_row import Row, key_of

if TYPE_CHECKING:
    from pellucid.verbs.studied import Studied

#: What is waited for: numbers of a run's result.
TIMES = ("epochs", "seconds")


class Horizons:
    """To which epochs or seconds the runs of a study can be compared that wait for its threshold.

    by_config: its runs by configuration, as `key_of` names them.
    """

    def __init__(self, by_config: Mapping[str, Sequence[Row]]) -> None:
        self.by_config = by_config
        self._used_up: dict[str, dict[str, float]] = {}
        self._longest: dict[tuple[str, str], float] = {}

    def common(self, metric: str, *configs: Config) -> float:
        """The "epochs" or "seconds" to which the runs of these can be compared: means are restricted to them.

        What is not at its threshold by then counts with it, however early it gave up (royston2013). The shortest of
        the runs that used up what they were given without reaching it: of longer times they say nothing. Without such
        runs the most that one of the study was given, or took; where a clock ends them, one of the configuration.
        """
        return min(self.used_up(metric).get(key_of(config), self.longest(metric, config)) for config in configs)

    def used_up(self, metric: str) -> dict[str, float]:
        """By configuration the shortest of its runs that used up what they were given; only where there are such."""
        if metric not in self._used_up:
            used = {
                key: [row.value(metric) for row in rows if row.missed and row.used_up]
                for key, rows in self.by_config.items()
            }
            known = {key: [value for value in values if value is not None] for key, values in used.items()}
            self._used_up[metric] = {key: min(values) for key, values in known.items() if values}
        return self._used_up[metric]

    def longest(self, metric: str, config: Config) -> float:
        """The most "epochs" that a run of the study was given, or the most "seconds" that one took.

        Where the clock ends the runs of the configuration, the seconds that they were given, or so many epochs as
        they had time for: another one may be faster.
        """
        key = metric, key_of(config)
        if key not in self._longest:
            every, own = [row for rows in self.by_config.values() for row in rows], self.by_config.get(key[1], ())
            budgets = [float(row.recipe["time_budget"]) for row in own if row.recipe.get("time_budget") is not None]
            asked = [float(row.recipe["epochs"]) for row in every if row.recipe and metric == "epochs"]
            if budgets:
                asked = budgets if metric == "seconds" else [_in_time(row) for row in own]
            mine = [value for row in own if (value := row.value(metric)) is not None]
            taken = [value for row in every if (value := row.value(metric)) is not None]
            known = [*mine, *asked] if budgets else [*taken, *asked]
            self._longest[key] = max(known, default=0.0) or max(taken, default=0.0)
        return self._longest[key]

    def told(self, metric: str, *configs: Config) -> str:
        """The horizon in words, where it cuts any of these; else nothing."""
        cuts = any(key_of(config) in self.used_up(metric) for config in configs)
        return f" (up to {self.common(metric, *configs):.4g} {metric})" if cuts else ""


def _in_time(row: Row) -> float:
    """Epochs for which the seconds that a run was given would do, by what it took; 0 where nothing is known."""
    took, seconds = row.value("epochs"), row.value("seconds")
    if not took or not seconds:
        return 0.0
    return min(float(row.recipe["epochs"]), float(row.recipe["time_budget"]) * took / seconds)


def waited(row: Row, metric: str, horizon: float) -> float | None:
    """Epochs or seconds of a run, cut at the horizon; of one that ended before its threshold the horizon."""
    value = row.value(metric)
    if not row.stops or not row.over:
        return value
    return horizon if row.missed or value is None else min(value, horizon)


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
    times = [
        float(row.value(metric) or 0.0) if row.reached or row.used_up else found.horizons.longest(metric, config)
        for row in rows
    ]
    return survival(times, hit) if times else None

"""Learning curves of several seeds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from statistics import fmean
from types import MappingProxyType

from pellucid.displays.curves import Curves, Series


def seed_curves(
    runs: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]],
    *,
    broken_off: Mapping[str, Collection[str]] = MappingProxyType({}),
    x_title: str = "epoch",
    y_title: str = "validation accuracy",
    percent: bool = True,
    log_x: bool = False,
    log_y: bool = False,
) -> Curves:
    """Of each configuration the mean over seeds, the band between lowest and highest, and each run as a thin line.

    runs: by configuration and by run, where the run was (epochs, steps or seconds) and its values there. The mean
    ends where the shortest run does; its places are means too, since seconds differ from run to run. broken_off: by
    configuration, runs that diverged or are not over: they are lines alone, or one would end the mean of all.
    """
    series = []
    for name, every in runs.items():
        lines = {run: line for run, line in every.items() if run not in broken_off.get(name, ())}
        length = min((len(values) for _, values in lines.values()), default=0)
        if length:
            columns = list(zip(*(values[:length] for _, values in lines.values()), strict=True))
            places = zip(*(at[:length] for at, _ in lines.values()), strict=True)
            low, high = [min(one) for one in columns], [max(one) for one in columns]
            series.append(Series(name, [fmean(one) for one in places], [fmean(one) for one in columns], low, high))
    drawn = {one.name for one in series}
    if any(len(lines) > 1 or (lines and name not in drawn) for name, lines in runs.items()):
        series += [
            Series(f"{name}, {run}", list(at), list(values), of=name)
            for name, lines in runs.items()
            for run, (at, values) in lines.items()
        ]
    return Curves(
        series, x_title, y_title, title="Mean and range over seeds", percent=percent, log_x=log_x, log_y=log_y
    )

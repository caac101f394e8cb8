"""How long until a threshold is passed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pellucid.displays.curves import Curves, Series


def time_to_threshold(
    waiting: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, unit: str = "epoch"
) -> Curves:
    """Share of runs that are not there yet by each time, with those that never were censored, not dropped.

    waiting: by configuration, times and the share still waiting after each (Kaplan and Meier's estimate). Each line
    holds its height until the next time.
    """
    series = []
    for name, (times, share) in waiting.items():
        x, y = [0.0], [1.0]
        for at, value in zip(times, share, strict=True):
            x += [at, at]
            y += [y[-1], value]
        series.append(Series(name, x, y))
    return Curves(series, unit, "not there yet", title="Time to the threshold (Kaplan-Meier)", percent=True)

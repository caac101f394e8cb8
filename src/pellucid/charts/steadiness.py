"""How alike the curves of several seeds are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import stdev

from pellucid.displays.curves import Curves, Series


def steadiness(
    runs: Mapping[str, Sequence[Sequence[float]]], *, y_title: str = "validation accuracy", percent: bool = True
) -> Curves:
    """Standard deviation over seeds after each epoch: low and falling where trainings end alike whatever the seed.

    runs: by configuration, one sequence a seed with a value an epoch; configurations of one seed are left out.
    """
    series = []
    for name, lines in runs.items():
        length = min((len(one) for one in lines), default=0)
        if len(lines) > 1 and length:
            spread = [stdev(one) for one in zip(*(one[:length] for one in lines), strict=True)]
            series.append(Series(name, list(range(1, length + 1)), spread))
    return Curves(
        series, "epoch", f"standard deviation of {y_title}", title="Spread over seeds by epoch", percent=percent
    )

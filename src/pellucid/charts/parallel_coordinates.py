"""Configurations as lines through their settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.displays.parallel import Parallel


def parallel_coordinates(
    configurations: Sequence[Mapping[str, Any]],
    *,
    values: Sequence[float],
    value_title: str = "validation accuracy",
    percent: bool = True,
) -> Parallel:
    """A line a configuration through its value of every factor to what came of it, coloured by that.

    Factors that are numbers above zero over more than one decade have logarithmic axes. A factor that a configuration
    does not have is passed at "-".
    """
    return Parallel(
        configurations, list(values), value_title, title="Settings and what came of them", percent=percent
    )

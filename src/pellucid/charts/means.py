"""Means with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pellucid.displays.bars import Bars


def means(
    mean: Mapping[str, float],
    *,
    low: Sequence[float],
    high: Sequence[float],
    count: Sequence[int],
    value_title: str = "test accuracy",
    title: str = "Means over seeds with 95 % intervals",
    percent: bool = True,
) -> Bars:
    """Means of configurations, or of levels of a factor, with their intervals and how many values stand behind each.

    low, high: ends of the intervals, NaN for none.
    """
    values = list(mean.values())
    return Bars(
        list(mean),
        values,
        value_title,
        low=[value if end != end else end for value, end in zip(values, low, strict=True)],
        high=[value if end != end else end for value, end in zip(values, high, strict=True)],
        notes=[f"n = {n}" for n in count],
        title=title,
        percent=percent,
        zero=False,
    )

"""Numbers as people read them: one way of writing each, in tables, on pages and in the terminal."""

from __future__ import annotations

from math import inf


def percent(value: float | None, none: str = "-") -> str:
    """A share of one with two digits; `none` where there is no value.

    >>> percent(0.9871), percent(None)
    ('98.71 %', '-')
    """
    return none if value is None else f"{100 * value:.2f} %"


def measured(metric: str, value: float) -> str:
    """A value of a metric by its name: accuracies and falls of them in percent, all others with four digits.

    >>> measured("test_accuracy", 0.9871), measured("test_loss", 0.043219)
    ('98.71 %', '0.04322')
    """
    return percent(value) if is_share(metric) else f"{value:.4g}"


def duration(seconds: float | None, none: str = "-") -> str:
    """A time in seconds below a minute and a half, in minutes below one and a half hours, else in hours.

    >>> duration(4.26), duration(45), duration(720), duration(12600)
    ('4.3 s', '45 s', '12 min', '3.5 h')
    """
    if seconds is None:
        return none
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def limits(metric: str) -> tuple[float, float]:
    """Between which values a metric can lie: accuracies and falls of them from 0 to 1, all others from 0 on.

    >>> limits("test_accuracy"), limits("test_loss")
    ((0.0, 1.0), (0.0, inf))
    """
    return 0.0, 1.0 if is_share(metric) else inf


def difference_unit(metric: str) -> tuple[str, float]:
    """The word and factor of differences of a metric."""
    if is_share(metric):
        return "points", 100.0
    return {"epochs": "epochs", "seconds": "seconds"}.get(metric, ""), 1.0


def is_share(metric: str) -> bool:
    """Whether a metric is a share of one, or a difference of two."""
    return metric.endswith("accuracy") or metric == "largest_fall"

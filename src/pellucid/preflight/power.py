"""What numbers of images allow to conclude, before anything is trained.

Half-width of the 95 % interval of an accuracy p from n images (Wilson 1927):

    z / (1 + z^2/n) * sqrt(p (1 - p) / n + z^2 / (4 n^2))

Smallest difference between two networks judged on the same n images that a two-sided test at 5 % finds in 80 % of
cases, where they disagree on a share d of the images (McNemar's test; Connor 1987):

    z_a sqrt(d / n) + z_b sqrt((d - delta^2) / n) = delta
"""

from __future__ import annotations

from math import ceil, sqrt

from pellucid.errors import DataError

LEVEL, POWER = 0.05, 0.8


def half_width(n: int, accuracy: float = 0.5) -> float:
    """Half of the 95 % Wilson interval of `accuracy` from `n` images, as a fraction; widest at 0.5.

    >>> round(half_width(100), 3)
    0.096
    """
    _check(n)
    z = _quantile(1 - LEVEL / 2)
    return z / (1 + z * z / n) * sqrt(accuracy * (1 - accuracy) / n + z * z / (4 * n * n))


def detectable_difference(n: int, *, disagreement: float = 0.1) -> float | None:
    """Smallest difference of two accuracies, as a fraction, found on the same `n` images with 80 % power at 5 %.

    disagreement: share of the images that just one of the two gets right. The difference cannot be above it: None
    where even that would not be found on so few images.

    >>> round(detectable_difference(10_000, disagreement=0.1), 4)
    0.0089
    """
    _check(n)
    z_a, z_b = _quantile(1 - LEVEL / 2), _quantile(POWER)
    # delta = z_a sqrt(d/n) + z_b sqrt((d - delta^2)/n), solved for delta: a quadratic
    a, constant = z_b * z_b / n, z_a * sqrt(disagreement / n)
    inside = constant**2 - (1 + a) * (constant**2 - a * disagreement)
    delta = (constant + sqrt(max(inside, 0.0))) / (1 + a)
    return delta if inside >= 0 and delta <= disagreement else None


def images_needed(difference: float, *, disagreement: float = 0.1) -> int:
    """Test images on which a `difference` of two accuracies is found with 80 % power at 5 %.

    Raises DataError for a difference that is not between 0 and the disagreement.

    >>> images_needed(0.01, disagreement=0.1)
    7847
    """
    if not 0 < difference <= disagreement:
        raise DataError(f"difference: expected above 0 and at most {disagreement}, found {difference}.")
    z_a, z_b = _quantile(1 - LEVEL / 2), _quantile(POWER)
    root = z_a * sqrt(disagreement) + z_b * sqrt(disagreement - difference**2)
    return ceil((root / difference) ** 2)


def _quantile(probability: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(probability))


def _check(n: int) -> None:
    if n < 1:
        raise DataError(f"images: expected 1 or more, found {n}.")

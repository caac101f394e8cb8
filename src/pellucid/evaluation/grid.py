"""What each factor of a grid does: main effects and interactions as shares of the variance."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import UsageError


def variance_shares(values: NDArray[np.float64], names: Sequence[str]) -> dict[str, float]:
    """Share of the sum of squares of each factor, of each two together beyond their own, and of the rest.

    values: levels of the first factor x levels of the second x ... x seeds, all known. The effect of a set of factors
    is the mean over the other axes less the effects of its subsets, as in the analysis of variance of a full grid;
    "seeds and rest" is what is left: seeds, and three or more factors together. Shares sum to 1; empty where all
    values are equal. Source: Fisher 1925 (fisher1925 in docs/bibliography.bib).

    Raises UsageError for another number of axes than names and seeds, or a value that is not known.

    >>> variance_shares(np.array([[[1.0, 1.0], [2.0, 2.0]], [[3.0, 3.0], [4.0, 4.0]]]), ["a", "b"])
    {'a': 0.8, 'b': 0.2, 'a x b': 0.0, 'seeds and rest': 0.0}
    """
    if values.ndim != len(names) + 1:
        raise UsageError(f"values: expected {len(names)} factors and seeds, found {values.ndim} axes.")
    if not np.isfinite(values).all():
        raise UsageError("values: expected a full grid, found a value missing. Leave out the trials that failed.")
    if not np.ptp(values):  # their mean may be off by rounding
        return {}
    total = float(((values - values.mean()) ** 2).sum())
    effects: dict[tuple[int, ...], NDArray[np.float64]] = {(): np.full((1,) * values.ndim, values.mean())}
    found = {}
    for size in (1, 2):
        for chosen in itertools.combinations(range(len(names)), size):
            others = tuple(axis for axis in range(values.ndim) if axis not in chosen)
            effect = values.mean(axis=others, keepdims=True)
            for smaller in range(size):
                for part in itertools.combinations(chosen, smaller):
                    effect = effect - effects[part]
            effects[chosen] = effect
            square = float((effect**2).sum()) * values.size / effect.size
            found[" x ".join(names[axis] for axis in chosen)] = square / total
    found["seeds and rest"] = max(0.0, 1 - sum(found.values()))
    return {name: round(share, 12) for name, share in found.items()}

"""How far two arrays are apart, and where most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Difference:
    """absolute: the largest. relative: over the larger of the expected array's largest value and `floor`.

    place: where it is the largest, with both values there; shapes where these differ.
    """

    absolute: float
    relative: float
    place: tuple[int, ...]
    found: float
    expected: float
    shapes: str = ""

    @property
    def words(self) -> str:
        """In a sentence's part."""
        if self.shapes:
            return self.shapes
        at = f"[{', '.join(map(str, self.place))}]"
        return f"at {at} {self.found:.6g} instead of {self.expected:.6g} (relative {self.relative:.1e})"


def difference(found: Any, expected: NDArray[Any], *, floor: float = 0.0) -> Difference:
    """`found` against `expected`. What is no array, of another shape or not finite is infinitely far."""
    infinite = float("inf")
    array = np.asarray(found) if found is not None else None
    if array is None or array.dtype == object or array.shape != expected.shape:
        told = "nothing" if array is None else f"shape {array.shape}"
        return Difference(
            infinite, infinite, (), infinite, infinite, f"expected shape {expected.shape}, found {told}"
        )
    if not expected.size:
        return Difference(0.0, 0.0, (), 0.0, 0.0)
    apart = np.abs(array.astype(np.float64) - expected.astype(np.float64))
    apart[~np.isfinite(apart)] = infinite
    place = tuple(int(one) for one in np.unravel_index(int(apart.argmax()), apart.shape))
    scale = max(float(np.abs(expected).max()), floor, 1e-300)
    worst = float(apart[place])
    return Difference(worst, worst / scale, place, float(array[place]), float(expected[place]))

"""Whether confidence can be believed."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.displays.curves import Curves, Series
from pellucid.displays.numbers import percent


def calibration_curve(
    confidence: Sequence[float], *, accuracy: Sequence[float], count: Sequence[int], error: float
) -> Curves:
    """Accuracy against mean confidence in each bin that holds images; on the dashed line confidence is right.

    error: the expected calibration error, shown in the title.
    """
    some = [k for k, n in enumerate(count) if n]
    return Curves(
        [
            Series("this network", [confidence[k] for k in some], [accuracy[k] for k in some]),
            Series("perfect", [0.0, 1.0], [0.0, 1.0], dashed=True),
        ],
        "confidence",
        "accuracy",
        title=f"Calibration, expected error {percent(error)}",
        percent=True,
        width=300,
        height=300,
    )

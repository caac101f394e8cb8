"""Two factors together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.displays.heatmap import Heatmap


def interaction(
    mean: NDArray[Any],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    row_title: str,
    column_title: str,
    percent: bool = True,
) -> Heatmap:
    """Mean of each combination of two factors' levels; without interaction every row has the same steps.

    mean: rows x columns, NaN where nothing is known.
    """
    words = "{:.1%}" if percent else "{:.3g}"
    texts = [["" if np.isnan(value) else words.format(value) for value in row] for row in mean]
    return Heatmap(
        mean,
        rows,
        columns,
        row_title,
        column_title,
        "mean",
        texts=texts,
        value_format=".1%" if percent else ".3g",
        title="Mean of each combination",
        from_zero=False,
        cell=56,
    )

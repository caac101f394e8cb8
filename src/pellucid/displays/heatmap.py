"""A matrix as coloured cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.displays.chart import Chart, inline, nothing
from pellucid.displays.display import plain
from pellucid.displays.palette import DIVERGING, SEQUENTIAL
from pellucid.displays.svg import printable


@dataclass(frozen=True, eq=False)
class Heatmap(Chart):
    """values: rows x columns, which colour the cells. texts: what stands in them (the values, if empty).

    diverging: for signed values, the scale centred at zero. from_zero: whether it begins there, as for counts and
    shares of a whole; else at the lowest value.
    """

    values: NDArray[Any]
    rows: Sequence[str]
    columns: Sequence[str]
    row_title: str
    column_title: str
    value_title: str
    texts: Sequence[Sequence[str]] = ()
    title: str = ""
    diverging: bool = False
    from_zero: bool = True
    value_format: str = ".3~g"
    cell: int = 42

    def to_dict(self) -> dict[str, Any]:
        return {"title": self.title, "rows": self.rows, "columns": self.columns, "values": self.values}

    def chart(self) -> Any:
        import altair as alt

        if not len(self.rows) or not len(self.columns):
            return nothing(self.title)
        values = np.asarray(self.values, np.float64)
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        if self.diverging:
            high = max(abs(low), abs(high)) or 1.0
            low = -high
        elif self.from_zero:
            low, high = min(low, 0.0), high if high > 0 else 1.0
        elif low == high:
            low, high = low - 0.5, high + 0.5
        cells = [
            plain(
                {
                    "row": i,
                    "column": j,
                    "row_name": row,
                    "column_name": column,
                    "value": values[i, j],
                    "text": self.texts[i][j] if self.texts else f"{values[i, j]:g}",
                    # on the darker half of the scale the text is white
                    "dark": bool((values[i, j] - low) / (high - low) > 0.55)
                    if not self.diverging
                    else bool(abs(values[i, j]) > 0.6 * high),
                }
            )
            for i, row in enumerate(self.rows)
            for j, column in enumerate(self.columns)
        ]

        def axis(names: Sequence[str], **more: Any) -> Any:
            labels = f"{_json([printable(name)[:40] for name in names])}[datum.value]"
            return alt.Axis(labelExpr=labels, ticks=False, domain=False, **more)

        x = alt.X(
            "column:O",
            title=self.column_title,
            axis=axis(
                self.columns, orient="top", labelAngle=-40 if any(len(name) > 3 for name in self.columns) else 0
            ),
        )
        y = alt.Y("row:O", title=self.row_title, axis=axis(self.rows))
        colours = DIVERGING if self.diverging else SEQUENTIAL
        steps = [low + (high - low) * k / (len(colours) - 1) for k in range(len(colours))]
        scale = alt.Scale(domain=steps, range=list(colours), interpolate="lab")
        base = alt.Chart(inline(cells)).encode(x=x, y=y)
        tooltip = [
            alt.Tooltip("row_name:N", title=self.row_title),
            alt.Tooltip("column_name:N", title=self.column_title),
            alt.Tooltip("value:Q", title=self.value_title, format=self.value_format),
        ]
        boxes = base.mark_rect(stroke="#ffffff", strokeWidth=1).encode(
            color=alt.Color(
                "value:Q", title=self.value_title, scale=scale, legend=alt.Legend(format=self.value_format)
            ),
            tooltip=tooltip,
        )
        text = base.mark_text(fontSize=11).encode(
            text="text:N", color=alt.condition("datum.dark", alt.value("#ffffff"), alt.value("#1b1b1f"))
        )
        return alt.layer(boxes, text).properties(
            width=self.cell * max(len(self.columns), 1),
            height=self.cell * 0.75 * max(len(self.rows), 1),
            title=self.title,
        )


def _json(value: Any) -> str:
    import json

    return json.dumps(value)

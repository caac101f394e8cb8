"""Lines through several axes beside each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.displays.chart import Chart, inline, nothing
from pellucid.displays.display import plain
from pellucid.displays.palette import SEQUENTIAL


@dataclass(frozen=True)
class Parallel(Chart):
    """rows: one mapping a line, axis to value. values: the last axis, which colours the lines.

    Source: Inselberg 1985 (inselberg1985 in docs/bibliography.bib).
    """

    rows: Sequence[Mapping[str, Any]]
    values: Sequence[float]
    value_title: str
    title: str = ""
    percent: bool = False
    width: int = 560
    height: int = 260

    def to_dict(self) -> dict[str, Any]:
        return {"title": self.title, "rows": [dict(row) for row in self.rows], "values": list(self.values)}

    def _value(self, value: Any) -> str:
        return f"{100 * value:.1f} %" if self.percent and isinstance(value, float) else _short(value)

    def chart(self) -> Any:
        import altair as alt

        kept = [(dict(row), value) for row, value in zip(self.rows, self.values, strict=True) if value == value]
        names = list(dict.fromkeys(name for row, _ in kept for name in row))
        if not kept or not names:
            return nothing(self.title)
        places = [_axis([row.get(name) for row, _ in kept]) for name in names]
        heights, ends = _axis([value for _, value in kept], logarithmic=False)
        columns = [
            *((name, *one) for name, one in zip(names, places, strict=True)),
            (self.value_title, heights, ends),
        ]
        lines, ticks = [], []
        for k, (name, at, labels) in enumerate(columns):
            last = k == len(columns) - 1
            for label, height in labels:
                ticks.append({"x": k, "y": height, "text": self._value(label) if last else _short(label)})
            for line, (row, value) in enumerate(kept):
                words = ", ".join(f"{key}={_short(level)}" for key, level in row.items())
                lines.append(
                    plain({"line": line, "x": k, "y": at[line], "value": value, "words": words, "axis": name})
                )
        form = ".2~%" if self.percent else "~g"
        x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-0.35, len(columns) - 0.5]))
        y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[-0.03, 1.03]))
        rules = alt.Chart(inline([{"x": k} for k in range(len(columns))])).mark_rule(style="scale", strokeWidth=1.5)
        heads = alt.Chart(inline([{"x": k, "text": _short(name)} for k, (name, *_) in enumerate(columns)]))
        drawn = alt.Chart(inline(lines)).mark_line(strokeWidth=1.8, opacity=0.75)
        labels_drawn = alt.Chart(inline(ticks)).encode(x=x, y=y, text="text:N")
        halo, marks = (labels_drawn.mark_text(style=style, align="left", dx=5) for style in ("halo", "note"))
        colour = alt.Color("value:Q", title=self.value_title, scale=alt.Scale(range=list(SEQUENTIAL[1:])),
                           legend=None)  # fmt: skip
        tooltip = [alt.Tooltip("words:N"), alt.Tooltip("value:Q", title=self.value_title, format=form)]
        return alt.layer(
            rules.encode(x=x),
            drawn.encode(x=x, y=y, detail="line:N", color=colour, tooltip=tooltip),
            halo,
            marks,
            heads.mark_text(style="head", y=-8).encode(x=x, text="text:N"),
        ).properties(width=self.width, height=self.height, title=self.title)


def _axis(values: Sequence[Any], *, logarithmic: bool = True) -> tuple[list[float], list[tuple[Any, float]]]:
    """Heights from 0 to 1 of values on their axis, and its labels with theirs."""
    numbers = [float(one) for one in values if isinstance(one, (int, float)) and not isinstance(one, bool)]
    if len(numbers) < len(values) or len(set(numbers)) < 2:
        words = sorted({_short(value) for value in values})
        steps = {word: (k + 0.5) / len(words) for k, word in enumerate(words)}
        return [steps[_short(value)] for value in values], list(steps.items())
    low, high = min(numbers), max(numbers)
    forward, back = (math.log, math.exp) if logarithmic and low > 0 and high / low > 10 else (float, float)
    start, span = forward(low), forward(high) - forward(low)
    levels = sorted(set(numbers))
    if len(levels) > 6:
        levels = [back(start + k / 4 * span) for k in range(5)]
    return [(forward(one) - start) / span for one in numbers], [
        (one, (forward(one) - start) / span) for one in levels
    ]


def _short(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3g}"
    words = "+".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return words if len(words) <= 24 else f"{words[:23]}…"

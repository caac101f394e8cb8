"""Lines over a common axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pellucid.displays.chart import Chart, inline, nothing
from pellucid.displays.display import plain


@dataclass(frozen=True)
class Series:
    """One line. low, high: a band around it, empty for none. dashed: to set a line apart without colour."""

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    dashed: bool = False


@dataclass(frozen=True)
class Curves(Chart):
    """Lines with their axes; `mark`: an x at which a rule is drawn, with its label. Units belong in axis titles."""

    series: Sequence[Series]
    x_title: str
    y_title: str
    title: str = ""
    log_x: bool = False
    log_y: bool = False
    percent: bool = False
    mark: tuple[float, str] | None = None
    width: int = 420
    height: int = 260

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "x_title": self.x_title,
            "y_title": self.y_title,
            "series": [
                {"name": one.name, "x": one.x, "y": one.y, "low": one.low, "high": one.high} for one in self.series
            ],
        }

    def thinned(self, most: int) -> Curves:
        """With at most `most` points a line, evenly spread, the first and the last among them."""
        return replace(self, series=[_thinned(one, most) for one in self.series])

    def chart(self) -> Any:
        import altair as alt

        rows: list[dict[str, Any]] = []
        for one in self.series:
            for k, (at, value) in enumerate(zip(one.x, one.y, strict=True)):
                row = {"x": at, "y": value, "series": one.name, "style": "dashed" if one.dashed else "solid"}
                if one.low:
                    row |= {"low": one.low[k], "high": one.high[k]}
                rows.append(plain(row))
        if not rows:
            return nothing(self.title)
        names = [one.name for one in self.series]
        kind: dict[bool, Any] = {True: "log", False: "linear"}
        y_format = ".1%" if self.percent else "~g"
        x = alt.X(
            "x:Q",
            title=self.x_title,
            scale=alt.Scale(type=kind[self.log_x], nice=False),
            axis=alt.Axis(format="~r", grid=False, **_ticks(rows)),
        )
        y = alt.Y(
            "y:Q",
            title=self.y_title,
            scale=alt.Scale(type=kind[self.log_y], zero=False),
            axis=alt.Axis(format="~%" if self.percent else "~r"),
        )
        colour = alt.Color("series:N", title=None, scale=alt.Scale(domain=names), legend=alt.Legend(orient="top"))
        tooltip = [
            alt.Tooltip("series:N"),
            alt.Tooltip("x:Q", title=self.x_title),
            alt.Tooltip("y:Q", title=self.y_title, format=y_format),
        ]
        base = alt.Chart(inline(rows))
        dash = alt.StrokeDash(
            "style:N", legend=None, scale=alt.Scale(domain=["solid", "dashed"], range=[[1, 0], [5, 3]])
        )
        few = max((len(one.x) for one in self.series), default=0) <= 30
        layers: list[Any] = [
            base.mark_line(point={"size": 25} if few else False).encode(
                x=x, y=y, color=colour, strokeDash=dash, tooltip=tooltip
            )
        ]
        if any(one.low for one in self.series):
            layers.insert(
                0,
                base.mark_area(opacity=0.18).encode(
                    x=x, y=alt.Y("low:Q", title=self.y_title), y2="high:Q", color=colour
                ),
            )
        if self.mark is not None:
            rule = alt.Chart(inline([{"x": self.mark[0], "label": self.mark[1]}]))
            layers.append(rule.mark_rule(style="guide", strokeDash=[2, 3]).encode(x="x:Q"))
            layers.append(
                rule.mark_text(style="note", align="left", dx=4, y=self.height - 8 if self.percent else 8).encode(
                    x="x:Q", text="label:N"
                )
            )
        return alt.layer(*layers).properties(width=self.width, height=self.height, title=self.title)


def _thinned(one: Series, most: int) -> Series:
    count = len(one.x)
    if count <= most:
        return one
    kept = [round(k * (count - 1) / (most - 1)) for k in range(most)]

    def some(values: Sequence[Any]) -> list[Any]:
        return [values[k] for k in kept] if len(values) else []

    return replace(one, x=some(one.x), y=some(one.y), low=some(one.low), high=some(one.high))


def _ticks(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of few whole numbers each has its tick; of others ticks are at least 1 apart."""
    found = sorted({row["x"] for row in rows if row["x"] is not None})
    whole = len(found) <= 12 and all(float(at).is_integer() for at in found)
    return {"values": found} if whole else {"tickMinStep": 1}

"""Lines over a common axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pellucid.displays.chart import Chart, inline, nothing
from pellucid.displays.display import plain


@dataclass(frozen=True)
class Series:
    """One line. low, high: a band around it, empty for none. dashed: to set a line apart without colour.

    of: the line to whose family this one belongs; it is thin, has that line's colour and no place in the legend.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    dashed: bool = False
    of: str = ""


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

    def hovering(self) -> Any:
        """The value nearest to the pointer is told, and of runs the one that it belongs to stands out."""
        import altair as alt

        return self._layered(alt.selection_point(nearest=True, on="pointerover", empty=False, fields=["line"]))

    def chart(self) -> Any:
        return self._layered(None)

    def _layered(self, near: Any) -> Any:
        import altair as alt

        rows: list[dict[str, Any]] = []
        for one in self.series:
            for k, (at, value) in enumerate(zip(one.x, one.y, strict=True)):
                row = {
                    "x": at,
                    "y": value,
                    "series": one.of or one.name,
                    "style": "dashed" if one.dashed else "solid",
                }
                row |= {"thin": bool(one.of), "line": one.name}
                if one.low:
                    row |= {"low": one.low[k], "high": one.high[k]}
                rows.append(plain(row))
        if not rows:
            return nothing(self.title)
        names = list(dict.fromkeys(one.of or one.name for one in self.series))
        families = any(one.of for one in self.series)
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
        entry = 30 + 7 * max((len(name) for name in names), default=0)  # an entry's width, so that the legend wraps
        legend = alt.Legend(
            orient="top",
            columns=max(1, self.width // entry),
            labelLimit=self.width,
            symbolOpacity=1,
            symbolType="stroke",
        )
        colour = alt.Color("series:N", title=None, scale=alt.Scale(domain=names), legend=legend)
        tooltip = [
            alt.Tooltip("line:N", title="series"),
            alt.Tooltip("x:Q", title=self.x_title),
            alt.Tooltip("y:Q", title=self.y_title, format=y_format),
        ]
        base = alt.Chart(inline(rows))
        dash = alt.StrokeDash(
            "style:N", legend=None, scale=alt.Scale(domain=["solid", "dashed"], range=[[1, 0], [5, 3]])
        )
        few = max((len(one.x) for one in self.series), default=0) <= 30
        thick = base.transform_filter("!datum.thin") if families else base
        layers: list[Any] = [
            thick.mark_line(point={"size": 25} if few else False).encode(
                x=x, y=y, color=colour, strokeDash=dash, tooltip=tooltip
            )
        ]
        if families:
            thin = base.transform_filter("datum.thin").mark_line(strokeWidth=0.8, opacity=0.5)
            own = [alt.Tooltip("line:N", title="run"), *tooltip[1:]]
            runs = thin.encode(x=x, y=y, color=colour, detail="line:N", tooltip=own)
            if near is not None:
                runs = runs.encode(opacity=alt.condition(near, alt.value(1), alt.value(0.5)))
            layers.insert(0, runs)
        if any(one.low for one in self.series):
            layers.insert(
                0,
                thick.mark_area(opacity=0.18).encode(
                    x=x, y=alt.Y("low:Q", title=self.y_title), y2="high:Q", color=colour
                ),
            )
        if near is not None:
            # as a custom format: of other words Vega-Lite asks the cell around the value, which has none
            name = alt.Tooltip("line:N", title="series", formatType="toString", format="-")
            place = base.mark_point(opacity=0).encode(x=x, y=y, tooltip=[name, *tooltip[1:]])
            layers.append(place.add_params(near))
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
    """Of few whole numbers each has its tick; of many ticks are at least 1 apart."""
    found = sorted({row["x"] for row in rows if row["x"] is not None})
    whole = all(float(at).is_integer() for at in found)
    if len(found) <= 12 and whole:
        return {"values": found}
    return {"tickMinStep": 1} if whole else {}

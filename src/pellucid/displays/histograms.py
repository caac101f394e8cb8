"""Distributions side by side, each on its own axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.displays.chart import Chart, inline, nothing
from pellucid.displays.display import plain
from pellucid.displays.palette import CATEGORIES


@dataclass(frozen=True)
class Histogram:
    """edges: of the bins, one more than counts."""

    name: str
    edges: Sequence[float]
    counts: Sequence[int]


@dataclass(frozen=True)
class Panel:
    """Histograms in one frame: the first as bars, others as lines over it. notes: lines below the title."""

    title: str
    histograms: Sequence[Histogram]
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Histograms(Chart):
    """Panels in rows of `columns`; series of one name have one colour. Units belong in axis titles."""

    panels: Sequence[Panel]
    x_title: str
    y_title: str = "values in a bin"
    title: str = ""
    columns: int = 3
    width: int = 250
    height: int = 110

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "x_title": self.x_title,
            "y_title": self.y_title,
            "panels": [
                {
                    "title": one.title,
                    "notes": list(one.notes),
                    "histograms": [
                        {"name": each.name, "edges": list(each.edges), "counts": list(each.counts)}
                        for each in one.histograms
                    ],
                }
                for one in self.panels
            ],
        }

    def chart(self) -> Any:
        import altair as alt

        if not self.panels:
            return nothing(self.title)
        names = list(dict.fromkeys(each.name for one in self.panels for each in one.histograms))
        colour = alt.Color(
            "series:N",
            title=None,
            scale=alt.Scale(domain=names, range=list(CATEGORIES[: len(names)])),
            legend=alt.Legend(orient="top", symbolType="square", symbolOpacity=1) if len(names) > 1 else None,
        )
        drawn = [self._panel(one, colour) for one in self.panels]
        return (
            alt.concat(
                *drawn, columns=self.columns, title=self.title, bounds="flush", spacing={"row": 106, "column": 74}
            )
            .resolve_scale(color="shared")
            .resolve_legend(color="shared")
        )

    def _panel(self, panel: Panel, colour: Any) -> Any:
        import altair as alt

        rows = []
        for k, one in enumerate(panel.histograms):
            for low, high, count in zip(one.edges[:-1], one.edges[1:], one.counts, strict=True):
                rows.append(plain({"low": low, "high": high, "count": count, "series": one.name, "place": k}))
            rows.append(
                plain({"low": one.edges[-1], "high": one.edges[-1], "count": 0, "series": one.name, "place": k})
            )
        x = alt.X(
            "low:Q",
            title=self.x_title,
            scale=alt.Scale(zero=False, nice=False),
            axis=alt.Axis(grid=False, tickCount=5, format=".3~g"),
        )
        y = alt.Y("count:Q", title=self.y_title, axis=alt.Axis(tickCount=4, tickMinStep=1, format=",~r"))
        tooltip = [
            alt.Tooltip("series:N"),
            alt.Tooltip("low:Q", title="from", format=".4~g"),
            alt.Tooltip("high:Q", title="to", format=".4~g"),
            alt.Tooltip("count:Q", title=self.y_title, format=","),
        ]
        base = alt.Chart(inline(rows)).encode(x=x, y=y, color=colour, tooltip=tooltip)
        bars = base.transform_filter("datum.place == 0").mark_rect(opacity=0.7, stroke=None)
        lines = base.transform_filter("datum.place > 0").mark_line(interpolate="step-after", strokeWidth=1.5)
        layered = [bars.encode(x2="high:Q", y2=alt.datum(0)), *([lines] if len(panel.histograms) > 1 else [])]
        title = alt.Title(panel.title, subtitle=list(panel.notes), frame="group", fontSize=12, offset=6)
        return alt.layer(*layered).properties(width=self.width, height=self.height, title=title)

"""A bar for each category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.displays.chart import Chart, inline, nothing
from pellucid.displays.display import plain


@dataclass(frozen=True)
class Bars(Chart):
    """values: one a category. low, high: ends of an interval, empty for none. groups: of each bar, empty for none."""

    categories: Sequence[str]
    values: Sequence[float]
    value_title: str
    category_title: str = ""
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    groups: Sequence[str] = ()
    notes: Sequence[str] = ()
    title: str = ""
    percent: bool = False
    zero: bool = True

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "categories": self.categories,
            "values": self.values,
            "low": self.low,
            "high": self.high,
            "groups": self.groups,
        }

    def chart(self) -> Any:
        import altair as alt

        rows = [
            plain(
                {
                    "place": k,
                    "category": category,
                    "value": value,
                    **({"low": self.low[k], "high": self.high[k]} if self.low else {}),
                    **({"group": self.groups[k]} if self.groups else {}),
                    "note": self.notes[k] if self.notes else "",
                }
            )
            for k, (category, value) in enumerate(zip(self.categories, self.values, strict=True))
        ]
        if not rows:
            return nothing(self.title)
        order = list(dict.fromkeys(self.categories))
        groups = list(dict.fromkeys(self.groups))
        shown = ".1~%" if self.percent else "~g"
        axis = alt.Axis(format="~%" if self.percent else ",~r", tickCount=6)
        scale = alt.Scale(zero=self.zero)
        y: dict[str, Any] = {"y": alt.Y("category:N", title=self.category_title or None, sort=order)}
        if groups:
            y["yOffset"] = alt.YOffset("group:N", sort=groups)
        base = alt.Chart(inline(rows)).encode(**y)
        colour = (
            alt.Color("group:N", title=None, sort=groups, legend=alt.Legend(orient="top"))
            if groups
            else alt.value("#0072B2")
        )
        mark = base.mark_bar(height={"band": 0.7}) if self.zero else base.mark_point(filled=True, size=60)
        tooltip = [alt.Tooltip("category:N"), alt.Tooltip("value:Q", format=shown), alt.Tooltip("note:N")]
        layers: list[Any] = [
            mark.encode(
                x=alt.X("value:Q", title=self.value_title, axis=axis, scale=scale), color=colour, tooltip=tooltip
            )
        ]
        if self.low:
            ends = [alt.Tooltip("category:N"), *(alt.Tooltip(f"{end}:Q", format=shown) for end in ("low", "high"))]
            rule = base.mark_rule(style="interval").encode(
                x=alt.X("low:Q", title=self.value_title, scale=scale), x2="high:Q", tooltip=ends
            )
            # before bars, behind points: so that both can be pointed at
            layers.insert(1 if self.zero else 0, rule)
        if self.notes:
            end = "high:Q" if self.low else "value:Q"
            layers.append(
                base.mark_text(style="note", align="left", dx=6).encode(
                    x=alt.X(end, scale=scale, title=self.value_title), text="note:N"
                )
            )
        step = 26 if not groups else 12 * len(groups) + 10
        return alt.layer(*layers).properties(width=360, height=max(step * len(order), 40), title=self.title)

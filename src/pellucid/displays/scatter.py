"""Points in a plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.displays.chart import Chart, inline, nothing
from pellucid.displays.palette import CATEGORIES

_SHAPES = ("circle", "triangle-up", "square", "cross")


@dataclass(frozen=True)
class Scatter(Chart):
    """x, y: of each point. groups: told apart by colour, and beyond seven by shape too. notes: shown on hovering.

    No axes where x_title and y_title are empty: the plane has no directions then, only neighbourhoods.
    """

    x: Sequence[float]
    y: Sequence[float]
    groups: Sequence[str] = ()
    notes: Sequence[str] = ()
    x_title: str = ""
    y_title: str = ""
    title: str = ""
    width: int = 460
    height: int = 460
    log_x: bool = False

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "x": list(self.x),
            "y": list(self.y),
            "groups": list(self.groups),
            "notes": list(self.notes),
        }

    def chart(self) -> Any:
        import altair as alt

        rows = [
            {
                "x": float(x),
                "y": float(self.y[k]),
                "group": self.groups[k] if self.groups else "",
                "note": self.notes[k] if self.notes else "",
            }
            for k, x in enumerate(self.x)
        ]
        if not rows:
            return nothing(self.title)
        names = sorted(set(self.groups)) if self.groups else [""]
        colours = [CATEGORIES[k % len(CATEGORIES)] for k in range(len(names))]
        shapes = [_SHAPES[k // len(CATEGORIES) % len(_SHAPES)] for k in range(len(names))]
        legend = alt.Legend(orient="right", columns=1 + len(names) // 26) if self.groups else None

        def axis(field: str, title: str, *, log: bool = False) -> dict[str, Any]:
            shown = alt.Axis(grid=False, format="~r") if title else None
            scale = alt.Scale(type="log", nice=False) if log else alt.Scale(zero=False)
            return {"shorthand": f"{field}:Q", "title": title, "axis": shown, "scale": scale}

        return (
            alt.Chart(inline(rows))
            .mark_point(filled=True, size=28, opacity=0.75)
            .encode(
                x=alt.X(**axis("x", self.x_title, log=self.log_x)),
                y=alt.Y(**axis("y", self.y_title)),
                color=alt.Color("group:N", title=None, legend=legend, scale=alt.Scale(domain=names, range=colours)),
                shape=alt.Shape("group:N", title=None, legend=legend, scale=alt.Scale(domain=names, range=shapes)),
                tooltip=[alt.Tooltip("group:N"), alt.Tooltip("note:N")],
            )
            .properties(width=self.width, height=self.height, title=self.title)
        )

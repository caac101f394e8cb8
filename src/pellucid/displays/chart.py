"""Displays that Altair draws."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from pellucid.displays.display import Display
from pellucid.displays.palette import theme


class Chart(Display):
    """A display whose drawings all come from one Altair chart."""

    @abstractmethod
    def chart(self) -> Any:
        """The Altair chart, for further work with it; its data may be empty."""

    def spec(self, **colours: str) -> dict[str, Any]:
        """The chart as a Vega-Lite specification with the project's theme, `colours` of which may be others."""
        found: dict[str, Any] = self.chart().to_dict()
        found["config"] = theme(**colours)
        return found

    def svg(self) -> str:
        import vl_convert

        return str(vl_convert.vegalite_to_svg(self.spec()))

    def png(self) -> bytes:
        import vl_convert

        return bytes(vl_convert.vegalite_to_png(self.spec(), scale=2))


def inline(rows: list[dict[str, Any]]) -> Any:
    """Rows as data that travels inside the chart."""
    import altair as alt

    return alt.Data(values=rows)  # type: ignore[no-untyped-call]


def nothing(title: str) -> Any:
    """What is drawn where there is no data."""
    import altair as alt

    words = f"{title}: no data to show" if title else "no data to show"
    return (
        alt.Chart(inline([{"words": words}]))
        .mark_text(style="note", fontSize=12)
        .encode(text="words:N")
        .properties(width=320, height=40)
    )

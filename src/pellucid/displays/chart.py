"""Displays that Altair draws."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from typing import Any

from pellucid.displays.display import Display
from pellucid.displays.palette import theme
from pellucid.displays.svg import printable

#: Characters of a name in a chart, at most.
_LONGEST = 200


class Chart(Display):
    """A display whose drawings all come from one Altair chart."""

    @abstractmethod
    def chart(self) -> Any:
        """The Altair chart, for further work with it; its data may be empty."""

    def hovering(self) -> Any:
        """The Altair chart for a page that answers the pointer."""
        return self.chart()

    def spec(self, *, hovering: bool = False, **colours: str) -> dict[str, Any]:
        """The chart as a Vega-Lite specification with the project's theme, `colours` of which may be others.

        hovering: as `hovering` has it, which would only be heavy in a drawing. Control characters in its words are
        spaces: no SVG can hold them, and drawing them would end the process. Of endless words the middle is left out:
        measuring them takes minutes.
        """
        return {**(_whole(self.hovering()) if hovering else self._drawn), "config": theme(**colours)}

    @cached_property
    def _drawn(self) -> dict[str, Any]:
        """Without a theme; made once, since Altair checks each part against its schema."""
        return _whole(self.chart())

    def svg(self) -> str:
        import vl_convert

        return str(vl_convert.vegalite_to_svg(self.spec()))

    def png(self) -> bytes:
        import vl_convert

        return bytes(vl_convert.vegalite_to_png(self.spec(), scale=2))


def _whole(chart: Any) -> dict[str, Any]:
    found: dict[str, Any] = _printable(chart.to_dict())
    return found


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value if len(value) <= _LONGEST else f"{value[: _LONGEST - 20]}…{value[-19:]}")
    if isinstance(value, dict):
        return {key: one if key == "labelExpr" else _printable(one) for key, one in value.items()}
    return [_printable(one) for one in value] if isinstance(value, list) else value


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

"""Several displays as one."""

from __future__ import annotations

from pellucid.displays.curves import Curves, Series
from pellucid.displays.interactive import page
from pellucid.displays.page import Page
from pellucid.displays.table import Table

TABLE = Table(("a",), [("x",)], title="T")


def test_a_page_begins_with_its_title_and_a_piece_of_one_does_not() -> None:
    titled = Page([TABLE], title="Rates < 1")
    assert page(titled).count("<h1>Rates &lt; 1</h1>") == 1
    assert "<h1>" not in titled.fragment() + titled._repr_html_()
    assert "<h1>" not in page(Page([TABLE])) + page(TABLE)


def test_a_page_has_the_scripts_that_its_charts_take_and_no_others() -> None:
    line = Curves([Series("a", [1, 2, 3], [0.1, 0.2, 0.3])], "epoch", "accuracy")
    plain, drawn = page(TABLE), Page([TABLE, line], title="Both").render("html").decode()
    assert "<script" not in plain and len(plain) < 20_000
    assert drawn.count("<script") == 3 and "vegaEmbed" in drawn and 'role="figure"' in drawn
    assert "<noscript>" in drawn, "who runs no scripts sees a drawing"

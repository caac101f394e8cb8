"""Several displays as one."""

from __future__ import annotations

from pellucid.displays.page import Page
from pellucid.displays.table import Table

TABLE = Table(("a",), [("x",)], title="T")


def test_a_page_begins_with_its_title_and_a_piece_of_one_does_not() -> None:
    page = Page([TABLE], title="Rates < 1")
    assert page.render("html").decode().count("<h1>Rates &lt; 1</h1>") == 1
    assert "<h1>" not in page.fragment() + page._repr_html_()
    assert "<h1>" not in Page([TABLE]).page() + TABLE.page()

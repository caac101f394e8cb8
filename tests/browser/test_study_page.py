"""The page of a study, as a file: the pointer finds each run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.verbs.made_study import made_study
from pellucid.verbs.study import study

if TYPE_CHECKING:
    from tests.browser.conftest import Watched


def test_runs_are_told_where_the_pointer_is(tmp_path: Path, watched: Watched) -> None:
    base = {"network": "mlp", "data": "digits", "epochs": 3, "subset": 200}
    study(made_study("rates", base, compare=["lr=0.001,0.01"], seeds=2), runs=tmp_path, workers=1)
    watched.page.context.set_offline(True)
    page = watched.open((tmp_path / "studies" / "rates" / "study.html").as_uri())
    page.wait_for_function("document.documentElement.dataset.charts === 'drawn'")
    chart = page.get_by_role("figure", name="Mean and range over seeds").locator("svg")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    told = set()
    for down in range(8, 95, 3):
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * down / 100)
        shown = page.locator("#vg-tooltip-element.visible")
        told |= {shown.inner_text().split("\n")[0].split("\t")[-1]} if shown.count() else set()
    assert {f"lr={rate}, seed {seed}" for rate in (0.001, 0.01) for seed in (0, 1)} & told, told
    assert all(one.startswith("lr=0.0") for one in told), told
    assert watched.is_clean()

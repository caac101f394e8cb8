"""Displays as pieces of a page."""

from __future__ import annotations

import json
import re

import numpy as np

from pellucid.charts.interaction import interaction
from pellucid.displays.bars import Bars
from pellucid.displays.curves import Curves, Series
from pellucid.displays.heatmap import Heatmap
from pellucid.displays.image_grid import ImageGrid
from pellucid.displays.interactive import POINTS, figure, json_script, start_script, vega_bundle
from pellucid.displays.listing import Listing
from pellucid.displays.matrix import Behind, Matrix
from pellucid.displays.page import Page
from pellucid.displays.table import Table


def specs(text: str) -> list[dict[str, object]]:
    return [json.loads(one) for one in re.findall(r'<script type="application/json">(.*?)</script>', text)]


def test_scripts_may_stand_in_a_page() -> None:
    for script in (vega_bundle(), start_script()):
        assert "</script" not in script.lower() and "<!--" not in script


def test_json_cannot_end_its_script_and_has_no_nan() -> None:
    data = {"a": "</script><!--", "b": [float("nan"), 1.5], "c": "\u2028&"}
    text = json_script(data, id="x")
    inner = text.partition(">")[2].removesuffix("</script>")
    assert not set("<>&\u2028") & set(inner)
    assert json.loads(inner) == {**data, "b": [None, 1.5]}


def test_a_chart_is_its_specification_in_the_pages_colours() -> None:
    bars = Bars(["a", "b"], [0.12345678901, 0.5], "share", low=[0.1, 0.4], high=[0.2, 0.6], notes=["x", "y"])
    (spec,) = specs(figure(bars))
    assert spec["config"]["style"]["interval"] == {"color": "var(--ink)"}  # type: ignore[index]
    assert spec["config"]["background"] == "transparent"  # type: ignore[index]
    assert "#1b1b1f" not in json.dumps(spec)
    assert 0.123457 in [row["value"] for row in spec["data"]["values"]]  # type: ignore[index]
    assert "<noscript>" in figure(bars) and bars.spec()["config"]["background"] == "#ffffff"


def test_a_long_line_keeps_its_ends_and_few_points() -> None:
    x = list(range(5_000))
    line = Series("a", x, [float(k) for k in x], [k - 1.0 for k in x], [k + 1.0 for k in x])
    curves = Curves([line, Series("b", [1, 2], [1.0, 2.0])], "x", "y")
    found = curves.thinned(POINTS).series
    assert (len(found[0].x), found[0].x[0], found[0].x[-1]) == (POINTS, 0, 4_999)
    assert len(found[0].low) == len(found[0].high) == POINTS
    assert found[0].y == found[0].x and found[1] == curves.series[1]
    assert len(figure(curves)) < 100_000


def test_every_epoch_has_its_tick_where_there_are_few() -> None:
    axis = Curves([Series("a", [1, 2], [0.5, 0.6])], "epoch", "loss").spec()["layer"][0]["encoding"]["x"]["axis"]
    assert axis["values"] == [1, 2]
    assert (
        "values"
        not in Curves([Series("a", [0.1, 0.2], [0.5, 0.6])], "x", "y").spec()["layer"][0]["encoding"]["x"]["axis"]
    )


def test_seconds_below_one_have_their_ticks_and_many_epochs_whole_ones() -> None:
    def ticks(x: list[float]) -> object:
        drawn = Curves([Series("a", x, [0.5] * len(x))], "x", "y").spec()
        return drawn["layer"][0]["encoding"]["x"]["axis"].get("tickMinStep")

    assert ticks([0.1 * k for k in range(1, 31)]) is None and ticks([float(k) for k in range(1, 31)]) == 1


def test_the_pointer_finds_the_nearest_value_in_a_page_and_drawings_go_without() -> None:
    curves = Curves(
        [Series("mean", [1, 2], [0.5, 0.6]), Series("mean, seed 0", [1, 2], [0.5, 0.6], of="mean")], "", ""
    )
    (spec,) = specs(figure(curves))
    assert any(one["select"]["nearest"] for one in spec["params"])  # type: ignore[index]
    assert "params" not in curves.spec()


def test_colours_of_a_map_of_means_span_what_there_is() -> None:
    def ends(mean: list[list[float]]) -> tuple[float, float]:
        drawn = interaction(np.array(mean), rows=["a"], columns=["b", "c"], row_title="", column_title="").spec()
        domain = drawn["layer"][0]["encoding"]["color"]["scale"]["domain"]
        return domain[0], domain[-1]

    assert ends([[0.94, 0.95]]) == (0.94, 0.95) and ends([[0.9, 0.9]]) == (0.4, 1.4)


def test_images_wrap_and_pages_hold_what_they_hold() -> None:
    grid = ImageGrid(np.zeros((3, 8, 8, 1), np.uint8), ["<a>", "b", "c"], ["right", "wrong", None])
    text = figure(Page([grid, Table(("a",), [("x",)], title="T")]))
    assert text.count("<li>") == 3 and "&lt;a&gt;" in text and "<a>" not in text
    assert 'download="t.csv"' in text and 'download="t.tex"' in text
    named = ImageGrid(np.zeros((2, 8, 8, 1), np.uint8), columns=1, row_names=["a", "b"], title="G")
    assert 'fill="var(--ink)"' in figure(named) and 'fill="#1b1b1f"' not in figure(named)
    assert "<pre>a &lt; b</pre>" in figure(Listing("a < b"))


def test_a_matrix_numbers_its_images_one_after_the_other() -> None:
    counts = np.array([[3, 1], [0, 2]])
    heatmap = Heatmap(counts / 4, "ab", "ab", "true", "said", "share", texts=[["3", "1"], ["", "2"]])
    behind = {
        key: Behind(np.zeros((n, 4, 4, 1), np.uint8), ["x"] * n)
        for key, n in {(0, 0): 2, (0, 1): 1, (1, 1): 2}.items()
    }
    matrix = Matrix(heatmap, Table(("", "a", "b"), [("a", 3, 1), ("b", 0, 2)]), behind)
    text = figure(matrix)
    assert re.findall(r'data-first="(\d)"', text) == ["0", "2", "3"]
    assert re.findall(r'data-words="([^"]*)"', text)[:2] == [
        "a, taken for what it is: 2 of 3 images",
        "a taken for b: 1",
    ]
    assert text.count("data:image/png") == 1 and text.count("<button") == 3
    for format in ("png", "svg", "html", "json"):
        assert matrix.render(format) and Listing("a", title="b").render(format)


def test_latex_holds_no_sign_that_it_would_read() -> None:
    table = Table(("a_b", "50 %"), [(r"\input{x}~^", "1.5 %"), ("a & b # $ <", None)], title="T_1")
    assert table.latex().splitlines() == [
        r"\begin{table}",
        r"\centering",
        r"\caption{T\_1}",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"a\_b & 50 \% \\",
        r"\midrule",
        r"\textbackslash{}input\{x\}\textasciitilde{}\textasciicircum{} & 1.5 \% \\",
        r"a \& b \# \$ \textless{} & - \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def test_texts_that_are_numbers_stand_to_the_right() -> None:
    table = Table(("class", "points", "p"), [("1", "+1.25", 0.5), ("2", "-3", 1e-9)])
    assert table.fragment().count("<td class=number>") == 4

"""Every chart draws itself in every format, also where there is nothing to draw, and whatever the names are."""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

import numpy as np
import pytest

from pellucid import catalog
from pellucid.displays.display import FORMATS, Display
from pellucid.displays.interactive import start_script, vega_bundle
from pellucid.displays.table import Table
from pellucid.errors import UsageError
from pellucid.images import Images, Scaling, Splits

HOSTILE = ("<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "x" * 10_000, "שלום \u202e abc",
           "\x1b[31m\0 {{ 1 }}")  # fmt: skip


def images(count: int, classes: tuple[str, ...]) -> Images:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 6, 5, 3), dtype=np.uint8)
    return Images(pixels, np.arange(count, dtype=np.int64) % max(len(classes), 1), classes)


def drawn(name: str, count: int, classes: tuple[str, ...]) -> Display:
    chart, some = catalog.load("charts", name), images(count, classes)
    k = len(classes)
    matrix = np.arange(k * k).reshape(k, k) * (count > 0)
    record = {f"{split}_{value}": 0.5 for split in ("train", "validation") for value in ("loss", "accuracy")}
    probabilities = np.full((count, k), 1 / k)
    arguments: dict[str, tuple[Any, dict[str, Any]]] = {
        "learning_curves": ([{"epoch": epoch, **record} for epoch in range(1, count + 1)], {"best_epoch": 1}),
        "confusion_matrix": (matrix, {"class_names": classes}),
        "per_class_accuracy": (matrix, {"class_names": classes}),
        "calibration_curve": ([0.5] * count, {"accuracy": [0.4] * count, "count": [1] * count, "error": 0.1}),
        "class_counts": (Splits(some, some, some, Scaling.unit(3)), {}),
        "samples": (some, {}),
        "mistakes": (some, {"probabilities": probabilities}),
    }
    lines = {one: {"seed 0": ([1.0, 2.0], [0.1, 0.2]), "seed 1": ([1.0], [0.3])} for one in classes[:count]}
    arguments |= {
        "means": (
            dict.fromkeys(classes[:count], 0.5),
            {"low": [0.4] * len(lines), "high": [0.6, *[float("nan")] * k][: len(lines)], "count": [3] * len(lines)},
        ),
        "seed_curves": (lines, {}),
        "steadiness": ({one: [[0.1, 0.2], [0.2, 0.4]] for one in classes[:count]}, {}),
        "interaction": (
            np.full((min(count, k), k), 0.3),
            {"rows": classes[:count], "columns": classes, "row_title": HOSTILE[0], "column_title": HOSTILE[1]},
        ),
        "time_to_threshold": ({one: ([2.0, 3.0], [0.5, 0.5]) for one in classes[:count]}, {}),
        "parallel_coordinates": (
            [{HOSTILE[0]: one, "lr": 10.0**-at, "n": None} for at, one in enumerate(classes[:count])],
            {"values": [0.1 * at for at in range(len(classes[:count]))]},
        ),
    }
    assert name in arguments, f"{name}: say here what it draws"
    first, rest = arguments[name]
    found = chart(first, **rest)
    assert isinstance(found, Display)
    return found


@pytest.mark.parametrize("name", catalog.names("charts"))
def test_a_chart_is_one_function_with_keyword_only_options(name: str) -> None:
    function = catalog.load("charts", name)
    _, *rest = inspect.signature(function).parameters.values()
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in rest)
    assert catalog.summary("charts", name).endswith((".", ":"))


def without_own_scripts(text: str) -> str:
    """A page less the scripts that it should have: those that draw, and data in which no tag can stand."""
    for script in (vega_bundle(), start_script()):
        text = text.replace(f"<script>{script}</script>", "", 1)
    return re.sub(r'<script type="application/json">[^<]*</script>', "", text)


@pytest.mark.parametrize("classes", [("a", "b"), HOSTILE], ids=["plain", "hostile"])
@pytest.mark.parametrize("count", [0, 9])
@pytest.mark.parametrize("name", catalog.names("charts"))
def test_a_chart_draws_itself_in_every_format(name: str, count: int, classes: tuple[str, ...]) -> None:
    display = drawn(name, count, classes)
    for format in FORMATS:
        data = display.render(format)
        match format:
            case "png":
                assert data.startswith(b"\x89PNG")
            case "pdf":
                assert data.startswith(b"%PDF")
            case "json":
                json.loads(data)
            case _:
                text = without_own_scripts(data.decode())
                assert "<svg" in text or (format == "html" and '<ul class="tiles">' in text)
                assert "<img src=x" not in text
                assert "<script" not in text
    assert "<svg" in display._repr_html_()


def test_an_unknown_format_is_refused_with_the_valid_ones(tmp_path: Any) -> None:
    with pytest.raises(UsageError, match="unknown format 'gif'"):
        drawn("samples", 3, ("a", "b")).save(tmp_path / "a.gif")


def test_a_table_is_text_markdown_csv_html_and_never_redraws_a_terminal() -> None:
    table = Table(("name", "n"), [("a\x1b[31m|", 1234), (None, 5)], title="T")
    lines = ["T", "name         n", "-------  -----", "a [31m|  1,234", "-            5"]
    assert table.text().splitlines() == lines
    assert table.markdown().splitlines()[2] == "| a [31m\\| | 1,234 |"
    assert table.csv().splitlines()[0] == "name,n"
    assert "<td class=number>1,234</td>" in table.fragment()
    assert table.records()[1] == {"name": None, "n": 5}
    assert table.render("png").startswith(b"\x89PNG")

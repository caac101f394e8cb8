"""Axes beside each other: where a value stands on its axis."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid.displays.curves import Curves, Series
from pellucid.displays.parallel import Parallel, _axis


def rows_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of the data of every layer, each once."""
    found = [spec, *spec["layer"]]
    rows = [row for part in found for row in part.get("data", {}).get("values", [])]
    return [row for k, row in enumerate(rows) if row not in rows[:k]]


def test_numbers_over_decades_stand_by_their_logarithm_others_evenly_words_in_their_order() -> None:
    assert _axis([0.001, 0.01, 0.1])[0] == pytest.approx([0, 0.5, 1])
    assert _axis([0.001, 0.01, 0.1], logarithmic=False)[0] == pytest.approx([0, 9 / 99, 1])
    assert _axis([1, 2, 5])[0] == pytest.approx([0, 0.25, 1])
    assert _axis(["b", "a", "b"]) == ([0.75, 0.25, 0.75], [("a", 0.25), ("b", 0.75)])
    assert [level for level, _ in _axis(list(range(20)))[1]] == pytest.approx([0, 4.75, 9.5, 14.25, 19])


def test_a_line_without_a_value_is_left_out() -> None:
    rows = [{"lr": 0.1}, {"lr": 0.2}]
    drawn = Parallel(rows, [0.5, float("nan")], "accuracy").spec()
    lines = [row for row in rows_of(drawn) if "line" in row]
    assert {row["line"] for row in lines} == {0}


def test_thin_lines_belong_to_a_family_and_not_to_the_legend() -> None:
    drawn = Curves(
        [Series("a", [1, 2], [0.1, 0.2]), Series("a, seed 0", [1, 2], [0.1, 0.3], of="a")], "x", "y"
    ).spec()
    rows = rows_of(drawn)
    assert {row["series"] for row in rows} == {"a"} and {row["line"] for row in rows} == {"a", "a, seed 0"}
    scales = [layer["encoding"]["color"]["scale"]["domain"] for layer in drawn["layer"]]
    assert scales == [["a"], ["a"]]

"""Ranges and the points drawn from them."""

from __future__ import annotations

from math import log

import pytest
from scipy.stats import kstest, pearsonr

from pellucid.errors import UsageError
from pellucid.spec.search import Search
from pellucid.spec.space import Dimension, dimension_from_text, drawn

SPACE = tuple(
    dimension_from_text(text)
    for text in ("lr=log:1e-4:1e-1", "dropout=linear:0:0.5", "hidden-size=int:3:6", "optimizer=adam,sgd,none")
)


def test_points_fill_the_ranges_evenly_in_their_own_measure() -> None:
    points = [drawn(SPACE, 0, k) for k in range(2_000)]
    shares = {
        "lr": [log(one["lr"] / 1e-4) / log(1e3) for one in points],
        "dropout": [one["dropout"] / 0.5 for one in points],
    }
    for name, found in shares.items():
        assert kstest(found, "uniform").pvalue > 0.01, name
    assert abs(pearsonr(shares["lr"], shares["dropout"]).statistic) < 0.1, "one value says nothing of another"
    for name, expected in {"hidden_size": {3, 4, 5, 6}, "optimizer": {"adam", "sgd", None}}.items():
        counts = [sum(one[name] == value for one in points) for value in expected]
        assert sum(counts) == 2_000 and min(counts) > 0.85 * 2_000 / len(expected), name


def test_a_point_is_a_function_of_seed_number_and_name_alone() -> None:
    assert drawn(SPACE, 3, 7) == drawn(SPACE, 3, 7)
    assert drawn(SPACE[:1], 3, 7)["lr"] == drawn(SPACE, 3, 7)["lr"]
    assert drawn(SPACE, 3, 7) != drawn(SPACE, 4, 7) and drawn(SPACE, 3, 7) != drawn(SPACE, 3, 8)


def test_values_at_the_ends_of_a_range_are_on_its_edge() -> None:
    rate, _, size, choice = SPACE
    assert [rate.edge(value) for value in (1.2e-4, 0.003, 0.09)] == [1e-4, None, 0.1]
    assert [size.edge(value) for value in (3, 4, 6)] == [3, None, 6]
    assert choice.edge("adam") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lr", "over: expected NAME=log:LOW:HIGH or NAME=VALUE"),
        ("lr=log:0:1", "a lower and a higher number above 0"),
        ("lr=linear:1:0", "a lower and a higher number, found"),
        ("lr=log:1", "expected log:LOW:HIGH, found 'log:1'"),
        ("size=int:1.5:3", "expected int:LOW:HIGH"),
        ("lr=0.1", "two different choices or more"),
        ("lr=0.1,0.1", "two different choices or more"),
    ],
)
def test_bad_ranges_are_told(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        dimension_from_text(text)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"method": "grid"}, "unknown method 'grid'"),
        ({"trials": 0}, "trials: expected a whole number of 1"),
        ({"eta": 1}, "eta: expected a whole number of 2"),
        ({"base": {"lr": 0.1}}, "expected lr once, found it twice"),
        ({"space": ()}, "something to search over"),
        ({"seeds": (1, 1)}, "expected different seeds"),
        ({"method": "halving", "space": (Dimension("epochs", "int", 1, 3),)}, "epochs outside the space"),
    ],
)
def test_bad_searches_are_told(given: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Search(**{"name": "a", "space": SPACE[:1], **given})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("trials", "epochs", "least", "expected"),
    [
        (27, 27, 1, [(27, 1), (9, 3), (3, 9), (1, 27)]),
        (20, 9, 1, [(20, 1), (6, 3), (2, 9)]),
        (20, 10, 2, [(20, 3), (6, 10)]),
        (4, 100, 1, [(4, 33), (1, 100)]),
        (4, 2, 1, [(4, 2)]),
    ],
)
def test_rungs_share_the_epochs_out(trials: int, epochs: int, least: int, expected: list[tuple[int, int]]) -> None:
    asked = Search(name="a", space=SPACE[:1], trials=trials, least_epochs=least, method="halving")
    assert asked.rungs(epochs) == expected

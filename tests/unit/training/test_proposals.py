"""Points proposed: none twice, the best promoted, the same ones for the same scores."""

from __future__ import annotations

import sys
from collections.abc import Callable
from math import log
from statistics import median

import pytest

from pellucid.errors import UsageError
from pellucid.spec.search import Search
from pellucid.spec.space import dimension_from_text
from pellucid.training.proposals import PROPOSALS, Point

SPACE = (dimension_from_text("lr=log:1e-4:1e-1"), dimension_from_text("optimizer=adam,sgd"))


def rounds(asked: Search, epochs: int, score: Callable[[Point], float | None]) -> list[list[Point]]:
    proposals, found = PROPOSALS[asked.method](asked, epochs), []
    try:
        points = next(proposals)
        while True:
            found.append(points)
            points = proposals.send([score(one) for one in points])
    except StopIteration:
        return found


def asked(method: str, **given: object) -> Search:
    return Search(**{"name": "a", "space": SPACE, "trials": 12, "method": method, **given})  # type: ignore[arg-type]


def near_a_hundredth(point: Point) -> float:
    return -abs(log(point.config["lr"] / 0.01))


def test_random_points_are_different_and_a_longer_search_begins_with_a_shorter_one() -> None:
    (few,), (many,) = (rounds(asked("random", trials=n), 5, near_a_hundredth) for n in (5, 12))
    assert many[:5] == few and len({str(one.config) for one in many}) == 12
    small = (dimension_from_text("optimizer=adam,sgd"),)
    (all_of_it,) = rounds(asked("random", space=small), 5, lambda point: 0.5)
    assert sorted(one.config["optimizer"] for one in all_of_it) == ["adam", "sgd"]


def test_a_space_of_choices_is_searched_to_its_last_point() -> None:
    """Draws alone leave about thirty of 900 points out before two hundred in a row are old."""
    space = tuple(dimension_from_text(f"{name}=int:1:30") for name in ("a", "b"))
    (some,), (all_of_it,) = (rounds(asked("random", space=space, trials=n), 5, lambda _: 0.5) for n in (890, 1000))
    assert len({repr(point.config) for point in all_of_it}) == 900 and all_of_it[: len(some)] == some
    few = asked("halving", space=(dimension_from_text("a=1,2,3,4,5"),), trials=27)
    assert few.rungs(9) == [(5, 3), (1, 9)]
    assert [len(points) for points in rounds(few, 9, lambda _: 0.5)] == [5, 1]


def test_halving_promotes_the_best_in_their_order() -> None:
    first, second, third = rounds(asked("halving"), 9, near_a_hundredth)
    assert [(len(one), one[0].epochs) for one in (first, second, third)] == [(12, 1), (4, 3), (1, 9)]
    ranked = sorted(first, key=near_a_hundredth, reverse=True)
    assert [one.number for one in second] == [one.number for one in ranked[:4]]
    assert third[0].number == ranked[0].number


def test_halving_never_promotes_what_failed_and_equals_go_by_number() -> None:
    _, second, _ = rounds(asked("halving"), 9, lambda point: 0.5 if point.number in (11, 3, 7) else None)
    assert [one.number for one in second] == [3, 7, 11]


def test_optuna_learns_from_scores_and_proposes_the_same_points_again() -> None:
    pytest.importorskip("optuna")
    search = asked("optuna", trials=42, at_once=4)
    found = rounds(search, 5, near_a_hundredth)
    assert [len(one) for one in found] == [4] * 10 + [2]
    assert rounds(search, 5, near_a_hundredth) == found
    assert [one.number for each in found for one in each] == list(range(42))
    late = [near_a_hundredth(one) for each in found[4:] for one in each]
    assert median(late) > -1.2, "of random points it is -1.73: it has learned nothing"
    assert rounds(search, 5, lambda point: None)[1] == rounds(search, 5, lambda point: None)[1]


def test_optuna_that_is_not_there_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match=r'pip install "pellucid\[optuna\]"'):
        rounds(asked("optuna"), 5, near_a_hundredth)

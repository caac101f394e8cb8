"""Which runs a list shows, and that its address keeps all of its state."""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from pellucid.app.listing import PAGE, Line, Query, listed


def made(k: int, **more: Any) -> dict[str, Any]:
    """A row as the index gives it."""
    return {
        "id": f"mlp-digits-s{k}", "status": "finished", "network": "mlp", "dataset": "digits", "optimizer": "adam",
        "lr": 0.001, "seed": k, "epochs": 5, "validation_accuracy": 0.9, "test_accuracy": 0.9, "seconds": 1.0,
        "created": f"2026-01-01T00:00:{k:02d}", "configuration": "aaaaaaaaaa", "options": "", **more,
    }  # fmt: skip


def ids(rows: list[dict[str, Any]], **query: Any) -> list[str]:
    return [str(line.first["id"]) for line in listed(rows, Query(grouped=False, **query)).page]


def test_an_address_keeps_every_field() -> None:
    query = Query(
        words="lr<0.1 ä&=", status="finished", network="mlp", dataset="digits", sort="lr", descending=False,
        grouped=False, page=3, chosen=("a", "c-b"), opened=("c-b",), metric="train_loss",
    )  # fmt: skip
    assert Query.read(parse_qsl(urlsplit(query.address()).query)) == query
    assert Query().address() == "/runs"


@pytest.mark.parametrize(
    "pair",
    [("sort", "__class__"), ("page", "-1"), ("page", "9" * 99), ("metric", "x"), ("status", "<b>"), ("x", "y")],
)
def test_what_an_address_should_not_say_is_left_out(pair: tuple[str, str]) -> None:
    assert Query.read([pair]) == Query()


def test_an_address_chooses_every_run_once() -> None:
    assert len(Query.read([("run", str(k)) for k in range(500)]).chosen) == 500
    assert Query.read([("run", "a" * 10_000), ("run", ""), ("run", "b"), ("run", "b")]).chosen == ("b",)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", [2, 1, 0]),
        ("ADAM", [1, 0]),
        ("sgd", [2]),
        ("lr<0.01", [1, 0]),
        ("lr>=0.01", [2]),
        ("test>95%", [1]),
        ("test>0.95 sgd", []),
        ("seed=1", [1]),
        ("network=MLP", [2, 1, 0]),
        ("network=ml", []),
        ("batch_size=32", [0]),
        ("lr<x", []),
        ("<<>>", []),
    ],
)
def test_the_search_takes_words_and_conditions(words: str, expected: list[int]) -> None:
    rows = [
        made(2, optimizer="sgd", lr=0.1),
        made(1, test_accuracy=0.97),
        made(0, options="batch_size=32", test_accuracy=None),
    ]
    assert ids(rows, words=words) == [f"mlp-digits-s{k}" for k in expected]


def test_what_has_no_number_stands_last_in_either_order() -> None:
    rows = [made(2, test_accuracy=None), made(1, test_accuracy=0.5), made(0, test_accuracy=0.7)]
    up, down = (ids(rows, sort="test_accuracy", descending=one) for one in (False, True))
    assert up == ["mlp-digits-s1", "mlp-digits-s0", "mlp-digits-s2"]
    assert down == ["mlp-digits-s0", "mlp-digits-s1", "mlp-digits-s2"]


def test_seeds_of_one_configuration_are_one_line_with_their_mean_and_interval() -> None:
    values = [0.90, 0.92, 0.94]
    rows = [made(k, test_accuracy=value) for k, value in enumerate(values)]
    rows += [made(5, configuration="bbbbbbbbbb"), {"id": "torn", "status": "broken", "reason": "x", "created": None}]
    random.Random(0).shuffle(rows)
    found = listed(rows, Query())
    assert (found.lines, found.runs) == (3, 5)
    line = next(line for line in found.page if len(line.runs) == 3)
    assert line.test is not None and line.test.n == 3 and line.test.mean == pytest.approx(0.92)
    # t interval: 0.02 / sqrt(3) * 4.303
    assert (line.test.low, line.test.high) == pytest.approx((0.92 - 0.0497, 0.92 + 0.0497), abs=1e-4)
    assert line.seeds == "0–2" and line.key == "c-aaaaaaaaaa"


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("test>90%", ["good"]),
        ("test<=80%", ["bad"]),
        ("test>=85%", ["good"]),  # one seed of the bad one is as good
        ("test>85% seed=1", ["good"]),
        ("seed=2", ["good", "bad"]),  # all else is asked of each run
        ("seed=1 diverged", ["bad"]),
        ("seed=0 diverged", []),
        ("epochs=5", ["good", "bad"]),
        ("epochs>5", []),
    ],
)
def test_a_configuration_is_kept_or_dropped_with_all_of_its_seeds(words: str, kept: list[str]) -> None:
    values = {"good": [0.97, 0.89, 0.95], "bad": [0.70, 0.99, 0.86]}
    rows = [
        made(k, id=f"{key}{k}", configuration=key, test_accuracy=value)
        for key, of_seeds in values.items()
        for k, value in enumerate(of_seeds)
    ]
    rows[4]["status"] = "diverged"
    found = listed(rows, Query(words=words, sort="test_accuracy"))
    assert [line.first["configuration"] for line in found.page] == kept
    assert all(len(line.runs) == 3 for line in found.page) and found.runs == 3 * len(kept)


def test_a_status_is_asked_of_each_run_and_keeps_the_others_of_its_configuration() -> None:
    rows = [made(0), made(1, status="running"), made(2, configuration="bbbbbbbbbb")]
    found = listed(rows, Query(status="running"))
    assert [len(line.runs) for line in found.page] == [2]
    assert ids(rows, status="running") == ["mlp-digits-s1"]


def test_the_mean_that_is_sorted_by_is_the_one_that_is_shown() -> None:
    steady = [made(k, configuration="steady", test_accuracy=0.8) for k in range(2)]
    torn = [made(k, configuration="torn", test_accuracy=0.9) for k in range(2)]
    torn += [made(2, configuration="torn", test_accuracy=0.1, status="diverged")]
    found = listed(steady + torn, Query(sort="test_accuracy"))
    assert [line.first["configuration"] for line in found.page] == ["torn", "steady"]


def test_a_mean_is_over_the_runs_that_are_over() -> None:
    line = Line((made(0, test_accuracy=0.9), made(1, test_accuracy=0.1, status="running")))
    assert line.test is not None and (line.test.n, line.test.mean) == (1, 0.9)
    assert line.statuses == {"running": 1, "finished": 1}
    assert line.left_out() == {"still in training": 1}


@pytest.mark.parametrize("values", [(0.999, 0.9, 1.0), (0.0, 0.1, 0.001), (0.0, 1.0)])
def test_an_interval_of_accuracies_ends_at_nothing_and_at_all(values: tuple[float, ...]) -> None:
    line = Line(tuple(made(k, test_accuracy=value, validation_accuracy=value) for k, value in enumerate(values)))
    for one in (line.test, line.validation):
        assert one is not None and 0.0 <= one.low < one.mean < one.high <= 1.0


def test_a_long_list_has_pages_and_a_page_beyond_the_last_is_the_last() -> None:
    rows = [made(k % 60, id=f"r{k}", configuration=f"{k}") for k in range(PAGE + 10)]
    first, last, beyond = (listed(rows, Query(page=page)) for page in (1, 2, 99))
    assert (first.pages, len(first.page), len(last.page)) == (2, PAGE, 10)
    assert [line.key for line in beyond.page] == [line.key for line in last.page]


def test_a_chosen_configuration_stands_for_its_seeds() -> None:
    rows = [made(1), made(0), made(2, configuration="bbbbbbbbbb")]
    assert [row["seed"] for row in Query(chosen=("c-aaaaaaaaaa", "mlp-digits-s2", "gone")).chosen_runs(rows)] == [
        0,
        1,
        2,
    ]

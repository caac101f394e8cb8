"""Studies of the time to a threshold, and what of their runs never got there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pellucid.spec.run import RunSpec
from pellucid.spec.study import Trial, label
from pellucid.storage.run_folder import RunFolder
from pellucid.verbs import study_page
from pellucid.verbs.made_study import made_study
from pellucid.verbs.studied import Studied
from pellucid.verbs.study_specs import specs_of
from pellucid.verbs.study_thresholds import threshold_table

BASE = {"network": "mlp", "data": "digits", "epochs": 1, "subset": 200, "hidden_size": 16}


def waiting(tmp_path: Path) -> Studied:
    """Of two arms one that gives up early, and one that comes to the threshold later."""
    root = tmp_path / "runs"
    given = {
        "slow": [("finished", 3, "no better"), ("diverged", 1, "the loss is nan"), ("finished", 3, "no better")],
        "good": [("finished", 8, "reached 0.9"), ("finished", 9, "reached 0.9"), ("finished", 8, "reached 0.9")],
    }
    asked = made_study(
        "waiting", {**BASE, "epochs": 20, "stop_at": 0.9, "patience": 2}, compare=["optimizer=sgd,adam"], seeds=3,
        metric="epochs",
    )  # fmt: skip
    runs: list[tuple[Trial, str]] = []
    for (trial, spec), (status, epochs, reason) in zip(specs_of(asked), given["slow"] + given["good"], strict=True):
        folder = RunFolder.create(root, spec.id, manifest_of(spec))
        folder.save_result({"status": status, "epochs": epochs, "seconds": 2.0 * epochs, "reason": reason})
        runs.append((trial, spec.id))
    return Studied(asked, root, runs, {})


def manifest_of(spec: RunSpec) -> dict[str, Any]:
    return {"spec": spec.to_dict(), "fingerprint": "", "created": "2026-01-01T00:00:00+00:00"}


def test_who_gives_up_early_is_not_fast(tmp_path: Path) -> None:
    found = waiting(tmp_path)
    assert found.values({"optimizer": "sgd"}) == [20.0, 20.0, 20.0], "who diverged did not get there either"
    assert found.values({"optimizer": "adam"}, "seconds") == [16.0, 18.0, 16.0]
    assert found.values({"optimizer": "sgd"}, "seconds") == [18.0, 18.0, 18.0]
    assert found.values({"optimizer": "sgd"}, "test_accuracy") == [None, None, None]
    assert found.pairs[0].difference > 0
    assert found.left_out("optimizer=sgd") == ""
    assert found.verdicts()[:2] == [
        "soonest at its threshold: optimizer=adam; its epochs are 8.333",
        "3 of 3 runs of optimizer=sgd were over before the threshold: they count with 20 epochs",
    ]


def test_a_run_that_used_up_its_epochs_says_nothing_of_later_ones(tmp_path: Path) -> None:
    """Those who were given two epochs are not called slower than those who took six of twenty.

    Nor do they shorten what is said of others, or come to a threshold in time that they never saw.
    """
    rates = {"lr": (0.01, 0.02, 0.03), "epochs": (2, 20, 20)}
    configs = [dict(zip(rates, values, strict=True)) for values in zip(*rates.values(), strict=True)]
    claims = [{"words": f"by {least}", "first": arm, "least": least} for arm, least in (
        ("lr=0.01 epochs=2", 2), ("lr=0.02 epochs=20", 4), ("lr=0.02 epochs=20", 10))]  # fmt: skip
    asked = made_study(
        "budgets", {**BASE, "epochs": 20, "stop_at": 0.9}, listed=configs, seeds=3, metric="epochs", claims=claims
    )
    runs: list[tuple[Trial, str]] = []
    for trial, spec in specs_of(asked):
        reason = "2 epochs" if spec.recipe.epochs == 2 else "validation_accuracy reached 0.9"
        epochs = 2 if spec.recipe.epochs == 2 else (6 if spec.recipe.lr == 0.02 else 12) + trial.seed
        folder = RunFolder.create(tmp_path, spec.id, manifest_of(spec))
        folder.save_result({"status": "finished", "epochs": epochs, "seconds": 1.0 * epochs, "reason": reason})
        runs.append((trial, spec.id))
    found = Studied(asked, tmp_path, runs, {})
    assert [found.values(config) for config in configs] == [[2.0] * 3, [6.0, 7.0, 8.0], [12.0, 13.0, 14.0]]
    assert [pair.difference for pair in found.pairs] == [0, 0, -6], "of two epochs nothing can be said beyond them"
    assert [" (up to 2 epochs)" in pair.words for pair in found.pairs] == [True, True, False]
    assert found.best == "lr=0.02 epochs=20"
    assert [words.partition(":")[0] for _, words in found.claims()] == ["no", "no", "yes"]
    assert "; 3 of 3 runs were over before the threshold" in found.claims()[0][1]
    assert [row[2] for row in found.table().rows] == ["≥ 2", "7", "13"], "what was over before is told as a bound"
    assert found.to_dict()["arms"]["lr=0.01 epochs=2"]["missed"] == 3
    assert "3 of 3 runs of lr=0.01 epochs=2 were over before the threshold: they count with 2 epochs" in " ".join(
        found.verdicts()
    )
    lines = {one.name: one.x for one in study_page.thresholds(found).series}
    assert max(lines["lr=0.01 epochs=2"]) == 2.0 and max(lines["lr=0.02 epochs=20"]) == 8.0


def thresholds(
    root: Path, ends: dict[str, list[float | None]], *, least: float = 15, metric: str = "epochs"
) -> Studied:
    """Arms of twenty epochs by when each seed got there; None for one that used them up."""
    listed = [{"lr": float(name)} for name in ends]
    claims = [{"words": "in time", "first": label(one), "least": least, "metric": "epochs"} for one in listed]
    asked = made_study(
        "waits", {**BASE, "epochs": 20, "stop_at": 0.9}, listed=listed, seeds=5, metric=metric, claims=claims
    )
    runs: list[tuple[Trial, str]] = []
    for trial, spec in specs_of(asked):
        at = ends[f"{spec.recipe.lr:g}"][trial.seed]
        reason = "20 epochs" if at is None else "validation_accuracy reached 0.9"
        kept = {"status": "finished", "epochs": at or 20, "seconds": at or 20.0, "reason": reason}
        folder = RunFolder.create(root, spec.id, manifest_of(spec))
        folder.save_result({**kept, "validation_accuracy": 0.9 + 0.01 * spec.recipe.lr, "test_accuracy": 0.9})
        runs.append((trial, spec.id))
    return Studied(asked, root, runs, {})


def test_a_claim_of_a_time_is_open_where_the_runs_that_were_over_leave_it_so(tmp_path: Path) -> None:
    found = thresholds(tmp_path, {"0.1": [5, 5, 5, 5, None], "0.2": [17, 17, 17, 17, None], "0.3": [None] * 5})
    told = [words for _, words in found.claims()]
    assert told[0] == "open: at least 8, n = 5; 1 of 5 runs were over before the threshold"
    assert told[1].startswith("no: at least 17.6, n = 5") and told[2].startswith("no: at least 20, n = 5")


def test_pictures_have_no_interval_around_a_bound(tmp_path: Path) -> None:
    found = thresholds(tmp_path, {"0.1": [5, 6, 7, 8, 9], "0.2": [17, 17, 17, 17, None]})
    drawn = study_page.effects(found).to_dict()
    assert drawn["categories"] == ["lr=0.1", "lr=0.2 (at least)"] and drawn["values"][1] == pytest.approx(17.6)
    assert drawn["low"][0] < 7 < drawn["high"][0] and drawn["low"][1] == drawn["high"][1] == drawn["values"][1]


@pytest.mark.parametrize(("budget", "epochs"), [(None, 1000.0), (60.0, 60.0), (5000.0, 1000.0)])
def test_nobody_is_waited_for_beyond_what_the_clock_allows(
    tmp_path: Path, budget: float | None, epochs: float
) -> None:
    asked = made_study(
        "clock", {**BASE, "epochs": 1000, "stop_at": 0.9, "time_budget": budget}, compare=["lr=0.1,0.2"], seeds=5,
        metric="epochs",
    )  # fmt: skip
    runs: list[tuple[Trial, str]] = []
    for trial, spec in specs_of(asked):
        folder = RunFolder.create(tmp_path, spec.id, manifest_of(spec))
        diverged = {"status": "diverged", "epochs": 1, "seconds": 1.0, "reason": "the loss is nan"}
        there = {"status": "finished", "epochs": 6, "seconds": 6.0, "reason": "validation_accuracy reached 0.9"}
        folder.save_result(diverged if (spec.recipe.lr, spec.seed) == (0.2, 0) else there)
        runs.append((trial, spec.id))
    found = Studied(asked, tmp_path, runs, {})
    assert found.horizons.longest("epochs", {"lr": 0.2}) == epochs
    assert found.values({"lr": 0.2}) == [epochs, 6, 6, 6, 6]


@pytest.mark.parametrize("other", [36.0, 6.0, 0.6])
def test_an_arm_is_not_held_to_the_epochs_that_a_faster_one_has_time_for(tmp_path: Path, other: float) -> None:
    shared = {**BASE, "epochs": 1000, "stop_at": 0.9, "time_budget": 60.0}
    asked = made_study("clock", shared, compare=["lr=0.1,0.2"], seeds=5, metric="epochs")
    runs: list[tuple[Trial, str]] = []
    for trial, spec in specs_of(asked):
        folder = RunFolder.create(tmp_path, spec.id, manifest_of(spec))
        seconds = other if spec.recipe.lr == 0.1 else 36.0
        there = {"status": "finished", "epochs": 6, "seconds": seconds, "reason": "validation_accuracy reached 0.9"}
        diverged = {"status": "diverged", "epochs": 1, "seconds": 1.0, "reason": "the loss is nan"}
        folder.save_result(diverged if (spec.recipe.lr, spec.seed) == (0.2, 0) else there)
        runs.append((trial, spec.id))
    found = Studied(asked, tmp_path, runs, {})
    assert found.values({"lr": 0.2}) == [10, 6, 6, 6, 6]
    assert found.values({"lr": 0.2}, "seconds") == [60, 36, 36, 36, 36]


def test_the_seconds_of_the_table_are_those_of_training(tmp_path: Path) -> None:
    found = thresholds(tmp_path, {"0.1": [5] * 5, "0.2": [None] * 5, "0.3": [40] * 5})
    assert [row[-1] for row in found.table().rows] == [5, 20, 40]


def test_nothing_is_soonest_where_no_run_got_there_or_no_time_is_compared(tmp_path: Path) -> None:
    found = thresholds(tmp_path / "none", {"0.1": [None] * 5, "0.2": [None] * 5})
    assert found.verdicts()[0] == "no run of the arms that have a result came to its threshold"
    assert found.best == "lr=0.2", "validation images tell what time leaves alike"
    found = thresholds(tmp_path / "accuracy", {"0.1": [5] * 5, "0.2": [4] * 5}, metric="validation_accuracy")
    assert found.verdicts()[0].startswith("best on validation: lr=0.2; its validation accuracy is ")


def test_those_who_never_get_there_are_waited_for_to_the_end(tmp_path: Path) -> None:
    table = threshold_table(waiting(tmp_path)).rows
    assert table[0] == ("optimizer=sgd", 3, 0, None, None, None, None, None, None)
    assert table[1][:4] == ("optimizer=adam", 3, 3, 8) and table[1][6] == 16
    kept = waiting(tmp_path / "again").to_dict()["thresholds"]["optimizer=adam"]
    assert (kept["n"], kept["reached"], kept["epochs"]["median"], kept["seconds"]["median"]) == (3, 3, 8, 16)
    lines = {}
    for unit in ("epoch", "second"):
        series = study_page.thresholds(waiting(tmp_path / unit), unit).series
        lines[unit] = {one.name: (one.x, one.y) for one in series}
    assert lines["epoch"]["optimizer=sgd"] == ([0.0, 20.0, 20.0], [1.0, 1.0, 1.0]), "three of three never got there"
    third = pytest.approx(1 / 3)
    assert lines["epoch"]["optimizer=adam"] == ([0.0, 8.0, 8.0, 9.0, 9.0], [1.0, 1.0, third, third, 0.0])
    assert lines["second"]["optimizer=sgd"] == ([0.0, 18.0, 18.0], [1.0, 1.0, 1.0])


@pytest.mark.parametrize(("metric", "chosen"), [("test_accuracy", 0.01), ("test_loss", 0.02), ("epochs", 0.01)])
def test_what_is_compared_is_chosen_by_its_like_on_validation(metric: str, chosen: float, tmp_path: Path) -> None:
    asked = made_study("like", BASE, compare=["optimizer=sgd"], tune=["lr=0.01,0.02,0.03"], seeds=1, metric=metric)
    results = {0.01: (0.9, 0.5), 0.02: (0.8, 0.3), 0.03: (0.7, 0.9)}
    runs: list[tuple[Trial, str]] = []
    for trial, spec in specs_of(asked):
        accuracy, loss = results[dict(trial.config)["lr"]]
        scores = {"validation_accuracy": accuracy, "validation_loss": loss, "test_accuracy": 0.5, "test_loss": 0.6}
        folder = RunFolder.create(tmp_path, spec.id, manifest_of(spec))
        folder.save_result({"status": "finished", "epochs": 1, "seconds": 1.0, "reason": "1 epoch", **scores})
        runs.append((trial, spec.id))
    found = Studied(asked, tmp_path, runs, {})
    assert found.chosen["optimizer=sgd"]["lr"] == chosen
    assert found.best == "optimizer=sgd" and found.ranked() == ["optimizer=sgd"]

"""Studies where something goes wrong, changes underneath, or is asked for in a way that could mislead."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import noise, two_classes
from trials import train_here

from pellucid.cli import run as command
from pellucid.errors import DataError, InterruptedRunError, SpecError, StorageError, UsageError
from pellucid.evaluation.comparison import compare
from pellucid.evaluation.permutation import reachable_p
from pellucid.spec.run import RunSpec
from pellucid.spec.search import Search
from pellucid.spec.space import Dimension
from pellucid.spec.study import Study, Trial, factor_from_text, label
from pellucid.storage.run_folder import RunFolder
from pellucid.storage.study_folder import StudyFolder
from pellucid.training.executors import task as module
from pellucid.training.executors.task import Task, run_task
from pellucid.verbs import study_page
from pellucid.verbs.hparams import study_events
from pellucid.verbs.made_study import made_study, study_from_file
from pellucid.verbs.studied import Studied
from pellucid.verbs.study import load_study, study
from pellucid.verbs.study_size import estimate
from pellucid.verbs.study_specs import specs_of
from pellucid.verbs.study_thresholds import threshold_table

BASE = {"network": "mlp", "data": "digits", "epochs": 1, "subset": 200, "hidden_size": 16}


def rates(name: str = "rates", seeds: int = 2, **base: Any) -> Study:
    return made_study(name, {**BASE, **base}, compare=["lr=0.001,0.01"], seeds=seeds)


def pellucid(*words: object, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["pellucid", *map(str, words)])
    return command()


# --- a trial that goes wrong


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError("Unable to allocate 8 TiB"), "out of memory: Unable to allocate 8 TiB"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out of memory"),
        (IndexError("3"), "IndexError: 3"),
        (SpecError("conv1: expected more pixels"), "conv1: expected more pixels"),
    ],
)
def test_whatever_goes_wrong_in_a_run_is_its_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise error

    spec = specs_of(rates())[0][1]
    monkeypatch.setattr(module, "run", broken)
    found = run_task(Task(spec), tmp_path, tmp_path)
    assert found.result is None and told in found.error


@pytest.mark.parametrize("error", [StorageError("no space"), InterruptedRunError("stopped")])
def test_what_is_no_fault_of_the_run_ends_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise error

    spec = specs_of(rates())[0][1]
    monkeypatch.setattr(module, "run", broken)
    with pytest.raises(type(error)):
        run_task(Task(spec), tmp_path, tmp_path)


def test_a_kind_of_training_that_cannot_be_timed_keeps_no_study_from_its_trials() -> None:
    asked = made_study("wild", {**BASE, "engine": "scratch", "optimizer": "sgd"}, compare=["lr=1e30,0.01"], seeds=1)
    assert estimate(asked)["left"] == 2


def test_where_a_study_is_stopped_what_there_is_stands_in_its_table(tmp_path: Path) -> None:
    def stop(done: int, of: int, outcome: Any) -> None:
        if done == 3:
            raise InterruptedRunError("stopped")

    with pytest.raises(InterruptedRunError):
        study(rates(), runs=tmp_path, workers=1, told=stop)
    table = json.loads((tmp_path / "studies" / "rates" / "trials.json").read_bytes())
    assert [row["status"] for row in table].count("finished") >= 3 and len(table) == 4


def test_why_a_trial_failed_is_known_to_who_comes_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = made_study("few", {**BASE, "batch_size": 8}, compare=["l2=0,1"], seeds=1)
    monkeypatch.setattr("pellucid.verbs.study._train", lambda specs, *rest: rest[-1].update({specs[0][1].id: "why"}))
    study(asked, runs=tmp_path)
    assert [row.reason for row in load_study("few", runs=tmp_path).rows] == ["why", "not trained yet"]


# --- what changes underneath


def test_a_study_is_read_where_its_network_and_images_are_gone(tmp_path: Path) -> None:
    images = two_classes(tmp_path / "images")
    network = tmp_path / "mine.toml"
    network.write_text('[[layers]]\nlayer = "flatten"\n[[layers]]\nlayer = "dense"\nunits = 2\n')
    asked = made_study(
        "own", {"network": str(network), "data": str(images), "epochs": 1}, compare=["lr=0.001,0.01"], seeds=1
    )
    found = study(asked, runs=tmp_path / "runs", workers=1)

    text = network.read_text()
    network.write_text(text.replace("units = 2", 'units = 2\nname = "out"'))
    with pytest.raises(UsageError, match=r"found 2 that would be other runs \(lr=0.001 seed=0, ...\)"):
        study(asked, runs=tmp_path / "runs")
    network.write_text(text)

    noise(images / "a" / "another.png", seed=9)
    with pytest.raises(DataError, match="expected the images that it was trained on, found others in"):
        study(replace(asked, seeds=(0, 1)), runs=tmp_path / "runs")

    network.unlink()
    (images / "a" / "another.png").unlink()
    (tmp_path / "runs").rename(tmp_path / "moved")
    images.rename(tmp_path / "elsewhere")
    again = load_study("own", runs=tmp_path / "moved")
    assert again.table().text() == found.table().text() and again.trials() == found.trials()


# --- thresholds that were not reached


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


# --- looks


def test_seeds_added_after_a_look_are_told(tmp_path: Path) -> None:
    study(rates(), runs=tmp_path)
    more = study(rates(seeds=3), runs=tmp_path)
    assert more.verdicts()[-1].startswith(
        "seeds were added after a look at 2: 2 looks, each with 5 % of false claims"
    )
    assert load_study("rates", runs=tmp_path).verdicts() == more.verdicts()
    assert "look" not in " ".join(study(rates("anew", seeds=3), runs=tmp_path).verdicts())


def test_looks_at_runs_that_are_none_of_the_study_any_more_do_not_count(tmp_path: Path) -> None:
    more, other = rates(seeds=3), rates(seeds=3, hidden_size=8)
    for asked in (more, other):
        train_here(asked, tmp_path)

    def looks() -> tuple[int, ...]:
        return StudyFolder(tmp_path, "rates").progress().looks

    study(rates(), runs=tmp_path)
    assert "after a look at 2" in study(more, runs=tmp_path, update=True).verdicts()[-1] and looks() == (2, 3)
    assert "look" not in " ".join(study(other, runs=tmp_path, update=True).verdicts()) and looks() == (3,)


def test_nothing_is_added_where_there_is_nothing_to_compare(tmp_path: Path) -> None:
    alone = made_study("alone", BASE, tune=["lr=0.001,0.01"], seeds=1)
    with pytest.raises(UsageError, match="expected two arms or more"):
        study(alone, runs=tmp_path, until_clear=True)
    wild = made_study("wild", {**BASE, "optimizer": "sgd"}, compare=["lr=0.01,1e12"], seeds=1)
    found = study(wild, runs=tmp_path, until_clear=True)
    assert len(found.study.seeds) == 6 and not found.pairs


def test_hundreds_of_seeds_are_compared() -> None:
    generator = np.random.default_rng(0)
    first, second = (generator.normal(mean, 1, 600).tolist() for mean in (9, 0))
    (pair,) = compare({"a": first, "b": second})
    assert pair.verdict == "better" and reachable_p(600) < 1e-100


# --- tuning shows no test scores


def test_tensorboard_is_told_no_test_score_of_what_was_not_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions: list[Any] = []
    monkeypatch.setattr("pellucid.verbs.hparams.write_hparams", lambda path, given: sessions.extend(given))
    found = study(made_study("tuned", BASE, tune=["lr=0.0001,0.01"], seeds=1), runs=tmp_path)
    study_events(found)
    assert [one.test for one in sessions] == [False, True]


def test_the_value_that_validation_chose_is_named_beside_its_arm(tmp_path: Path) -> None:
    asked = made_study("tuned", BASE, compare=["min_lr=0,0.0001"], tune=["lr=0.0001,0.01"], seeds=1)
    table = study(asked, runs=tmp_path).table().text()
    assert "min_lr=0.0001 (lr=0.01)" in table


# --- asked for in a way that does not fit


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"listed": [{"lr": 0.001}, {"optimizer": "adam"}]}, "lr=0.001 and optimizer=adam are one training"),
        ({"compare": {"threads": [None, 1]}}, "threads=None and threads=1 are one training"),
        ({"compare": ["lr=0.1"], "seeds": ["1", "2"]}, "whole numbers from 0 on, found ['1', '2']"),
        ({"compare": ["lr=0.1"], "seeds": [0.5, 1]}, "whole numbers from 0 on"),
        ({"compare": {"hiden_size": [8, 16]}}, "Did you mean hidden_size"),
        ({"compare": 3}, "expected [compare] as a table of factors, found 3"),
        ({"tune": "lr=1"}, "expected [tune] as a table of factors"),
    ],
)
def test_what_does_not_fit_is_told_first(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as error:
        specs_of(made_study("wrong", BASE, **asked))
    assert told in str(error.value)


def test_a_long_list_of_levels_is_told_in_part() -> None:
    with pytest.raises(UsageError) as error:
        factor_from_text("lr=log:1e-4:1.0001e-4:1000")
    assert len(str(error.value)) < 300


def test_ranges_of_whole_numbers_are_whole_and_dashes_are_underscores() -> None:
    asked = made_study(
        "sizes", {"network": "row-lstm", "data": "digits"}, compare=["hidden_size=linear:8:16:2"], seeds=1
    )
    assert factor_from_text("hidden_size=log:16:256:5").levels == (16, 32, 64, 128, 256)
    assert [type(level) for level in factor_from_text("dropout=linear:0:1:3").levels] == [float] * 3
    four, eight = (set(factor_from_text(f"lr=lograndom:1e-4:1e-1:{n}").levels) for n in (4, 8))
    assert len(four) == 4 and len(eight) == 8 and four < eight and 1e-4 <= min(eight) < 1e-3 < max(eight) < 1e-1
    assert all(isinstance(level, int) for level in factor_from_text("hidden_size=random:16:64:5").levels)
    assert factor_from_text("hidden_size=random:4:6:3").levels == (4, 5, 6), "as many as asked for"
    with pytest.raises(UsageError, match=r"no more levels than there are different values, found 5 of .*which has 3"):
        factor_from_text("hidden_size=random:4:6:5")
    with pytest.raises(UsageError, match="found 5,000,000 of"):
        factor_from_text("hidden_size=random:4:6:5000000")  # at once
    assert [spec.network.name for _, spec in specs_of(asked)] == ["row_lstm"] * 2


def test_a_search_has_seeds_of_its_own() -> None:
    with pytest.raises(UsageError, match="expected seeds as its own"):
        Search(name="s", base={}, space=(Dimension("seed", "choice", choices=(1, 2)),))


def test_seeds_that_can_say_nothing_are_told_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (
        "study",
        "mlp",
        "digits",
        "--vary",
        "optimizer=adam,sgd,adagrad,rmsprop",
        "--dry-run",
        "--runs",
        tmp_path,
    )
    assert pellucid(*words, "--seeds", 5, monkeypatch=monkeypatch) == 0
    assert "no difference can be told with so few seeds: 1 more" in capsys.readouterr().out
    assert pellucid(*words, "--seeds", 6, monkeypatch=monkeypatch) == 0
    assert "few seeds" not in capsys.readouterr().out


def test_a_file_goes_with_seeds_and_a_name_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'seeds = 2\n[base]\nnetwork = "mlp"\ndata = "digits"\nepochs = 1\n[compare]\nlr = [0.001, 0.01]\n'
    )
    words = ("study", "--config", path, "--dry-run", "--json")
    assert pellucid(*words, "--seeds", 3, "--name", "other", monkeypatch=monkeypatch) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["study"], told["trials"]) == ("other", 6)
    assert pellucid(*words[:-1], "--seed", 7, monkeypatch=monkeypatch) == 0
    told = capsys.readouterr().out
    assert "seed=7" in told and "seed=8" in told and "seed=0" not in told
    path.write_text(path.read_text().replace("seeds = 2", "seeds = [4, 9]"))
    assert pellucid(*words[:-1], "--seeds", 3, monkeypatch=monkeypatch) == 0
    told = capsys.readouterr().out
    assert all(f"seed={seed}" in told for seed in (4, 9, 10)) and "seed=0" not in told
    assert pellucid(*words, "--epochs", 3, "--vary", "lr=1,2", monkeypatch=monkeypatch) == 2
    assert "found --vary, --epochs too" in " ".join(capsys.readouterr().err.split())
    path.write_bytes(b"seeds = 2 # \xff\n")
    with pytest.raises(UsageError, match="expected text in UTF-8"):
        study_from_file(path)

"""Studies where something goes wrong, changes underneath, or is asked for in a way that could mislead."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import noise, two_classes
from trials import train_here

from pellucid.cli import run as command
from pellucid.errors import DamagedError, DataError, InterruptedRunError, SpecError, StorageError, UsageError
from pellucid.evaluation.comparison import compare
from pellucid.evaluation.permutation import reachable_p
from pellucid.spec.factor import factor_from_text
from pellucid.spec.search import Search
from pellucid.spec.space import Dimension
from pellucid.spec.study import Study
from pellucid.storage.run_folder import RunFolder
from pellucid.storage.study_folder import StudyFolder
from pellucid.training.executors import task as module
from pellucid.training.executors.task import Task, run_task
from pellucid.verbs.hparams import study_events
from pellucid.verbs.made_study import made_study, study_from_file
from pellucid.verbs.study import load_study, study
from pellucid.verbs.study_size import estimate
from pellucid.verbs.study_specs import specs_of

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
    found = load_study("few", runs=tmp_path)
    assert [row.reason for row in found.rows] == ["why", "not trained yet"]
    assert [row.status for row in found.rows] == ["failed", "untrained"] and len(found.failed) == 1


@pytest.mark.parametrize("name", ["run.json", "metrics.jsonl", "predictions.safetensors"])
def test_a_damaged_run_is_a_row_and_the_page_is_written(tmp_path: Path, name: str) -> None:
    found = study(rates(), runs=tmp_path, workers=1)
    hurt = tmp_path / found.rows[0].run / name
    content = hurt.read_bytes()
    hurt.write_bytes(content[:10] + bytes([content[10] ^ 1]) + content[11:])
    with pytest.raises(DamagedError):
        folder = RunFolder.open(tmp_path, found.rows[0].run)
        folder.metrics(), folder.predictions()
    page = tmp_path / "studies" / "rates" / "study.html"
    page.unlink()
    again = study(rates(), runs=tmp_path, workers=1)
    assert page.is_file() and again.rows[1].result is not None
    assert any(study_events(again).rglob("events.out.tfevents*"))
    assert (again.rows[0].result is None and "run.json" in again.rows[0].reason) == (name == "run.json")


@pytest.mark.parametrize("answer", ["n\n", "", "y\n", None])
def test_a_thousand_trials_are_asked_about_first(
    answer: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun: list[Study] = []

    def begin(asked: Study, **_: Any) -> Any:
        begun.append(asked)
        raise InterruptedRunError("begun")

    monkeypatch.setattr("pellucid.verbs.study.study", begin)
    monkeypatch.setattr("sys.stdin", io.StringIO(answer or ""))
    words = ["--vary", "lr=log:1e-4:1e-1:501", "--seeds", 2, "--subset", 200, "--json", "--runs", tmp_path]
    yes = ["--yes"] if answer is None else []
    code = pellucid("study", "mlp", "digits", *words, *yes, monkeypatch=monkeypatch)
    out, err = capsys.readouterr()
    assert code == InterruptedRunError.exit_code and not out.strip()
    assert "1,002 trials" in err and ("Begin?" in err) == (answer is not None)
    assert len(begun) == (answer in ("y\n", None))


def test_a_name_that_no_folder_can_have_is_refused_before_anything_is_timed() -> None:
    with pytest.raises(UsageError, match=r"study 'My Study': expected a name of small letters.*--name"):
        estimate(replace(rates(), name="My Study"))


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

"""Studies: the same table whatever the workers, killed or not; nothing trained twice; bad questions refused first."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from waiting import until

from pellucid.cli import run as command
from pellucid.errors import StorageError, UsageError
from pellucid.evaluation.comparison import ALPHA, LOOKS
from pellucid.spec import DataSpec, Recipe
from pellucid.spec.factor import Factor, factor_from_text
from pellucid.spec.study import Study, differences
from pellucid.storage.run_folder import RunFolder
from pellucid.storage.study_folder import StudyFolder
from pellucid.verbs import study_page
from pellucid.verbs.made_study import made_study, study_from_file
from pellucid.verbs.study import load_study, study
from pellucid.verbs.study_size import estimate
from pellucid.verbs.study_specs import specs_of

BASE = {"network": "mlp", "data": "digits", "epochs": 2, "subset": 300, "hidden_size": 24}


def small(name: str = "small", seeds: int = 2, **tune: list[float]) -> Study:
    return made_study(name, BASE, compare=["optimizer=adam,sgd", "lr=0.003,0.01"], tune=tune, seeds=seeds)


def bytes_of(root: Path, name: str = "small") -> bytes:
    return (root / "studies" / name / "trials.json").read_bytes()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("studies")
    study(small(), runs=found, workers=2)
    return found


def test_the_table_is_the_same_bytes_with_any_workers_and_nothing_is_trained_again(
    root: Path, tmp_path: Path
) -> None:
    study(small(), runs=tmp_path, workers=1)
    assert bytes_of(tmp_path) == bytes_of(root)
    started = {
        one.name: RunFolder.open(root, one.name).events() for one in root.iterdir() if (one / "run.json").exists()
    }
    assert len(started) == 8
    again = study(small(), runs=root)
    for name, events in started.items():
        assert RunFolder.open(root, name).events() == events
    assert bytes_of(root) == bytes_of(tmp_path)
    assert [row["configuration"] for row in json.loads(bytes_of(root))][::2] == [
        {"optimizer": a, "lr": b} for a in ("adam", "sgd") for b in (0.003, 0.01)
    ]
    assert {spec.threads for _, spec in specs_of(small())} == {1} and len(again.rows) == 8


def test_a_study_that_is_killed_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    words = ["study", "mlp", "digits", "--name", "small", "--vary", "lr=0.003,0.01", "--seeds", "3", "--epochs", "12"]
    whole, killed = (
        [sys.executable, "-m", "pellucid", *words, "--runs", str(tmp_path / name)] for name in ("whole", "killed")
    )
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(whole, check=True, **quiet)  # type: ignore[call-overload]
    for wait in (3.0, 4.0):
        with subprocess.Popen(killed, start_new_session=True, **quiet) as one:  # type: ignore[call-overload]
            time.sleep(wait)
            os.killpg(one.pid, signal.SIGKILL)
        assert not (tmp_path / "killed/studies/small/trials.json").exists(), "it was over before it was killed"
    subprocess.run(killed, check=True, **quiet)  # type: ignore[call-overload]
    assert bytes_of(tmp_path / "killed") == bytes_of(tmp_path / "whole")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")
def test_the_processes_of_a_study_that_is_killed_alone_save_their_runs_and_end(tmp_path: Path) -> None:
    def children(parent: int) -> list[int]:
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # over meanwhile
                if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                    found.append(int(path.parent.name))
        return found

    words = ["study", "mlp", "digits", "--name", "long", "--vary", "lr=0.003,0.01", "--epochs", "100000"]
    command = [sys.executable, "-m", "pellucid", *words, "--seeds", "1", "--workers", "2", "--runs", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as one:
        until(lambda: len(list(tmp_path.glob("mlp-*/metrics.jsonl"))) == 2)
        workers = children(one.pid)
        one.kill()
    assert len(workers) >= 2
    until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))
    for path in tmp_path.glob("mlp-*"):
        assert [event["event"] for event in RunFolder.open(tmp_path, path.name).events()][-1] == "interrupted"


def test_arms_are_compared_and_what_stands_is_said(root: Path) -> None:
    found = study(small(), runs=root)
    assert list(found.summaries) == [f"optimizer={a} lr={b}" for a in ("adam", "sgd") for b in (0.003, 0.01)]
    assert len(found.pairs) == 6 and all(pair.n == 2 for pair in found.pairs)
    assert found.best is not None and found.best.startswith("optimizer=adam")
    assert found.verdicts()[0].startswith("best on validation: optimizer=adam")
    assert found.verdicts()[1:] == [
        "too few seeds to say anything of 6 of the 6 pairs: 4 more seeds needed, or fewer configurations, since "
        "every pair counts in the correction"
    ]
    assert all(0 <= one.low <= one.high <= 1 for one in found.summaries.values())
    assert found.table().rows[0][1] == 2
    for format in ("html", "png", "json"):
        assert len(found.display().render(format)) > 500
    assert "trials.csv" in {path.name for path in (root / "studies" / "small").iterdir()}
    answers = found.answers("optimizer=adam lr=0.01", "optimizer=sgd lr=0.003")
    assert answers is not None and answers[0].shape == answers[1].shape == (2, 300)
    assert answers[0].mean() == pytest.approx(found.summaries["optimizer=adam lr=0.01"].mean)
    assert load_study("small", runs=root).summaries == found.summaries
    with pytest.raises(UsageError, match=r"unknown study 'smal'\. Did you mean small"):
        load_study("smal", runs=root)


def test_the_estimate_leaves_out_what_is_done_and_times_each_kind(root: Path, tmp_path: Path) -> None:
    assert estimate(small(), runs=root) | {"seconds": 0} == {
        "trials": 8, "left": 0, "workers": estimate(small(), runs=root)["workers"], "seconds": 0, "many": False,
        "at_most": False, "more_seeds": 4,
    }  # fmt: skip
    assert estimate(small(), runs=root)["seconds"] == 0
    more = estimate(small(seeds=3), runs=root, workers=1)
    assert more["left"] == 4 and more["seconds"] > 0
    base = {"network": "mlp", "data": "digits", "epochs": 1}
    sizes = made_study("sizes", base, compare={"hidden_size": [8, 2048]}, seeds=1)
    narrow = made_study("narrow", {**base, "hidden_size": 8}, compare={"lr": [0.1, 0.2]}, seeds=1)
    assert (
        estimate(sizes, runs=tmp_path, workers=1)["seconds"]
        > 3 * estimate(narrow, runs=tmp_path, workers=1)["seconds"]
    )


def test_the_time_told_is_that_of_each_recipe_s_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.verbs.study_size.epoch_seconds", lambda *_, **__: 1.0)
    base = {"network": "mlp", "data": "digits", "subset": 100}
    for recipes in (["adam", "fast_mnist"], ["fast_mnist", "adam"]):  # 5 epochs and 1, whichever comes first
        asked = made_study("recipes", base, compare={"recipe": recipes}, seeds=1)
        assert estimate(asked, runs=tmp_path, workers=1)["seconds"] == 6


def test_a_grid_shows_what_each_factor_does(root: Path) -> None:
    found = study(small(), runs=root)
    effects, shares, pair, lines = study_page.factors(found)
    means = effects.to_dict()
    assert means["categories"] == ["optimizer=adam", "optimizer=sgd", "lr=0.003", "lr=0.01"]
    arms = found.summaries
    adam = (arms["optimizer=adam lr=0.003"].mean + arms["optimizer=adam lr=0.01"].mean) / 2
    assert means["values"][0] == pytest.approx(adam)
    assert [row[0] for row in shares.to_dict()["rows"]] == ["optimizer", "lr", "optimizer x lr", "seeds and rest"]
    assert pair.to_dict()["values"][1][0] == pytest.approx(arms["optimizer=sgd lr=0.003"].mean)
    assert len(lines.to_dict()["rows"]) == 4
    for x in study_page.CURVE_AXES:
        (thick, *_) = study_page.curves(found, x=x).to_dict()["series"]
        assert len(thick["x"]) == 2 and thick["x"] == sorted(thick["x"])
    with pytest.raises(UsageError, match=r"unknown axis 'hour'"):
        study_page.curves(found, x="hour")
    with pytest.raises(UsageError, match=r"unknown metric 'loss'"):
        study_page.curves(found, "loss")


def test_tuned_factors_are_chosen_on_validation_and_edges_are_told(root: Path) -> None:
    asked = made_study("tuned", BASE, compare=["optimizer=adam,sgd"], tune={"lr": [0.001, 0.01, 0.1]}, seeds=2)
    found = study(asked, runs=root)
    assert list(found.chosen) == ["optimizer=adam", "optimizer=sgd"]
    for arm, config in found.chosen.items():
        scores = {
            one["lr"]: sum(value or 0 for value in found.values(one, "validation_accuracy"))
            for one in asked.configs()
            if asked.arm(one) == arm
        }
        assert config["lr"] == max(scores, key=lambda lr: scores[lr])
    assert any(line.startswith("optimizer=sgd: best lr 0.1 is at the edge") for line in found.verdicts())
    kept = json.loads(bytes_of(root, "tuned"))  # of the values that were not chosen no test score is told
    told = [row["configuration"] for row in kept if row["test_accuracy"] is not None]
    assert told[::2] == list(found.chosen.values()) and len(told) == 4
    assert {row["validation_accuracy"] is None for row in kept} == {False}
    assert study_page.metric_of_effects(found) == "validation_accuracy"


def test_an_arm_of_which_seeds_failed_is_not_better_for_that(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "runs"
    shutil.copytree(root, copy)
    found = load_study("small", runs=copy)
    best = found.best
    assert best is not None
    run = found.of(found.chosen[best])[0].run
    RunFolder.open(copy, run).save_result({"status": "diverged", "epochs": 1, "reason": "the loss is nan"})
    less = load_study("small", runs=copy)
    assert less.best != best
    pair = next(one for one in less.pairs if best in (one.first, one.second))
    assert f"left out: 1 of 2 seeds of {best}, which failed" in pair.words
    shutil.rmtree(copy / run)  # one that is to be trained again says nothing against it
    assert load_study("small", runs=copy).best == best


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"compare": ["lr=abc,0.1"]}, "study, lr: found 'abc'"),
        ({"compare": ["test_size=100.5,200"]}, "study, test_size: found 100.5"),
        ({"compare": ["stop_at=90%"]}, "study, stop_at: found '90%'"),
        ({"compare": ["seed=1,2"]}, "Seeds are the study's own"),
        ({"compare": {"lr": 0.1}}, "factor lr: expected a list of levels, found 0.1"),
        ({"compare": {"lr": [0, 0.0]}}, "expected different levels"),
        ({"compare": ["lr=0.1"], "metric": "test_acc"}, "Did you mean test_accuracy"),
        ({"compare": ["lr=0.1"], "seeds": 2.0}, "seeds: expected how many"),
        ({"listed": [{"lr": 0.1}, {"lr": 0.1}]}, "expected different configurations, found lr=0.1 twice"),
        ({"listed": {"lr": 0.1}}, "as a list of tables"),
        (
            {"listed": [{"recipe": Recipe()}]},
            "study wrong, recipe: expected names, numbers and lists of them, found Recipe(",
        ),
        ({"compare": {"views": [[DataSpec(name="digits")]]}}, "study wrong, views: expected names"),
        ({"compare": {"views": [["none"], [3 + 4j]]}}, "found (3+4j) (complex)"),
        ({"reported": 0.9}, "expected [reported] as a table, found 0.9"),
        ({"claims": ["it is better"]}, "expected [[claim]] as a list of tables, found ['it is better']"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_runs(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as error:
        specs_of(made_study("wrong", BASE, **asked))
    assert told in str(error.value)


def test_values_are_of_their_option_s_type_and_views_can_be_varied() -> None:
    one, two = specs_of(made_study("views", {**BASE, "lr": "0.1"}, compare=["views=negative,none"], seeds=1))
    assert (one[1].data.views, two[1].data.views, one[1].recipe.lr) == (("negative",), (), 0.1)


def test_a_run_that_diverges_is_a_row_with_its_reason(tmp_path: Path) -> None:
    found = study(made_study("wild", {**BASE, "optimizer": "sgd"}, compare=["lr=0.01,1e12"], seeds=2), runs=tmp_path)
    assert [row.result is None for row in found.rows] == [False, False, True, True]
    assert "the loss is" in found.rows[2].reason and "learning rate 1e+12" in found.rows[2].reason
    assert list(found.summaries) == ["lr=0.01"] and found.pairs == []
    assert json.loads(bytes_of(tmp_path, "wild"))[3]["status"] == "failed"


def test_seeds_are_added_until_it_is_clear(tmp_path: Path) -> None:
    asked = made_study("clear", {**BASE, "epochs": 1}, compare=["lr=0.00001,0.01"], seeds=2)
    found = study(asked, runs=tmp_path, until_clear=True)
    assert len(found.study.seeds) in LOOKS[:3]
    assert found.pairs[0].verdict in ("better", "worse") and found.pairs[0].p_family <= ALPHA / len(LOOKS)
    again = load_study("clear", runs=tmp_path)
    assert again.study.until_clear and again.pairs == found.pairs
    with pytest.raises(UsageError, match=r"found another: until_clear: it was true, now nothing"):
        study(found.study.__class__(**{**vars(found.study), "until_clear": False}), runs=tmp_path)


@pytest.mark.parametrize(
    ("compared", "words"),
    [
        (["optimiser=adam"], "unknown factor 'optimiser'. Did you mean optimizer"),
        (["optimizer=adam,adm"], "unknown optimizer 'adm'. Did you mean adam"),
        (["lr=0.1,-1"], "lr: expected a number above 0, found -1"),
        (["lr=0.1,0.1"], r"expected different levels \(numbers by six digits\), found 0.1 2 times: 0.1, 0.1"),
        (["lr=0.1,"], "expected a value before and after each comma, found '0.1,'"),
        (["lr=linear:0:1:3:9"], "expected linear:LOW:HIGH:COUNT, found 'linear:0:1:3:9'"),
        (["lr=rand:1e-4:1e-1:3"], "expected values with commas or one of log, linear, lograndom, random with :LOW"),
        (["lr=log:1e-4:1e-1:1000000"], "found 0.000100001 2 times: 0.0001, .* and more"),
        (["lr"], "factor: expected NAME=VALUE"),
        (["lr=log:1:0.1:3"], "two levels or more from low to high above 0"),
        (["monitor=test_loss,loss"], "unknown metric 'loss'"),
        (["epochs=3"], "expected epochs once, found it twice"),
    ],
)
def test_bad_questions_are_refused_before_anything_is_trained(
    compared: list[str], words: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=words):
        study(made_study("bad", BASE, compare=compared), runs=tmp_path)
    assert not any((path / "run.json").exists() for path in tmp_path.iterdir())


def test_another_study_under_an_old_name_says_what_differs(root: Path) -> None:
    with pytest.raises(UsageError, match=r"found another: base\.epochs: it was 2, now 3\..*--update"):
        study(
            made_study("small", {**BASE, "epochs": 3}, compare=["optimizer=adam,sgd", "lr=0.003,0.01"], seeds=2),
            runs=root,
        )
    old = small().to_dict()
    new = made_study("small", BASE, compare=["optimizer=adam,sgd", "lr=0.003,0.02"], seeds=3).to_dict()
    assert differences(old, new) == [
        "lr.levels: it was [0.003, 0.01], now [0.003, 0.02]", "seeds: it was [0, 1], now [0, 1, 2]",
    ]  # fmt: skip


def test_a_second_process_at_one_study_is_refused(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path, "small")
    folder.open()
    with folder.lock(), pytest.raises(StorageError, match="expected to be the only process"):
        study(small(), runs=tmp_path)


def test_factors_and_files(tmp_path: Path) -> None:
    assert factor_from_text("lr=linear:0:1:3").levels == (0.0, 0.5, 1.0)
    assert factor_from_text("dropout=none,0.5").levels == (None, 0.5)
    with pytest.raises(UsageError, match="expected the role compare or tune"):
        Factor("lr", (1,), "vary")
    path = tmp_path / "mine.toml"
    path.write_text(
        'seeds = [3, 5]\n[base]\nnetwork = "mlp"\ndata = "digits"\nepochs = 1\n[compare]\nlr = [0.01, 0.1]\n'
        '[tune]\nbatch_size = "16,32"\n[reported]\n"lr=0.01" = 0.9\n'
    )
    asked = study_from_file(path)
    assert asked.name == "mine" and asked.size == 8 and asked.tuned[0].levels == (16, 32)
    path.write_text("sed = 3")
    with pytest.raises(UsageError, match=r"unknown key in .*'sed'. Did you mean seeds"):
        study_from_file(path)
    size = estimate(asked, workers=2)
    assert size["trials"] == 8 and 0 < size["seconds"] < 600 and not size["many"]


def test_commands(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def pellucid(*words: object) -> int:
        monkeypatch.setattr("sys.argv", ["pellucid", *map(str, words)])
        return command()

    words = ("study", "mlp", "digits", "--name", "by-command", "--vary", "lr=0.003,0.01", "--seeds", 2, "--epochs", 1,
             "--subset", 200, "--runs", root)  # fmt: skip
    assert pellucid(*words, "--dry-run") == 0
    told = capsys.readouterr().out
    assert "study by-command: 4 trials, some seconds on" in told and "lr=0.003 seed=1" in told
    assert pellucid(*words) == 0
    out, err = capsys.readouterr()
    assert "best on validation" in out and "4/4" in err and "study.html" in err
    assert pellucid(*words, "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["trials"]) == 4
    assert pellucid("study", "mlp", "digits") == 2
    ids = [row.run for row in study(small(), runs=root).rows[:2]]
    assert pellucid("compare", *ids, "--runs", root) == 0
    assert "right in" in capsys.readouterr().out

"""Searches: the same table with any workers, killed or not; promoted runs go on; the test score told once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pellucid.cli import run as command
from pellucid.errors import InterruptedRunError, StorageError, UsageError
from pellucid.spec.search import Search
from pellucid.storage.run_folder import RunFolder
from pellucid.storage.search_folder import SearchFolder
from pellucid.training.proposals import random_points
from pellucid.verbs.search import made_search, search
from pellucid.verbs.search_size import search_size
from pellucid.verbs.searched import Searched, Tried

BASE = {"network": "mlp", "data": "digits", "epochs": 4, "subset": 200, "hidden_size": 16}
OVER = ["lr=log:1e-4:1e-1", "batch_size=16,32"]


def small(method: str = "halving", **given: Any) -> Search:
    base = {**BASE, **given.pop("base", {})}
    return made_search("small", base, over=OVER, trials=6, method=method, **{"eta": 2, "at_once": 3, **given})


def table(root: Path) -> bytes:
    return (root / "searches/small/trials.json").read_bytes()


@pytest.fixture(scope="module")
def halved(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    return search(small(), runs=tmp_path_factory.mktemp("searches"), workers=2)


@pytest.mark.parametrize("method", ["halving", "optuna"])
def test_a_search_that_is_stopped_goes_on_to_the_same_bytes_with_other_workers(
    tmp_path: Path, method: str, halved: Searched
) -> None:
    root = halved.root if method == "halving" else tmp_path / "whole"
    whole = halved if method == "halving" else search(small(method), runs=root, workers=2)

    def stop(done: int, of: int, outcome: Any) -> None:
        if done == 5:
            raise InterruptedRunError("enough")

    with pytest.raises(InterruptedRunError):
        search(small(method), runs=tmp_path / "parts", workers=1, told=stop)
    begun = {path.parent.name: path.read_bytes() for path in (tmp_path / "parts").glob("*/result.json")}
    assert len(begun) >= 5 and not (tmp_path / "parts/searches/small/trials.json").exists()
    parts = search(small(method), runs=tmp_path / "parts", workers=1)
    assert table(tmp_path / "parts") == table(root) and parts.verdicts() == whole.verdicts()
    for name, result in begun.items():
        assert (tmp_path / "parts" / name / "result.json").read_bytes() == result, "trained again"


@pytest.mark.parametrize("method", ["random", "optuna"])
def test_values_that_fit_one_by_one_and_not_together_are_a_point_that_failed(tmp_path: Path, method: str) -> None:
    over = ["loss=mse,cross_entropy", "label_smoothing=0.1,0", "lr=log:1e-3:1e-2"]
    asked = made_search("clash", {**BASE, "epochs": 1}, over=over, trials=8, method=method)
    found = search(asked, runs=tmp_path, workers=1)
    clash = [one for one in found.tried if (one.config["loss"], one.config["label_smoothing"]) == ("mse", 0.1)]
    assert clash and found.failed == clash and len(found.tried) == 8
    assert {one.epochs for one in clash} == {1}
    assert all("label_smoothing: expected" in one.reason and one.runs == ("",) for one in clash)
    assert found.best is not None and found.table().text() and found.display().render("html")


def test_a_search_that_is_killed_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    words = ["mlp", "digits", "--over", "lr=log:1e-3:1e-1", "--trials", "9", "--method", "halving", "--epochs", "90"]
    whole, killed = (
        [sys.executable, "-m", "pellucid", "search", *words, "--name", "small", "--runs", str(tmp_path / name)]
        for name in ("whole", "killed")
    )
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(whole, check=True, **quiet)  # type: ignore[call-overload]
    for finished in (4, 10):  # in the first rung, and in the second
        with subprocess.Popen(killed, start_new_session=True, **quiet) as one:  # type: ignore[call-overload]
            while len(list((tmp_path / "killed").glob("*/result.json"))) < finished:
                assert one.poll() is None, "it was over before it was killed"
                time.sleep(0.02)
            os.killpg(one.pid, signal.SIGKILL)
    subprocess.run(killed, check=True, **quiet)  # type: ignore[call-overload]
    assert table(tmp_path / "killed") == table(tmp_path / "whole")
    assert len(json.loads(table(tmp_path / "whole"))) == 9 + 3 + 1


def test_promoted_points_go_on_from_their_checkpoints_and_the_epochs_are_counted(halved: Searched) -> None:
    assert [(one["budget"], one["point"]) for one in halved.trials()][:6] == [(1, k) for k in range(6)]
    sizes = [sum(one.epochs == epochs for one in halved.tried) for epochs in (1, 2, 4)]
    assert sizes == [6, 3, 1] and halved.spent == 6 * 1 + 3 * 1 + 1 * 2
    assert "successive halving trained 11 epochs; every point in full would have taken 24" in halved.verdicts()
    assert halved.best is not None
    folder = RunFolder.open(halved.root, halved.best.runs[0])
    assert folder.events()[0]["event"] == "continued" and len(folder.metrics()) == 4
    full = search(small("random"), runs=halved.root / "full")
    same = next(one for one in full.ranking if one.number == halved.best.number)
    assert same.results[0]["validation_loss"] == halved.best.results[0]["validation_loss"]  # type: ignore[index]


def test_promoted_points_begin_anew_where_the_schedule_depends_on_the_epochs(tmp_path: Path) -> None:
    found = search(small(base={"schedule": "cosine"}), runs=tmp_path)
    assert found.spent == 6 * 1 + 3 * 2 + 1 * 4
    assert any("began anew, since their schedule" in line for line in found.verdicts())


def test_validation_chooses_and_the_test_images_are_looked_at_once(halved: Searched) -> None:
    best = halved.best
    assert best is not None and best.epochs == 4
    rung = [one for one in halved.tried if one.epochs == 1]
    assert best.number in {one.number for one in sorted(rung, key=lambda one: -(one.score or 0))[:3]}
    assert "test" not in table(halved.root).decode() and "test" not in halved.table().text()
    told = " ".join(halved.verdicts())
    test = best.mean("test_accuracy")
    assert test is not None and told.count("test accuracy") == 1 and f"{100 * test:.2f} %" in told
    for format in ("html", "png", "json"):
        assert len(halved.display().render(format)) > 500


def test_a_best_value_at_the_end_of_its_range_is_named(tmp_path: Path) -> None:
    def best(lr: float) -> Searched:
        tried = [
            Tried(k, {"lr": rate, "batch_size": 16}, 4, ("a",), ({"validation_accuracy": score},), "")
            for k, (rate, score) in enumerate([(lr, 0.9), (0.003, 0.8)])
        ]
        return Searched(small("random"), tmp_path, tuple(tried), 4, 8, False)

    assert best(0.005).on_edge == []
    (told,) = best(0.08).on_edge
    assert told == (
        "the best lr, 0.08, is at the edge of what was searched (0.0001 to 0.1): a better one may lie beyond 0.1"
    )
    assert told in best(0.08).verdicts() and "beyond 0.0001" in best(0.00011).on_edge[0]


def test_points_that_fail_are_rows_with_their_reason_and_come_last(tmp_path: Path) -> None:
    over = {"lr": [0.01, 1e12], "optimizer": ["sgd"]}
    with pytest.raises(UsageError, match="two different choices"):
        made_search("wild", BASE, over=over)
    asked = made_search("wild", {**BASE, "optimizer": "sgd", "epochs": 1}, over={"lr": [0.01, 1e12]}, seeds=2)
    found = search(asked, runs=tmp_path)
    assert [one.config["lr"] for one in found.ranking] == [0.01, 1e12]
    assert found.ranking[1].score is None and "the loss is" in found.ranking[1].reason
    assert "the space has no more than 2 different points" in found.verdicts()
    assert any("mean of 2 seeds" in line for line in found.verdicts())


@pytest.mark.parametrize(
    ("over", "given", "words"),
    [
        (["rate=log:0.1:1"], {}, "unknown factor 'rate'"),
        (["optimizer=adam,adm"], {}, "unknown optimizer 'adm'. Did you mean adam"),
        (["momentum=linear:0:2"], {}, "momentum: expected a number from 0 to below 1"),
        (["lr=log:0.01:0.1"], {"epochs": 2, "method": "halving"}, "expected 3 epochs and 3 trials or more"),
    ],
)
def test_bad_questions_are_refused_before_anything_is_trained(
    over: list[str], given: dict[str, Any], words: str, tmp_path: Path
) -> None:
    base = {**BASE, **{key: value for key, value in given.items() if key == "epochs"}}
    with pytest.raises(UsageError, match=words):
        search(made_search("bad", base, over=over, method=given.get("method", "random")), runs=tmp_path)
    assert not list(tmp_path.glob("*/run.json"))


def test_another_search_under_an_old_name_says_what_differs(tmp_path: Path, halved: Searched) -> None:
    with pytest.raises(UsageError, match=r"search small: .* found another: eta: it was 2, now 3.*--update"):
        search(small(eta=3), runs=halved.root)
    folder = SearchFolder(tmp_path, "small")
    folder.open()
    folder.save({**small("optuna").to_dict(), "optuna": "0.1"})
    with pytest.raises(UsageError, match=r'optuna: it was "0.1"'):
        search(small("optuna"), runs=tmp_path)
    with folder.lock(), pytest.raises(StorageError, match="expected to be the only process"):
        search(small("optuna"), runs=tmp_path, update=True)


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def pellucid(*words: object) -> int:
        monkeypatch.setattr("sys.argv", ["pellucid", "search", *map(str, words), "--runs", str(tmp_path)])
        return command()

    words = (
        "mlp",
        "digits",
        "--over",
        "lr=log:1e-3:1e-1",
        "--trials",
        3,
        "--epochs",
        1,
        "--subset",
        200,
        "--seed",
        5,
    )
    assert pellucid(*words) == 0
    out, err = capsys.readouterr()
    assert "best on validation: lr=" in out and "(seed 5)" in out and "3/3" in err and "search.html" in err
    assert pellucid(*words, "--trials", 4, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["trials"]) == 4 and found["best"]["test_accuracy"] > 0.1
    assert {one["seed"] for one in found["trials"]} == {5}
    assert pellucid("mlp", "digits") == 2


def test_its_size_and_time_are_told_before_it_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    halving = search_size(small(), runs=tmp_path)
    assert [halving[key] for key in ("trials", "epochs", "begun")] == [6 + 3 + 1, 6 * 1 + 3 * 1 + 1 * 2, False]
    anew = search_size(small(base={"schedule": "cosine"}))
    assert anew["epochs"] == 6 * 1 + 3 * 2 + 1 * 4 and 0 < anew["seconds"] < 600
    words = ["search", "mlp", "digits", "--over", "lr=log:1e-4:1e-1", "--trials", "2000", "--epochs", "3"]
    monkeypatch.setattr("sys.argv", ["pellucid", *words, "--runs", str(tmp_path), "--dry-run", "--json"])
    assert command() == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["trials"], told["epochs"], told["many"]) == (2000, 6000, True)
    assert not told["at_most"]
    assert not list(tmp_path.iterdir())


def test_many_points_are_drawn_in_no_time() -> None:
    many = made_search("many", BASE, over=OVER, trials=20_000)
    (points,) = random_points(many, 1)
    assert len(points) == 20_000 and [one.number for one in points[-2:]] == [19_998, 19_999]

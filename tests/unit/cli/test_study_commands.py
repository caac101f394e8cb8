"""study, reproduce and curves, as a person and as a script would use them."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from trials import train_here

from pellucid.cli import run as command
from pellucid.spec.study import Study
from pellucid.verbs import reproduce
from pellucid.verbs.made_study import made_study
from pellucid.verbs.study import study

BASE = {"network": "mlp", "data": "digits", "epochs": 1, "subset": 100}
WORDS = ("study", "mlp", "digits", "--epochs", 1, "--subset", 100)


def rates(levels: str = "0.001,0.01", seeds: int = 2) -> Study:
    return made_study("rates", BASE, compare=[f"lr={levels}"], seeds=seeds)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("runs")
    train_here(rates(), found)
    study(rates(), runs=found)
    return found


@pytest.fixture
def pellucid(root: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def called(*words: object) -> int:
        monkeypatch.setattr("sys.argv", ["pellucid", *map(str, words), "--runs", str(root)])
        return command()

    return called


def test_the_table_and_the_pairs_are_of_the_metric_that_is_asked_for(
    pellucid: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (*WORDS, "--name", "by-loss", "--vary", "lr=0.001,0.01", "--seeds", 2, "--metric")
    assert pellucid(*words, "validation_loss") == 0
    told = capsys.readouterr().out
    assert told.startswith("validation loss, 95 % intervals\n") and "; its validation loss is " in told
    assert pellucid(*words, "validation_loss", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    means = {
        f"lr={rate}": mean(one["validation_loss"] for one in found["trials"] if one["configuration"]["lr"] == rate)
        for rate in (0.001, 0.01)
    }
    assert {arm: one["mean"] for arm, one in found["arms"].items()} == pytest.approx(means)
    assert found["pairs"][0]["difference"] == pytest.approx(means["lr=0.001"] - means["lr=0.01"])
    assert found["best"] == min(means, key=lambda arm: means[arm])
    assert pellucid(*words, "validation_los") == 2
    assert "Did you mean validation_loss" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(("levels", "more"), [(11, ["... and 2 more"]), (10, [])])
def test_of_a_long_list_of_trials_the_first_twenty_are_told(
    levels: int, more: list[str], pellucid: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    rates = ",".join(f"0.0{k + 10}" for k in range(levels))
    assert pellucid(*WORDS, "--vary", f"lr={rates}", "--seeds", 2, "--dry-run") == 0
    _, *trials = capsys.readouterr().out.splitlines()
    assert trials[:3] == ["lr=0.01 seed=0", "lr=0.01 seed=1", "lr=0.011 seed=0"]
    assert trials[20:] == more and len(trials) == 20 + len(more)


def test_trainings_that_may_end_early_or_see_smaller_images_take_at_most_what_is_told(
    pellucid: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    smaller = ["--progressive-size", 25, "--progressive-share", 1]
    told = []
    for network, more in (("mlp", ["--patience", 3]), ("mlp", ["--stop-at", 0.9]), ("compact_cifar", smaller)):
        for given in ([], more):
            words = ("study", network, *WORDS[2:], "--vary", "lr=0.01", "--seeds", 2, "--dry-run", *given)
            assert pellucid(*words) == 0
            told.append(", at most some seconds on" in capsys.readouterr().out.splitlines()[0])
    assert told == [False, True] * 3


def test_a_studys_file_in_the_networks_place_is_told(pellucid: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert pellucid("study", "rates.toml") == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "found rates.toml alone. A study's own file goes after --config." in told
    assert pellucid("study") == 2
    assert "found neither." in capsys.readouterr().err


def test_seeds_until_it_is_clear_are_counted_from_the_first_look_on(
    pellucid: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (*WORDS, "--until-clear", "--dry-run")
    assert pellucid(*words, "--vary", "lr=0.01,0.02", "--seeds", 2) == 0
    first, *trials = capsys.readouterr().out.splitlines()
    assert ": 12 trials, " in first and "up to 80 trials, 40 seeds of each" in first and len(trials) == 12
    assert pellucid(*words, "--vary", "lr=0.01") == 2
    assert "expected two arms or more" in " ".join(capsys.readouterr().err.split())


def test_a_reports_study_that_has_changed_goes_on_with_update_alone(
    pellucid: Any, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def reproduced(levels: str, *words: str) -> int:
        asked = made_study("reported", BASE, compare=[f"lr={levels}"], seeds=1)
        monkeypatch.setattr(reproduce, "reported_study", lambda *_, **__: asked)
        train_here(asked, root)
        return pellucid("reproduce", "learning-rate-range", *words)

    assert reproduced("0.001,0.01") == 0
    capsys.readouterr()
    assert reproduced("0.001,0.02") == 2
    out, err = capsys.readouterr()
    assert out == "" and "go on with --update" in " ".join(err.split())
    assert reproduced("0.001,0.02", "--update") == 0
    out = capsys.readouterr().out
    assert "| lr=0.02 |" in out and "lr=0.01" not in out


def test_the_spread_is_drawn_by_epoch_on_plain_axes(
    pellucid: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "curves.json"
    words = ("curves", "rates", "--output", picture)
    for axes, named in (
        (("--by", "step"), "--by"),
        (("--by", "second", "--log-x", "--log-y"), "--by, --log-x, --log-y"),
    ):
        assert pellucid(*words, "--spread", *axes) == 2
        told = " ".join(capsys.readouterr().err.split())
        assert f"expected {named} without --spread, found both. The spread is drawn by epoch." in told
        assert not picture.exists()
        assert pellucid(*words, *axes) == 0
        picture.unlink()
    assert pellucid(*words, "--spread") == 0
    assert pellucid(*words, "--spread", "--by", "epoch") == 0 and picture.exists()


def test_the_network_is_a_factor_as_any_other(pellucid: Any, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--epochs", 1, "--subset", 100, "--seeds", 2, "--dry-run")
    assert pellucid("study", "digits", "--vary", "network=mlp,lenet5", *words) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("study digits-network: 4 trials") and told[1] == "network=mlp seed=0"
    assert pellucid("search", "digits", "--over", "network=mlp,lenet5", "--trials", 2, "--dry-run") == 0
    assert capsys.readouterr().out.startswith("search digits-network-random: 2 trainings")
    assert pellucid("study", "mlp", "digits", "--vary", "network=mlp,lenet5", *words) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "study: expected DATA before the options, since network is a factor, found mlp digits." in said
    assert pellucid("study", "mlp", "--vary", "lr=0.1,0.2", *words) == 2
    assert "expected NETWORK DATA before the options, found mlp." in " ".join(capsys.readouterr().err.split())


def test_a_study_whose_trials_would_fill_the_memory_is_refused(
    pellucid: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = [f"--vary={name}=linear:0:0.9:1000" for name in ("momentum", "weight_decay", "dropout")]
    assert pellucid(*WORDS, *grid, "--seeds", 2, "--dry-run") == 2
    assert "expected at most 10,000,000 trials, found 2,000,000,000" in " ".join(capsys.readouterr().err.split())
    assert pellucid(*WORDS, "--vary", "lr=linear:0:1:100000000") == 2
    assert "expected at most 10,000,000 levels, found 100,000,000" in " ".join(capsys.readouterr().err.split())


def test_curves_of_a_misspelt_study_name_the_study_too(pellucid: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert pellucid("curves", "rate") == 2
    assert "Or the study rates" in " ".join(capsys.readouterr().err.split())


def test_trials_that_failed_before_are_told_once(pellucid: Any, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("study", "mlp", "digits", "--name", "wild", "--vary", "lr=0.01,1e9", "--epochs", 2, "--seeds", 1)
    told = []
    for _ in range(2):
        assert pellucid(*words, "--subset", 100) == 0
        told.append(capsys.readouterr().err.count("failed: "))
    assert told == [2, 1], "the second time it stands in the list of trials alone"

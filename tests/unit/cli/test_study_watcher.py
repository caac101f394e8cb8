"""What is shown while a study runs."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from pellucid.cli.study_watcher import StudyWatcher, duration, watched
from pellucid.datasets._load import load
from pellucid.spec.run import RunSpec
from pellucid.spec.study import Trial
from pellucid.training.executors.task import Outcome
from pellucid.training.run import run
from pellucid.verbs.made_study import made_study
from pellucid.verbs.study_specs import specs_of


@pytest.fixture
def trials() -> list[tuple[Trial, RunSpec]]:
    base = {"network": "mlp", "data": "digits", "epochs": 4, "subset": 100, "hidden_size": 8}
    return specs_of(made_study("s", base, compare=["lr=0.003,0.01"], seeds=2))


def text(watcher: StudyWatcher) -> str:
    console = Console(file=io.StringIO(), width=90, color_system=None)
    console.print(watcher.table())
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_plain_lines_tell_each_trial_once_and_what_is_left(
    tmp_path: Path, trials: list[tuple[Trial, RunSpec]], capsys: pytest.CaptureFixture[str]
) -> None:
    images = load(trials[0][1].data)
    for _ in run(trials[0][1], images, tmp_path, probes=tmp_path):
        pass
    with watched(tmp_path, quiet=False) as watcher:
        assert watcher is not None
        watcher.begin(trials)
        watcher(1, 4, Outcome(trials[0][1], {"validation_accuracy": 0.5}))
        for _ in run(trials[1][1], images, tmp_path, probes=tmp_path):
            pass
        watcher(2, 4, Outcome(trials[1][1], {"validation_accuracy": 0.9871}))
        watcher(3, 4, Outcome(trials[2][1], None, "the loss is nan"))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "1 of 4 trials are there already" and len(lines) == 3
    assert lines[1].startswith("2/4  lr=0.003 seed=1  validation 98.71 %  (") and lines[1].endswith(" s left)")
    assert lines[2].startswith("3/4  lr=0.01 seed=0  failed: the loss is nan")
    with watched(tmp_path, quiet=True) as nobody:
        assert nobody is None


def test_the_table_shows_running_trials_and_how_many_wait(
    tmp_path: Path, trials: list[tuple[Trial, RunSpec]]
) -> None:
    watcher = StudyWatcher(tmp_path, live=False)
    watcher.begin(trials)
    assert "0 of 4 done, 0 running, 4 waiting" in text(watcher)
    working = run(trials[2][1], load(trials[0][1].data), tmp_path, probes=tmp_path)
    record = next(working)
    shown = text(watcher)
    (line,) = (line for line in shown.splitlines() if line.startswith("lr=0.01 "))
    assert "1/4" in line and f"{100 * (record.validation_accuracy or 0):.2f} %" in line
    assert "0 of 4 done, 1 running, 3 waiting  (" in shown and "left)" in shown
    working.close()


def test_a_live_table_is_taken_away_and_leaves_the_lines(
    tmp_path: Path, trials: list[tuple[Trial, RunSpec]], capsys: pytest.CaptureFixture[str]
) -> None:
    watcher = StudyWatcher(tmp_path, live=True)
    watcher.begin(trials)
    watcher(1, 4, Outcome(trials[0][1], {"validation_accuracy": 0.5}))
    watcher.close()
    assert "1/4  lr=0.003 seed=0  validation 50.00 %" in capsys.readouterr().err


def test_durations_are_told_in_the_unit_that_people_use() -> None:
    assert [duration(seconds) for seconds in (45, 720, 12_600)] == ["45 s", "12 min", "3.5 h"]

"""How far trials are, read from their folders: only what was begun since, without a lock."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pellucid.datasets._load import load
from pellucid.spec.run import RunSpec
from pellucid.spec.study import Trial
from pellucid.storage.run_folder import RunFolder
from pellucid.training.run import run
from pellucid.verbs.made_study import made_study
from pellucid.verbs.standing import Standings
from pellucid.verbs.study_specs import specs_of


@pytest.fixture
def trials() -> list[tuple[Trial, RunSpec]]:
    base = {"network": "mlp", "data": "digits", "epochs": 4, "subset": 100, "hidden_size": 8}
    return specs_of(made_study("s", base, compare=["lr=0.003,0.01"], seeds=2))


def test_running_trials_are_those_begun_since_and_the_time_left_follows_their_epochs(
    tmp_path: Path, trials: list[tuple[Trial, RunSpec]]
) -> None:
    images = load(trials[0][1].data)
    for _ in run(trials[0][1], images, tmp_path, probes=tmp_path):
        pass
    abandoned = run(trials[1][1], images, tmp_path, probes=tmp_path)
    next(abandoned)
    abandoned.close()
    standings = Standings(tmp_path)
    assert standings.begin(trials) == 1 and standings.begin(trials) == 0
    assert standings.running() == [] and standings.seconds_left([], 3) is None
    working = run(trials[2][1], images, tmp_path, probes=tmp_path)
    next(working)
    next(working)
    (found,) = standings.running()
    assert (found.trial, found.epochs) == (trials[2][0], 2)
    assert found.validation == RunFolder.open(tmp_path, found.spec.id).metrics()[1]["validation_accuracy"]
    standings._start = time.monotonic() - 10.0
    # two epochs in ten seconds; to come: three of the abandoned one, two of this one, four of the last
    assert standings.seconds_left([found], 3) == pytest.approx(10 / 2 * (3 + 2 + 4), rel=0.01)
    assert standings.seconds_left([found], 4) == pytest.approx(10 / 2 * (3 + 2 + 4 + 4), rel=0.01)
    list(working)
    assert standings.end(trials[2][1]) == trials[2][0] and standings.end(trials[0][1]) is None
    assert standings.running() == [] and standings.knows(trials[0][1])
    assert standings.seconds_left([], 2) == pytest.approx(10 / 4 * (3 + 4), rel=0.01)


def test_a_damaged_run_is_no_end_of_watching(tmp_path: Path, trials: list[tuple[Trial, RunSpec]]) -> None:
    standings = Standings(tmp_path)
    standings.begin(trials[:1])
    working = run(trials[0][1], load(trials[0][1].data), tmp_path, probes=tmp_path)
    next(working)
    path = tmp_path / trials[0][1].id / "metrics.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"epoch"', b'"epock"'))
    assert standings.running() == []
    working.close()

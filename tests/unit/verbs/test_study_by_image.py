"""Studies image by image: the evidence between two arms, their answers, and two runs on one test set."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pellucid.cli import run as command
from pellucid.errors import UsageError
from pellucid.spec.study import Study
from pellucid.storage.run_folder import RunFolder
from pellucid.verbs import study_page
from pellucid.verbs.compare import compare
from pellucid.verbs.made_study import made_study
from pellucid.verbs.run import Run
from pellucid.verbs.study import study

BASE = {"network": "mlp", "data": "digits", "epochs": 2, "subset": 300, "hidden_size": 24}


def small() -> Study:
    return made_study("small", BASE, compare=["optimizer=adam,sgd", "lr=0.003,0.01"], seeds=2)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("studies")
    study(small(), runs=found, workers=2)
    return found


def test_evidence_is_the_images_that_one_arm_alone_gets_right(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = study(small(), runs=root)
    good, bad = "optimizer=adam lr=0.01", "optimizer=sgd lr=0.003"
    shown = study_page.evidence(found, good, bad, n=7)
    assert len(shown.captions) == 7
    both = found.answers(good, bad)
    assert both is not None
    lead = both[0].sum(0) - both[1].sum(0)
    counts = [[int(n) for n in words.split()[-1].split(":")] for words in shown.captions]
    assert [a - b for a, b in counts] == sorted(lead, reverse=True)[:7]
    assert all(a > b for a, b in counts)
    with pytest.raises(UsageError, match=r"unknown arm 'adam'"):
        study_page.evidence(found, "adam", bad)
    words = ["pellucid", "evidence", found.study.name, good]
    monkeypatch.setattr("sys.argv", [*words, bad, "-n", "7", "--runs", str(root)])
    monkeypatch.chdir(tmp_path)
    assert command() == 0 and capsys.readouterr().out.strip() == f"{found.study.name}-evidence.png"
    assert (tmp_path / f"{found.study.name}-evidence.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr("sys.argv", [*words, good, "--runs", str(root)])
    assert command() == 0 and "no test image is right in more seeds of" in capsys.readouterr().err


def test_answers_are_whole_for_whoever_asks_at_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, read, begun = study(small(), runs=root), RunFolder.predictions, threading.Event()

    def slow(folder: RunFolder) -> Any:
        begun.set()
        time.sleep(0.05)
        return read(folder)

    monkeypatch.setattr(RunFolder, "predictions", slow)
    arms = "optimizer=adam lr=0.01", "optimizer=sgd lr=0.003"
    one = threading.Thread(target=found.answers, args=arms)
    one.start()
    begun.wait()
    both = found.answers(*arms)
    one.join()
    assert both is not None and len(both[0]) == len(found.study.seeds)


def test_arms_that_were_tested_on_other_images_are_compared_by_their_means_alone(tmp_path: Path) -> None:
    views = [["none"], ["union=none+negative"]]
    found = study(made_study("views", {**BASE, "epochs": 1}, compare={"views": views}, seeds=2), runs=tmp_path)
    assert len(found.pairs) == 1 and found.over_images(found.pairs[0], family=1) is None
    assert "views=union=none+negative" in found.summaries and found.verdicts()


def test_two_runs_are_compared_on_their_test_images(root: Path) -> None:
    found = study(small(), runs=root)
    first, second = (Run.open(root, row.run) for row in (found.rows[0], found.rows[4]))
    told = compare(first, second)
    assert told.images == 300 and told.first_alone + told.second_alone > 0
    assert told.difference == pytest.approx(first.result["test_accuracy"] - second.result["test_accuracy"])
    assert "pellucid study" in told.words

"""What became of a trial, read from the folder of its run, whatever state that is in."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid.storage.run_folder import RunFolder
from pellucid.verbs.made_study import made_study
from pellucid.verbs.study_row import Row, outcome
from pellucid.verbs.study_specs import specs_of

BASE = {"network": "mlp", "data": "digits", "epochs": 3, "stop_at": 0.9, "subset": 100}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run that is begun."""
    ((_, spec),) = specs_of(made_study("one", BASE, compare=["lr=0.01"], seeds=1))
    return RunFolder.create(tmp_path, spec.id, {"spec": spec.to_dict(), "created": "2026-01-01T00:00:00+00:00"})


def test_a_run_that_is_not_begun_or_not_over_has_no_result_yet(folder: RunFolder, tmp_path: Path) -> None:
    for name in ("", "mlp-digits-s0-00000000"):
        assert outcome(tmp_path, name, {}) == (None, "not trained yet", {}, False, "")
        assert outcome(tmp_path, name, {name: "the process was killed"}).reason == "the process was killed"
    begun = outcome(tmp_path, folder.id, {})
    assert begun[:2] == (None, "not trained yet") and begun.recipe["epochs"] == 3 and not begun.over


@pytest.mark.parametrize("file", ["run.json", "result.json"])
def test_a_damaged_run_has_no_result_and_says_why(file: str, folder: RunFolder, tmp_path: Path) -> None:
    folder.save_result({"status": "finished", "epochs": 2, "reason": "reached 0.9"})
    assert outcome(tmp_path, folder.id, {}).over
    path = folder.path / file
    path.write_bytes(path.read_bytes()[:-9])
    found = outcome(tmp_path, folder.id, {folder.id: "another reason"})
    assert found.result is None and not found.over and found.recipe == {}
    assert file in found.reason and "expected the file as it was written" in found.reason


@pytest.mark.parametrize(
    ("status", "reason", "missed"),
    [
        ("finished", "validation_accuracy reached 0.9 after epoch 2", False),
        ("finished", "3 epochs", True),
        ("diverged", "the loss is nan", True),
    ],
)
def test_a_run_that_ended_is_over_and_has_its_result_where_it_finished(
    status: str, reason: str, missed: bool, folder: RunFolder, tmp_path: Path
) -> None:
    kept = {"status": status, "epochs": 2, "reason": reason}
    folder.save_result(kept)
    found = outcome(tmp_path, folder.id, {})
    assert (found.result, found.reason, found.over) == (kept if status == "finished" else None, reason, True)
    ((trial, spec),) = specs_of(made_study("one", BASE, compare=["lr=0.01"], seeds=1))
    row = Row.read(tmp_path, trial, spec.id, {})
    assert row.stops and row.missed == missed and row.to_dict()["reason"] == reason

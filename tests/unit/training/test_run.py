"""A run that another process has begun a moment before, was killed between two writes, or began elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pellucid import catalog
from pellucid.datasets._load import load
from pellucid.errors import DamagedError, StorageError, UsageError
from pellucid.spec import DataSpec, Recipe
from pellucid.spec.run import RunSpec
from pellucid.storage import sealed
from pellucid.storage.run_folder import RunFolder
from pellucid.training.record import EpochRecord
from pellucid.training.run import run
from pellucid.training.stopping import best_epoch

DATA = DataSpec(name="digits", subset=100)


def spec(epochs: int) -> RunSpec:
    network = catalog.load("networks", "mlp")(input_shape=load(DATA).shape, hidden_size=8)
    return RunSpec(network=network, data=DATA, recipe=Recipe(epochs=epochs), threads=1, precision="fp32")


@pytest.mark.parametrize("goes_on", [True, False])
def test_the_folder_of_a_process_that_was_quicker_is_taken(
    goes_on: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, befores = RunFolder.create, []

    def too_late(root: Path, run_id: str, manifest: dict[str, Any], *, before: RunFolder | None = None) -> RunFolder:
        befores.append(before)
        create(root, run_id, manifest, before=before)
        raise StorageError(f"{run_id}: File exists")

    short, long = spec(1), spec(3)
    list(run(short, load(DATA), tmp_path / "runs", probes=tmp_path))
    monkeypatch.setattr(RunFolder, "create", too_late)
    earlier = short.id if goes_on else None
    records = list(run(long, load(DATA), tmp_path / "runs", probes=tmp_path, earlier=earlier))
    assert [one is not None for one in befores] == [goes_on]
    assert [record.epoch for record in records] == ([2, 3] if goes_on else [1, 2, 3])
    found = RunFolder.open(tmp_path / "runs", long.id)
    assert len(found.metrics()) == 3 and found.status() == "finished"


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_folder_that_nobody_could_make_is_told(
    goes_on: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> RunFolder:
        raise StorageError("no space left")

    short = spec(1)
    list(run(short, load(DATA), tmp_path, probes=tmp_path))
    monkeypatch.setattr(RunFolder, "create", full)
    long = replace(short, recipe=replace(short.recipe, epochs=3))
    with pytest.raises(StorageError, match="no space left"):
        list(run(long, load(DATA), tmp_path, probes=tmp_path, earlier=short.id if goes_on else None))
    assert not RunFolder.exists(tmp_path, long.id)


@pytest.mark.parametrize("file", ["run.json", "metrics.jsonl", "best.safetensors", "result.json", "states/*"])
def test_a_run_goes_on_from_no_damaged_one_but_begins_anew(file: str, tmp_path: Path) -> None:
    short, long = spec(1), spec(3)
    list(run(short, load(DATA), tmp_path, probes=tmp_path))
    list(run(long, load(DATA), tmp_path / "whole", probes=tmp_path))
    newest = max((tmp_path / short.id).glob(file))
    newest.write_bytes(newest.read_bytes()[:-9] + b"123456789")
    records = list(run(long, load(DATA), tmp_path, probes=tmp_path, earlier=short.id))
    assert [record.epoch for record in records] == [1, 2, 3]
    assert sorted(one.name for one in tmp_path.iterdir() if one.name.startswith(".")) == []
    for name in ("metrics.jsonl", "best.safetensors", "predictions.safetensors"):
        assert (tmp_path / long.id / name).read_bytes() == (tmp_path / "whole" / long.id / name).read_bytes()


def finished(one: RunSpec, root: Path) -> RunFolder:
    for _ in run(one, load(DATA), root, probes=root / "probes"):
        pass
    return RunFolder.open(root, one.id)


def test_best_weights_that_a_killed_process_did_not_come_to_are_those_of_the_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = spec(3)
    whole = finished(one, tmp_path / "whole")
    save, epochs = RunFolder.save_weights, []

    def killed(folder: RunFolder, which: str, tensors: Any, *, epoch: int) -> None:
        epochs.append(epoch)
        if len(epochs) == len(best_epochs):
            raise KeyboardInterrupt
        save(folder, which, tensors, epoch=epoch)

    records = [EpochRecord(**line) for line in whole.metrics()]
    best_epochs = [n for n in range(1, 4) if best_epoch(one.recipe, records[:n]) == n]
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(RunFolder, "save_weights", killed)
        finished(one, tmp_path / "killed")
    again = finished(one, tmp_path / "killed")
    for which in ("best", "last"):
        name = f"{which}.safetensors"
        assert (again.path / name).read_bytes() == (whole.path / name).read_bytes()
    assert again.weights_epoch("best") == best_epochs[-1] and again.weights_epoch("last") == 3


def test_damaged_best_weights_are_written_anew_where_the_state_has_them(tmp_path: Path) -> None:
    whole, folder = finished(spec(1), tmp_path / "whole"), finished(spec(1), tmp_path / "damaged")
    (folder.path / "result.json").unlink()
    path = folder.path / "best.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    finished(spec(1), tmp_path / "damaged")
    assert path.read_bytes() == (whole.path / "best.safetensors").read_bytes()


def test_best_weights_of_an_epoch_that_came_out_otherwise_are_not_taken_for_others(tmp_path: Path) -> None:
    one = replace(spec(2), recipe=Recipe(epochs=2, lr=1.0))  # too high a rate: the first epoch is the best
    folder = finished(one, tmp_path)
    assert (folder.result() or {})["best_epoch"] == 1
    (folder.path / "result.json").unlink()
    folder.save_weights("best", folder.load_weights("best"), epoch=2)
    with pytest.raises(DamagedError, match="expected the weights of its best epoch, 1, found those of epoch 2"):
        finished(one, tmp_path)


def test_a_run_that_began_on_a_device_that_is_not_here_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = finished(spec(1), tmp_path)
    (folder.path / "result.json").unlink()
    there = dict(folder.manifest["decisions"], device="cuda")
    sealed.write_json(folder.path / "run.json", {**folder.manifest, "decisions": there})
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UsageError, match="expected a CUDA device, found none"):
        finished(spec(1), tmp_path)


def test_a_state_after_epochs_whose_numbers_were_lost_is_not_gone_on_from(tmp_path: Path) -> None:
    whole, folder = finished(spec(3), tmp_path / "whole"), finished(spec(3), tmp_path / "cut")
    (folder.path / "result.json").unlink()
    lines = (folder.path / "metrics.jsonl").read_bytes()
    (folder.path / "metrics.jsonl").write_bytes(lines[:-9])
    finished(spec(3), tmp_path / "cut")
    for name in ("metrics.jsonl", "best.safetensors", "predictions.safetensors"):
        assert (folder.path / name).read_bytes() == (whole.path / name).read_bytes()
    (damage,) = (event for event in folder.events() if event["event"] == "damaged")
    assert "expected the numbers of 3 epochs" in damage["reason"]
    (folder.path / "result.json").unlink()
    (folder.path / "metrics.jsonl").unlink()
    with pytest.raises(DamagedError, match="found those of 0"):
        finished(spec(3), tmp_path / "cut")

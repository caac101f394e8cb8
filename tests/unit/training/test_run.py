"""A run that another process has begun a moment before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pellucid import catalog
from pellucid.datasets._load import load
from pellucid.errors import StorageError
from pellucid.spec import DataSpec, Recipe
from pellucid.spec.run import RunSpec
from pellucid.storage.run_folder import RunFolder
from pellucid.training.run import run

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

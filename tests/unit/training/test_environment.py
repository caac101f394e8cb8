"""A run that goes on elsewhere than it began says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pellucid import catalog
from pellucid.datasets._load import load
from pellucid.engines.engine import engine
from pellucid.spec import DataSpec, Recipe, RunSpec
from pellucid.storage.run_folder import RunFolder
from pellucid.training.environment import BINDING, differences, environment
from pellucid.training.run import Observer, run

DATA = DataSpec(name="digits", subset=100)


class Told(Observer):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def spec() -> RunSpec:
    network = catalog.load("networks", "mlp")(input_shape=load(DATA).shape, hidden_size=8)
    return RunSpec(network=network, data=DATA, recipe=Recipe(epochs=3), threads=1, precision="fp32")


def begun(root: Path, asked: RunSpec) -> None:
    """One epoch of it."""
    steps = run(asked, load(DATA), root, probes=root)
    next(steps)
    steps.close()  # type: ignore[attr-defined]


def test_a_run_that_goes_on_under_other_versions_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = spec()
    begun(tmp_path, asked)
    before = environment(engine("pytorch"), 1)
    now = {**before, "torch": "9.9", "pellucid": "8.8", "git": None}
    monkeypatch.setattr("pellucid.training.run.environment", lambda *_: now)
    told = Told()
    assert [one.epoch for one in run(asked, load(DATA), tmp_path, observer=told, probes=tmp_path)] == [2, 3]
    changed = [f"pellucid was {before['pellucid']}, is 8.8", f"torch was {before['torch']}, is 9.9"]
    assert told.notes == [f"Bits may differ from an uninterrupted run: {'; '.join(changed)}."]
    resumed = next(one for one in RunFolder.open(tmp_path, asked.id).events() if one["event"] == "resumed")
    assert resumed["changed"] == changed


def test_a_run_that_goes_on_where_it_began_says_nothing(tmp_path: Path) -> None:
    asked = replace(spec(), seed=1)
    begun(tmp_path, asked)
    told = Told()
    assert len(list(run(asked, load(DATA), tmp_path, observer=told, probes=tmp_path))) == 2
    assert told.notes == []


@pytest.mark.parametrize("name", ["pytorch", "scratch"])
def test_everything_that_bits_depend_on_is_compared(name: str) -> None:
    here = environment(engine(name), 1)
    # the commit is of the folder that the command runs in, which need not be the code's
    assert here.keys() - set(BINDING) == {"git"}
    assert differences(here, dict(here)) == []

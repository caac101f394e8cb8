"""How far the trials of a study or search are, read from their run folders while other processes train them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pellucid.errors import StorageError
from pellucid.spec.run import RunSpec
from pellucid.spec.study import Trial
from pellucid.storage.run_folder import RunFolder


@dataclass(frozen=True)
class Standing:
    """A trial in work. epochs: done; validation: accuracy after the last of them, if it is known."""

    trial: Trial
    spec: RunSpec
    epochs: int
    validation: float | None


class Standings:
    """The trials of a study from a moment on; what is read costs no lock, so that no run is ever held up by it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._start, self._since = time.monotonic(), datetime.now(UTC)
        self._open: dict[str, tuple[Trial, RunSpec]] = {}
        self._before: dict[str, int] = {}
        self._gained = 0

    def begin(self, trials: Iterable[tuple[Trial, RunSpec]]) -> int:
        """Adds trials; how many of them are over already."""
        over = 0
        for trial, spec in trials:
            if spec.id in self._before:
                continue
            self._before[spec.id] = len(self._lines(spec.id)[1])
            if (self.root / spec.id / "result.json").exists():
                over += 1
            else:
                self._open[spec.id] = trial, spec
        return over

    def end(self, spec: RunSpec) -> Trial | None:
        """A run is over now; its trial, None where it was over at the beginning or is not known."""
        found = self._open.pop(spec.id, None)
        if found is None:
            return None
        self._gained += max(0, len(self._lines(spec.id)[1]) - self._before[spec.id])
        return found[0]

    def running(self) -> list[Standing]:
        """The trials that were begun or resumed since, in the order of the study."""
        found = []
        for trial, spec in list(self._open.values()):
            events, lines = self._lines(spec.id)
            if events and datetime.fromisoformat(events[-1]["time"]) >= self._since:
                found.append(Standing(trial, spec, len(lines), lines[-1]["validation_accuracy"] if lines else None))
        return found

    def knows(self, spec: RunSpec) -> bool:
        """Whether a run was added."""
        return spec.id in self._before

    def seconds_left(self, running: Sequence[Standing], to_come: int) -> float | None:
        """By the epochs trained so far; None before the first. to_come: trials that are not over, known or not."""
        gained = self._gained + sum(max(0, one.epochs - self._before[one.spec.id]) for one in running)
        if not gained:
            return None
        there = {one.spec.id: one.epochs for one in running}
        open_runs = [spec for _, spec in list(self._open.values())]
        left = sum(spec.recipe.epochs - there.get(spec.id, self._before[spec.id]) for spec in open_runs)
        if open_runs:
            unknown = max(0, to_come - len(open_runs))
            left += unknown * sum(spec.recipe.epochs for spec in open_runs) // len(open_runs)
        return (time.monotonic() - self._start) / gained * left

    def _lines(self, name: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Events and epochs of a run; none where it was not begun, or is damaged, which its outcome tells."""
        try:
            folder = RunFolder.open(self.root, name) if RunFolder.exists(self.root, name) else None
            return (folder.events(), folder.metrics()) if folder else ([], [])
        except StorageError:
            return [], []

"""What is kept of a study beside its runs: what it is, and the table of its trials.

studies/NAME/study.json    what was asked for
studies/NAME/runs.json     which run each trial is, why some have no result, and after how many seeds it was looked at
studies/NAME/trials.json   one entry a trial, in the order of the study: a function of the runs alone
studies/NAME/*             pages and tables for people
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pellucid.errors import UsageError
from pellucid.spec.study import Study, Trial, study_from_dict
from pellucid.storage import atomic, sealed
from pellucid.storage.run_folder import locked

_NAME = re.compile(r"[a-z0-9_][a-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Progress:
    """runs: ids by (label, seed) of trial. errors: reasons of runs that could not note their own, by id.

    looks: numbers of seeds after which all trials were done, and the verdicts there to be read.
    """

    runs: Mapping[tuple[str, int], str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    looks: tuple[int, ...] = ()

    def with_runs(self, runs: Mapping[tuple[str, int], str]) -> Progress:
        """With further trials."""
        return replace(self, runs={**self.runs, **runs})

    def looked(self, seeds: int) -> Progress:
        """With one more look."""
        return replace(self, looks=tuple(sorted({*self.looks, seeds})))

    def of(self, study: Study) -> list[tuple[Trial, str]]:
        """Every trial of the study with its run, "" where it has none yet."""
        return [(trial, self.runs.get((trial.label, trial.seed), "")) for trial in study.trials()]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Progress:
        runs = {(str(name), int(seed)): str(run) for name, seed, run in data["runs"]}
        return cls(runs, dict(data["errors"]), tuple(data["looks"]))

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        runs = [[name, seed, run] for (name, seed), run in self.runs.items()]
        return {"runs": runs, "errors": dict(self.errors), "looks": list(self.looks)}


class StudyFolder:
    """The folder of the study `name` under the folder of runs."""

    kind, kinds = "study", "studies"

    def __init__(self, root: Path, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{self.kind} {name[:110]!r}: expected a name of small letters, digits, '.', '_' and '-', at most "
                "100. Say another with --name, or name = in its file."
            )
        self.path = root / self.kinds / name

    def open(self) -> dict[str, Any] | None:
        """What was asked for when it was last begun; None for a new one. Makes the folder."""
        with atomic.translated(self.path, 0):
            self.path.mkdir(parents=True, exist_ok=True)
        path = self.path / f"{self.kind}.json"
        return sealed.read_json(path) if path.exists() else None

    def asked(self) -> dict[str, Any]:
        """What was asked for. Raises StorageError where there is nothing, or nothing whole."""
        return sealed.read_json(self.path / "study.json")

    def study(self) -> Study:
        """The same as a study."""
        kept = self.asked()
        return study_from_dict({**kept, "name": self.path.name}, kept.get("beside", {}))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Makes this process the only one at the study. Raises StorageError if another is."""
        with locked(self.path):
            yield

    def save(self, study: dict[str, Any]) -> None:
        """Keeps what is asked for."""
        sealed.write_json(self.path / f"{self.kind}.json", study)

    def progress(self) -> Progress:
        """What was noted of its runs; nothing of a new one."""
        path = self.path / "runs.json"
        return Progress.from_dict(sealed.read_json(path)) if path.exists() else Progress()

    def save_progress(self, progress: Progress) -> None:
        """Keeps which run each trial is, and what became of it."""
        sealed.write_json(self.path / "runs.json", progress.to_dict())

    def save_file(self, name: str, data: bytes) -> Path:
        """Writes a table, page or picture, such as "figures/a.png"; its path."""
        with atomic.translated(self.path / name, len(data)):
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            atomic.write(self.path / name, data)
        return self.path / name

    def save_trials(self, trials: list[dict[str, Any]]) -> Path:
        """Writes the table of trials for programs."""
        return self.save_file("trials.json", (json.dumps(trials, indent=1, sort_keys=True) + "\n").encode())

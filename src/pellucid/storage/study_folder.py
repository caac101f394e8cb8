"""What is kept of a study beside its runs: what it is, and the table of its trials.

studies/NAME/study.json    what was asked for
studies/NAME/trials.json   one entry a trial, in the order of the study: a function of the runs alone
studies/NAME/*             pages and tables for people
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pellucid.errors import UsageError
from pellucid.storage import atomic, sealed
from pellucid.storage.run_folder import locked

_NAME = re.compile(r"[a-z0-9_][a-z0-9._-]{0,99}")


class StudyFolder:
    """The folder of the study `name` under the folder of runs."""

    kind, kinds = "study", "studies"

    def __init__(self, root: Path, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{self.kind} {name[:110]!r}: expected a name of small letters, digits, '.', '_' and '-', at most "
                "100."
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

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Makes this process the only one at the study. Raises StorageError if another is."""
        with locked(self.path):
            yield

    def save(self, study: dict[str, Any]) -> None:
        """Keeps what is asked for."""
        sealed.write_json(self.path / f"{self.kind}.json", study)

    def save_file(self, name: str, data: bytes) -> Path:
        """Writes a table, page or picture, such as "figures/a.png"; its path."""
        with atomic.translated(self.path / name, len(data)):
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            atomic.write(self.path / name, data)
        return self.path / name

    def save_trials(self, trials: list[dict[str, Any]]) -> Path:
        """Writes the table of trials for programs."""
        return self.save_file("trials.json", (json.dumps(trials, indent=1, sort_keys=True) + "\n").encode())

"""Studies and searches for TensorBoard's HParams tab."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pellucid.errors import DamagedError
from pellucid.spec.study import label
from pellucid.storage.run_folder import RunFolder
from pellucid.storage.tensorboard import Session, write_hparams
from pellucid.verbs.searched import Searched
from pellucid.verbs.studied import Studied


def study_events(found: Studied) -> Path:
    """Writes a study's trials below its folder; the folder to point TensorBoard at. Seeds are one session group.

    Where values are tuned, nothing of the test images but of those that validation chose.
    """
    sessions = [
        Session(RunFolder.open(found.root, row.run), dict(row.trial.config), row.trial.label, test=found.is_told(row))
        for row in found.rows
        if row.recipe  # begun, and not damaged
    ]
    return write_hparams(found.root / "studies" / found.study.name / "tensorboard", sessions)


def search_events(found: Searched) -> Path:
    """Writes a search's points, each as it was last trained; nothing of the test images."""
    sessions = []
    for one in found.ranking:
        for run in dict.fromkeys(one.runs):
            if RunFolder.exists(found.root, run):
                with suppress(DamagedError):  # its line says so
                    folder = RunFolder.open(found.root, run)
                    sessions.append(Session(folder, one.config, label(one.config), test=False))
    return write_hparams(found.root / "searches" / found.asked.name / "tensorboard", sessions)

"""The trials of a study, trained without a study."""

from __future__ import annotations

from pathlib import Path

from pellucid.datasets._load import load
from pellucid.spec.study import Study, Trial
from pellucid.training.run import run
from pellucid.verbs.study_specs import specs_of


def train_here(asked: Study, root: Path) -> list[tuple[Trial, str]]:
    """Every trial with its run, trained in this process: to begin others takes a study seconds."""
    specs = specs_of(asked)
    for _, spec in specs:
        for _ in run(spec, load(spec.data), root, probes=root):
            pass
    return [(trial, spec.id) for trial, spec in specs]

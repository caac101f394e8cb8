"""The reports' studies, run and set beside what was reported."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pellucid import catalog
from pellucid.displays.table import Table
from pellucid.engines.engine import engine
from pellucid.spec.study import Study
from pellucid.storage.runs_root import runs_root
from pellucid.storage.study_folder import StudyFolder
from pellucid.training.many import Outcome
from pellucid.verbs.study import Studied, study

#: What a quick study has at most: images, test images, epochs, seeds.
QUICK_IMAGES, QUICK_TEST, QUICK_EPOCHS, QUICK_SEEDS = 1_000, 500, 2, 2


def reported_study(name: str, *, quick: bool = False) -> Study:
    """A study of the catalogue. quick: with fewer images, epochs and seeds; its figures are then not the report's.

    Raises UsageError for an unknown name.
    """
    found: Study = catalog.load("studies", name)()
    if not quick:
        return found
    base = {**found.base, "subset": QUICK_IMAGES, "test_size": QUICK_TEST, "validation_size": QUICK_TEST}
    if "epochs" in base:
        base["epochs"] = min(int(base["epochs"]), QUICK_EPOCHS)
    listed = []
    for config in found.listed:
        one = {key: value for key, value in config.items() if key != "subset"}
        listed.append({**one, **({"epochs": QUICK_EPOCHS} if "epochs" in one else {})})
    different = [one for k, one in enumerate(listed) if one not in listed[:k]]
    name = f"{found.name}-quick"
    seeds = found.seeds[:QUICK_SEEDS]
    return replace(found, name=name, base=base, listed=tuple(different), seeds=seeds, reported={}, claims=())


def reproduce(
    name: str,
    *,
    quick: bool = False,
    runs: str | Path | None = None,
    workers: int | None = None,
    executor: str = "local",
    address: str | None = None,
    told: Callable[[int, int, Outcome], None] | None = None,
) -> Studied:
    """Runs a report's study, or goes on with it; its page is ``reproduction.md``, and ``.json`` for programs."""
    asked = reported_study(name, quick=quick)
    found = study(asked, runs=runs, workers=workers, executor=executor, address=address, told=told)
    folder = StudyFolder(runs_root(runs), asked.name)
    folder.save_file("reproduction.md", page(name, found, quick=quick).encode())
    folder.save_file("reproduction.json", (json.dumps(found.to_dict(), indent=1, sort_keys=True) + "\n").encode())
    return found


def page(name: str, found: Studied, *, quick: bool = False) -> str:
    """What was reported beside what was measured, as Markdown."""
    told = (catalog.load("studies", name).__doc__ or "").strip().splitlines()
    words = [line.strip() for line in told]
    environment: dict[str, Any] = engine("pytorch").environment()
    lines = [f"# {found.study.name}", "", *words, ""]
    if quick:
        lines += ["**Quick: fewer images, epochs and seeds. These are not the report's figures.**", ""]
    seeds = ", ".join(map(str, found.study.seeds))
    command = f"`pellucid reproduce {name.replace('_', '-')}{' --quick' * quick}`"
    lines += [
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, torch {environment['torch']}, seeds {seeds}; {command}",
        "",
        found.table().markdown(),
        "",
        "## What stands",
        "",
        *(f"- {line}" for line in found.verdicts()),
    ]
    if found.study.claims:
        lines += ["", "## Claims", "", Table(("claim", "what our runs say"), found.claims()).markdown()]
    if found.failed:
        failed = [(row.trial.label, row.trial.seed, row.reason) for row in found.failed]
        lines += ["", "## Trials that failed", "", Table(("configuration", "seed", "reason"), failed).markdown()]
    return "\n".join(lines) + "\n"

"""The reports' studies, run and set beside what was reported."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pellucid import catalog
from pellucid.datasets._load import load
from pellucid.displays.display import Display, plain
from pellucid.displays.page import Page
from pellucid.displays.table import Table
from pellucid.evaluation.comparison import summary
from pellucid.spec.study import OtherImages, Study
from pellucid.storage.run_folder import RunFolder
from pellucid.storage.runs_root import runs_root
from pellucid.storage.study_folder import StudyFolder
from pellucid.training.many import Outcome
from pellucid.verbs.figures import drawn
from pellucid.verbs.run import Run
from pellucid.verbs.studied import Studied
from pellucid.verbs.study import study

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
    return replace(
        found,
        name=name,
        base=base,
        listed=tuple(different),
        seeds=seeds,
        reported={},
        claims=(),
        figures=(),
        other_images=(),
    )


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
    """Runs a report's study, or goes on with it, and draws the report's figures into its folder.

    Its page is ``reproduction.md`` and ``.html``, and ``.json`` for programs.
    """
    asked = reported_study(name, quick=quick)
    found = study(asked, runs=runs, workers=workers, executor=executor, address=address, told=told)
    folder = StudyFolder(runs_root(runs), asked.name)
    shown: list[Display] = list(found.display().displays)
    rows = []
    for number, (figure, command, picture) in enumerate(drawn(found), 1):
        file = f"figures/{number:02d}-{figure.way}.png"
        if isinstance(picture, str):
            rows.append((figure.words, picture, "-"))
            continue
        folder.save_file(file, picture.render("png"))
        rows.append((figure.words, f"`{command}`", f"`{file}`"))
        shown.append(Page([picture], title=figure.words))
    data = {
        **found.to_dict(),
        "on_other_images": [vars(one) for one in on_other_images(found)],
        "provenance": provenance(found),
    }
    folder.save_file("reproduction.md", page(name, found, figures=rows, quick=quick).encode())
    folder.save_file("reproduction.html", Page(shown, title=asked.name).render("html"))
    folder.save_file("reproduction.json", (json.dumps(plain(data), indent=1, sort_keys=True) + "\n").encode())
    return found


@dataclass(frozen=True)
class Measured:
    """What an arm gives on changed test images, over its seeds."""

    words: str
    reported: float | None
    n: int
    mean: float
    low: float
    high: float


def on_other_images(found: Studied) -> list[Measured]:
    """Accuracy of an arm's runs on test images that are changed by further views."""
    measured = []
    for one in found.study.other_images:
        runs = [Run.open(found.root, row.run) for row in found.of(found.chosen[one.arm]) if row.result]
        if runs:
            values = [_accuracy(run, one) for run in runs]
            over = summary(values)
            measured.append(Measured(one.words, one.reported, over.n, over.mean, over.low, over.high))
    return measured


def _accuracy(run: Run, asked: OtherImages) -> float:
    if asked.views is None:
        return run.evaluate(mirror=asked.mirror).accuracy
    images = load(replace(run.spec.data, views=asked.views)).test
    return float((run.model().logits(images).argmax(1) == images.labels).mean())


def provenance(found: Studied) -> dict[str, Any]:
    """When, on which machine and with what the first finished run was trained, and the commit where the code is a
    clone.
    """
    commit = ""
    with suppress(OSError):
        told = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        commit = told.stdout.strip()
    kept = next((RunFolder.open(found.root, row.run).manifest for row in found.rows if row.result), {})
    return {"created": kept.get("created"), "environment": kept.get("environment"), "commit": commit or None}


def _told(where: dict[str, Any]) -> str:
    machine = where["environment"] or {}
    words = [str(where["created"])[:10], str(machine.get("cpu")), f"torch {machine.get('torch')}"]
    return ", ".join([*words, *([f"commit {where['commit']}"] if where["commit"] else [])])


def page(name: str, found: Studied, *, figures: Sequence[tuple[str, str, str]] = (), quick: bool = False) -> str:
    """What was reported beside what was measured, as Markdown."""
    told = (catalog.load("studies", name).__doc__ or "").strip().splitlines()
    words = [line.strip() for line in told]
    where = provenance(found)
    lines = [f"# {found.study.name}", "", *words, ""]
    if quick:
        lines += ["**Quick: fewer images, epochs and seeds. These are not the report's figures.**", ""]
    seeds = ", ".join(map(str, found.study.seeds))
    command = f"`pellucid reproduce {name.replace('_', '-')}{' --quick' * quick}`"
    lines += [
        f"{_told(where)}, seeds {seeds}; {command}",
        "",
        found.table().markdown(),
        "",
        "## What stands",
        "",
        *(f"- {line}" for line in found.verdicts()),
    ]
    if found.study.claims:
        lines += ["", "## Claims", "", Table(("claim", "what our runs say"), found.claims()).markdown()]
    extra = on_other_images(found)
    if extra:
        rows = [
            (one.words, one.n, f"{100 * one.mean:.2f} %", f"{100 * one.low:.2f} to {100 * one.high:.2f} %",
             None if one.reported is None else f"{100 * one.reported:.2f} %")
            for one in extra
        ]  # fmt: skip
        table = Table(("tested on changed images", "n", "mean", "95 %", "reported"), rows)
        lines += ["", "## On other images", "", table.markdown()]
    if figures:
        lines += ["", "## Figures", "", Table(("figure of the report", "command", "file"), figures).markdown()]
    if found.failed:
        failed = [(row.trial.label, row.trial.seed, row.reason) for row in found.failed]
        lines += ["", "## Trials that failed", "", Table(("configuration", "seed", "reason"), failed).markdown()]
    return "\n".join(lines) + "\n"

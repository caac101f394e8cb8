"""What came of a report's study: its page, and how our networks do on the report's other images."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pellucid import catalog
from pellucid.datasets._load import load
from pellucid.displays.display import Display, plain
from pellucid.displays.numbers import percent
from pellucid.displays.page import Page
from pellucid.displays.table import Table
from pellucid.errors import DataError, StorageError
from pellucid.evaluation.comparison import summary
from pellucid.spec.study import OtherImages
from pellucid.storage.run_folder import RunFolder
from pellucid.verbs.run import Run
from pellucid.verbs.studied import Studied
from pellucid.verbs.study_reported import other_numbers
from pellucid.verbs.study_tables import pair_table
from pellucid.verbs.study_thresholds import threshold_table

#: What a quick page says of itself.
QUICK = "Quick: fewer images, epochs and seeds. These are not the report's figures."


@dataclass(frozen=True)
class Measured:
    """What an arm gives on changed test images, over its seeds."""

    words: str
    reported: float | None
    n: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Reproduction:
    """A report's study with what its runs have given.

    name: in the catalogue. command: that made it. figures: words, command and file of each of the report's.
    provenance: see `provenance`.
    """

    name: str
    command: str
    quick: bool
    studied: Studied
    figures: tuple[tuple[str, str, str], ...]
    on_other_images: tuple[Measured, ...]
    provenance: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """For programs: the study's own, and what the report tested besides."""
        extra = {"on_other_images": [vars(one) for one in self.on_other_images], "provenance": self.provenance}
        found: dict[str, Any] = plain({**self.studied.to_dict(), **extra})
        return found

    def markdown(self) -> str:
        """What was reported beside what was measured."""
        studied = self.studied
        told = (catalog.load("studies", self.name).__doc__ or "").strip().splitlines()
        words = [line.strip() for line in told]
        lines = [f"# {studied.study.name}", "", *words, ""]
        if self.quick:
            lines += [f"**{QUICK}**", ""]
        lines += [
            self._origin("`"),
            "",
            studied.table().markdown(),
            *(["", f"## {besides.title}", "", besides.markdown()] if (besides := other_numbers(studied)) else []),
            "",
            "## What stands",
            "",
            *(f"- {line}" for line in studied.verdicts()),
        ]
        if studied.pairs:
            pairs = pair_table(studied)
            lines += ["", f"## {pairs.title}", "", pairs.markdown()]
        if studied.stops:
            waiting = threshold_table(studied)
            lines += ["", f"## {waiting.title}", "", waiting.markdown()]
        if studied.study.claims:
            lines += ["", "## Claims", "", Table(("claim", "what our runs say"), studied.claims()).markdown()]
        if self.on_other_images:
            lines += ["", "## On other images", "", self._other_images().markdown()]
        if self.figures:
            figures = Table(("figure of the report", "command", "file"), self.figures)
            lines += ["", "## Figures", "", figures.markdown()]
        if studied.failed:
            failed = [(row.trial.label, row.trial.seed, row.reason) for row in studied.failed]
            lines += ["", "## Trials that failed", "", Table(("configuration", "seed", "reason"), failed).markdown()]
        return "\n".join(lines) + "\n"

    def display(self, figures: Sequence[Display]) -> Page:
        """The same as one page, with the study's pictures and the report's figures."""
        notes = [(QUICK,)] if self.quick else []
        origin = Table(("",), [*notes, (self._origin(),)], title="How this came about")
        other = [self._other_images()] if self.on_other_images else []
        return Page([origin, *self.studied.display().displays, *other, *figures], title=self.studied.study.name)

    def _origin(self, quote: str = "") -> str:
        seeds = ", ".join(map(str, self.studied.study.seeds))
        return f"{_told(self.provenance)}, seeds {seeds}; {quote}{self.command}{quote}"

    def _other_images(self) -> Table:
        rows = [
            (one.words, one.n, percent(one.mean),
             "-" if np.isnan(one.low) else f"{100 * one.low:.2f} to {100 * one.high:.2f} %", percent(one.reported))
            for one in self.on_other_images
        ]  # fmt: skip
        columns = ("tested on changed images", "n", "mean", "95 %", "reported")
        return Table(columns, rows, title="On other images")


def on_other_images(found: Studied) -> list[Measured]:
    """Accuracy of an arm's runs on test images that are changed by further views."""
    measured = []
    for one in found.study.other_images:
        values = []
        for row in found.of(found.chosen[one.arm]):
            if row.result:
                with suppress(StorageError, DataError):  # n tells how many count
                    values.append(_accuracy(Run.open(found.root, row.run), one))
        if values:
            over = summary(values, within=(0.0, 1.0))
            measured.append(Measured(one.words, one.reported, over.n, over.mean, over.low, over.high))
    return measured


def _accuracy(run: Run, asked: OtherImages) -> float:
    if asked.views is None:
        return run.evaluate(mirror=asked.mirror).accuracy
    images = load(replace(run.spec.data, views=asked.views)).test
    return float((run.model().logits(images).argmax(1) == images.labels).mean())


def provenance(found: Studied) -> dict[str, Any]:
    """When, on which machine and with what the first finished run was trained, and the commit of the code that made
    the page, where that is a clone.
    """
    here, commit = Path(__file__), ""
    with suppress(OSError):

        def git(*words: str) -> str:
            told = subprocess.run(
                ["git", "-C", str(here.parent), *words], capture_output=True, text=True, check=False
            )
            return told.stdout.strip()

        if git("ls-files", here.name):  # not where it is installed inside another project's clone
            commit = git("rev-parse", "--short", "HEAD")
    kept = next((RunFolder.open(found.root, row.run).manifest for row in found.rows if row.result), {})
    return {
        "created": kept.get("created"),
        "environment": kept.get("environment"),
        "precision": sorted({row.precision for row in found.rows} - {""}),
        "commit": commit or None,
    }


def _told(where: Mapping[str, Any]) -> str:
    machine = where["environment"] or {}
    words = [
        str(where["created"])[:10],
        str(machine.get("cpu")),
        f"torch {machine.get('torch')}",
        *where["precision"],
    ]
    return ", ".join([*words, *([f"page made at commit {where['commit']}"] if where["commit"] else [])])

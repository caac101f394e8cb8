"""What a search has found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.displays.curves import Curves, Series
from pellucid.displays.display import Display, plain
from pellucid.displays.numbers import percent
from pellucid.displays.page import Page
from pellucid.displays.scatter import Scatter
from pellucid.displays.table import Table
from pellucid.errors import DamagedError
from pellucid.spec.run import RunSpec
from pellucid.spec.search import Search
from pellucid.spec.study import Config, label
from pellucid.storage.run_folder import RunFolder
from pellucid.training.proposals import Point, rank
from pellucid.verbs.study_row import outcome

#: Points whose curves are drawn for successive halving.
FURTHEST = 7


@dataclass(frozen=True)
class Tried:
    """A point in all seeds. epochs: that it was given. results: of its runs, None with a reason where one failed."""

    number: int
    config: Config
    epochs: int
    runs: tuple[str, ...]
    results: tuple[dict[str, Any] | None, ...]
    reason: str

    @classmethod
    def read(cls, root: Path, point: Point, specs: Sequence[RunSpec], errors: Mapping[str, str]) -> Tried:
        """From the folders of its runs. errors: of those that failed, by id."""
        found = [outcome(root, spec.id, errors) for spec in specs]
        results = tuple(one.result for one in found)
        reasons = dict.fromkeys(one.reason for one in found if one.result is None)
        names = tuple(spec.id for spec in specs)
        epochs = specs[0].recipe.epochs
        return cls(point.number, point.config, epochs, names, results, "; ".join(reasons))

    @classmethod
    def misfit(cls, point: Point, epochs: int, seeds: int, reason: str) -> Tried:
        """A point whose values do not fit together: it has no runs."""
        return cls(point.number, point.config, epochs, ("",) * seeds, (None,) * seeds, reason)

    @property
    def score(self) -> float | None:
        """Mean validation accuracy over seeds; None where one of them failed."""
        return self.mean("validation_accuracy")

    def mean(self, metric: str) -> float | None:
        """A metric's mean over seeds; None where one of them has none."""
        known = [float(one[metric]) for one in self.results if one is not None and one.get(metric) is not None]
        return float(np.mean(known)) if len(known) == len(self.results) else None


@dataclass(frozen=True)
class Searched:
    """A search that is over. tried: round by round; epochs: of a whole training.

    spent: epochs trained by the runs of this search, over all seeds. anew: promoted points could not go on from their
    checkpoints.
    """

    asked: Search
    root: Path
    tried: tuple[Tried, ...]
    epochs: int
    spent: int
    anew: bool

    @cached_property
    def ranking(self) -> list[Tried]:
        """Each point once, as it was last trained: most epochs first, then the best score, failures last."""
        last = {one.number: one for one in self.tried}
        budget = {number: one.epochs if self.asked.method == "halving" else 0 for number, one in last.items()}
        failed = {number: one.score is None for number, one in last.items()}
        return sorted(
            last.values(),
            key=lambda one: (failed[one.number], -budget[one.number], *rank(one.number, one.score)),
        )

    @property
    def best(self) -> Tried | None:
        """The point that validation prefers; None where all failed."""
        return self.ranking[0] if self.ranking and self.ranking[0].score is not None else None

    @property
    def failed(self) -> list[Tried]:
        return [one for one in self.tried if one.score is None]

    @property
    def on_edge(self) -> list[str]:
        """Where the best point lies at the end of what was searched: the optimum may lie beyond."""
        found = []
        for one in self.asked.space if self.best is not None else ():
            value = self.best.config[one.name]  # type: ignore[union-attr]
            end = one.edge(value)
            if end is not None:
                found.append(
                    f"the best {one.name}, {value:g}, is at the edge of what was searched ({one.low:g} to "
                    f"{one.high:g}): a better one may lie beyond {end:g}"
                )
        return found

    def verdicts(self) -> list[str]:
        """What can be said, in sentences."""
        best, asked = self.best, self.asked
        if best is None:
            return ["every trial failed"]
        found = [f"best on validation: {label(best.config)}, {percent(best.score)}"]
        test = best.mean("test_accuracy")
        if test is not None:
            over = f"mean of {len(best.runs)} seeds" if len(best.runs) > 1 else f"seed {asked.seeds[0]}"
            found.append(
                f"its test accuracy: {percent(test)} ({over}). The score on validation flatters, "
                f"being the best of {len(self.ranking)}"
            )
        if asked.method == "halving":
            full = len(self.ranking) * len(asked.seeds) * self.epochs
            found.append(
                f"successive halving trained {self.spent:,} epochs; every point in full would have taken {full:,}"
            )
        if self.anew:
            found.append(
                "promoted points began anew, since their schedule, or which epochs see smaller images, depends on "
                "the number of epochs: a constant, step or plateau schedule without such epochs goes on from the "
                "checkpoint"
            )
        if len(self.ranking) < asked.trials:
            found.append(f"the space has no more than {len(self.ranking)} different points")
        return [*found, *self.on_edge]

    def table(self) -> Table:
        """One row a point, the best first: its values, its epochs, its score on validation."""
        names = [one.name for one in self.asked.space]
        rows = [
            (
                one.number,
                *(_shown(one.config[name]) for name in names),
                one.epochs,
                percent(one.score),
                *((one.reason,) if self.failed else ()),
            )
            for one in self.ranking
        ]
        columns = ("point", *names, "epochs", "validation", *(("reason",) if self.failed else ()))
        return Table(columns, rows, title="Points, the best first")

    def rung_table(self) -> Table:
        """Of successive halving: points, epochs and the best score of each rung."""
        rows = []
        for epochs in sorted({one.epochs for one in self.tried}):
            scores = [one.score for one in self.tried if one.epochs == epochs]
            known = [score for score in scores if score is not None]
            rows.append((epochs, len(scores), percent(max(known, default=None)), percent(min(known, default=None))))
        return Table(("epochs", "points", "best", "worst"), rows, title="Rungs")

    def trials(self) -> list[dict[str, Any]]:
        """One entry a run, in the order of rounds: a function of the search alone, no times and no test scores."""
        return [
            {
                "point": one.number,
                "configuration": one.config,
                "budget": one.epochs,
                "seed": seed,
                "run": run,
                "status": "finished" if result else "failed",
                "reason": str(result["reason"]) if result else one.reason,
                "epochs": result["epochs"] if result else None,
                "validation_accuracy": result["validation_accuracy"] if result else None,
                "validation_loss": result["validation_loss"] if result else None,
            }
            for one in self.tried
            for seed, run, result in zip(self.asked.seeds, one.runs, one.results, strict=True)
        ]

    def display(self) -> Page:
        """Sentences, points, and validation accuracy along every range."""
        shown: list[Display] = [Table(("",), [(line,) for line in self.verdicts()], title="What was found")]
        if self.asked.method == "halving":
            shown.append(self.rung_table())
        shown += [self.progress(), *(self.along(one.name) for one in self.asked.space if one.kind != "choice")]
        shown.append(self.table())
        return Page(shown, title=f"Search {self.asked.name}: {self.asked.method}, {len(self.ranking)} points")

    def progress(self) -> Curves:
        """The best score so far, in the order in which points were proposed; by epoch for successive halving."""
        if self.asked.method == "halving":
            return self._by_epoch()
        scores = [one.score or 0.0 for one in self.tried]
        best = np.maximum.accumulate(scores).tolist() if scores else []
        at = list(range(1, len(scores) + 1))
        series = [Series("best so far", at, best)] if scores else []
        return Curves(series, "point", "validation accuracy", title="The best so far", percent=True)

    def _by_epoch(self) -> Curves:
        """Of the points that came furthest, validation accuracy by epoch in their first seed."""
        series = []
        for one in self.ranking[:FURTHEST]:
            if not RunFolder.exists(self.root, one.runs[0]):
                continue
            with suppress(DamagedError):
                lines = RunFolder.open(self.root, one.runs[0]).metrics()
                values = [line["validation_accuracy"] for line in lines]
                series.append(Series(f"point {one.number}", [line["epoch"] for line in lines], values))
        return Curves(series, "epoch", "validation accuracy", title="The points that came furthest", percent=True)

    def along(self, name: str) -> Scatter:
        """Validation accuracy of every point against one of its values, choices told apart."""
        one = next(one for one in self.asked.space if one.name == name)
        known = [tried for tried in self.ranking if tried.score is not None]
        choices = [each.name for each in self.asked.space if each.kind == "choice"]
        return Scatter(
            [float(tried.config[name]) for tried in known],
            [float(tried.score or 0.0) for tried in known],
            groups=[label({key: tried.config[key] for key in choices[:1]}) for tried in known] if choices else (),
            notes=[f"point {tried.number}: {label(tried.config)}, {percent(tried.score)}" for tried in known],
            x_title=name,
            y_title="validation accuracy",
            title=f"Along {name}",
            height=260,
            log_x=one.kind == "log",
        )

    def to_dict(self) -> dict[str, Any]:
        """For programs."""
        best = self.best
        found: dict[str, Any] = plain(
            {
                "search": self.asked.to_dict(),
                "trials": self.trials(),
                "best": None
                if best is None
                else {
                    "point": best.number,
                    "configuration": best.config,
                    "runs": list(best.runs),
                    "validation_accuracy": best.score,
                    "test_accuracy": best.mean("test_accuracy"),
                },
                "epochs_trained": self.spent,
                "verdicts": self.verdicts(),
            }
        )
        return found


def _shown(value: Any) -> Any:
    """A value for a table; words for what is none."""
    return "none" if value is None else "+".join(map(str, value)) if isinstance(value, (list, tuple)) else value

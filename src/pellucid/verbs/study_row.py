"""One trial of a study and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pellucid.errors import StorageError
from pellucid.spec.study import Config, Study, Trial
from pellucid.storage.run_folder import RunFolder
from pellucid.storage.study_folder import Progress

#: The reason of a trial without a result that nothing is known of: it is still to come, or was stopped.
NOT_YET = "not trained yet"


@dataclass(frozen=True)
class Row:
    """One trial and what became of it. result: as the run folder keeps it; None where it failed, with the reason.

    recipe: that of its run, as the run folder keeps it; empty where nothing was begun. over: whether its run ended,
    finished or diverged. precision: that it was trained in, as decided; "" where nothing was begun.
    """

    trial: Trial
    run: str
    result: dict[str, Any] | None
    reason: str
    recipe: Mapping[str, Any] = field(default_factory=dict)
    over: bool = False
    precision: str = ""

    @classmethod
    def read(cls, root: Path, trial: Trial, run: str, errors: Mapping[str, str]) -> Row:
        """From the folder of its run. errors: of runs that could not note their own, by id."""
        return cls(trial, run, *outcome(root, run, errors))

    @property
    def status(self) -> str:
        """ "finished", "failed" or, where it has not ended and no reason is known, "untrained"."""
        if self.result is not None:
            return "finished"
        return "untrained" if self.reason == NOT_YET else "failed"

    @property
    def stops(self) -> bool:
        """Whether the training ends at a threshold."""
        return self.recipe.get("stop_at") is not None

    @property
    def reached(self) -> bool:
        """Whether it did."""
        return "reached" in self.reason and self.result is not None

    @property
    def missed(self) -> bool:
        """Whether it ended before its threshold: it used up what it was given, gave up or diverged."""
        return self.stops and self.over and not self.reached

    @property
    def used_up(self) -> bool:
        """Whether it trained for all the epochs or seconds that it was given."""
        if self.result is None or not self.recipe:
            return False
        budget, seconds = self.recipe.get("time_budget"), self.value("seconds")
        in_time = budget is not None and seconds is not None and seconds >= budget
        return in_time or self.value("epochs") == float(self.recipe["epochs"])

    def value(self, metric: str) -> float | None:
        """A number of the result; None where there is none."""
        found = (self.result or {}).get(metric)
        return None if found is None else float(found)

    def to_dict(self) -> dict[str, Any]:
        """What is a function of the spec alone: no times."""
        names = [f"{split}_{what}" for split in ("train", "validation", "test") for what in ("accuracy", "loss")]
        return {
            "configuration": dict(self.trial.config),
            "seed": self.trial.seed,
            "run": self.run,
            "status": self.status,
            "reason": self.reason,
            "epochs": (self.result or {}).get("epochs"),
            **{name: self.value(name) for name in names},
        }


def key_of(config: Config) -> str:
    """A configuration as what dictionaries are looked up by: levels may be lists."""
    return repr(sorted(config.items()))


def is_begun(root: Path, run: str) -> bool:
    """Whether a trial's run is there. run: "" where it has none yet."""
    return bool(run) and RunFolder.exists(root, run)


class Outcome(NamedTuple):
    """Of a run what a `Row` has of it."""

    result: dict[str, Any] | None
    reason: str
    recipe: Mapping[str, Any]
    over: bool
    precision: str


def outcome(root: Path, run_id: str, errors: Mapping[str, str]) -> Outcome:
    """The result of a run that finished, else None, with the reason why it ended or has none.

    errors: of runs that failed before they could note it themselves, by id.
    """
    try:
        folder = RunFolder.open(root, run_id) if is_begun(root, run_id) else None
        recipe = folder.manifest["spec"]["recipe"] if folder else {}
        precision = str(folder.manifest.get("decisions", {}).get("precision", "")) if folder else ""
        kept = folder.result() if folder else None
    except StorageError as error:  # damaged
        return Outcome(None, str(error), {}, False, "")
    if kept is None:
        return Outcome(None, errors.get(run_id, NOT_YET), recipe, False, precision)
    finished = kept.get("status") == "finished"
    return Outcome(kept if finished else None, str(kept.get("reason", "")), recipe, True, precision)


def other_seeds(root: Path, kept: Progress, study: Study) -> list[int]:
    """Seeds in which configurations of the study have finished, and which it does not count.

    Trials under its name that trained anything else, as before a change of what all share, are none of its own.
    """
    counted: dict[str, dict[str, Any]] = {}
    others: list[tuple[str, int, dict[str, Any]]] = []
    for (name, seed), run in kept.runs.items():
        try:
            folder = RunFolder.open(root, run) if is_begun(root, run) else None
            spec = {**folder.manifest["spec"], "seed": None} if folder and folder.result() is not None else None
        except StorageError:  # its row says so, if it has one
            continue
        if spec is not None and seed in study.seeds:
            counted[name] = spec
        elif spec is not None:
            others.append((name, seed, spec))
    return sorted({seed for name, seed, spec in others if counted.get(name) == spec})

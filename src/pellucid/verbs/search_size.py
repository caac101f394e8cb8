"""How large a search is, and how long it takes, before it is begun."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pellucid.datasets._load import load
from pellucid.spec.search import Search
from pellucid.spec.study import MANY
from pellucid.storage.runs_root import runs_root
from pellucid.storage.search_folder import SearchFolder
from pellucid.training.many import at_once
from pellucid.training.run import goes_on
from pellucid.verbs.estimate import epoch_seconds, may_take_less
from pellucid.verbs.search import checked


def search_size(
    asked: Search, *, workers: int | None = None, steps: int = 8, runs: str | Path | None = None
) -> dict[str, Any]:
    """How many trainings a search takes, of how many epochs together, and about how long that is.

    A few steps in the middle of the ranges are timed. begun: whether there is something of it already, which is not
    subtracted. many: whether there are so many that the caller should ask first.

    Raises UsageError for names and values that do not exist.
    """
    spec = checked(asked)
    epochs = spec.recipe.epochs
    if asked.method == "halving":
        rungs = asked.rungs(epochs)
    else:
        rungs = [(asked.points if asked.method == "random" else asked.trials, epochs)]
    total = before = 0
    for count, each in rungs:
        earlier = replace(spec, recipe=replace(spec.recipe, epochs=max(before, 1)))
        longer = replace(spec, recipe=replace(spec.recipe, epochs=each))
        total += count * (each - (before if goes_on(longer, earlier) else 0))
        before = each
    trials = sum(count for count, _ in rungs) * len(asked.seeds)
    processes = max(1, min(at_once(spec.threads, workers), trials))
    seconds = epoch_seconds(spec, load(spec.data), steps=steps) * total * len(asked.seeds) / processes
    return {
        "trials": trials,
        "epochs": total * len(asked.seeds),
        "workers": processes,
        "seconds": seconds,
        "at_most": may_take_less(spec.recipe),
        "begun": (SearchFolder(runs_root(runs), asked.name).path / "search.json").is_file(),
        "many": trials > MANY,
    }

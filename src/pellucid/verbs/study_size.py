"""How large a study is, and how long it takes, before it is begun."""

from __future__ import annotations

from math import comb
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.errors import DamagedError, DataError, SpecError, UsageError
from pellucid.evaluation.comparison import seeds_to_say
from pellucid.spec.run import RunSpec
from pellucid.spec.study import MANY, Study, label
from pellucid.storage.run_folder import RunFolder
from pellucid.storage.runs_root import runs_root
from pellucid.storage.study_folder import StudyFolder
from pellucid.training.many import at_once
from pellucid.verbs.estimate import epoch_seconds, may_take_less
from pellucid.verbs.study_row import is_begun
from pellucid.verbs.study_specs import reader, spec_of, specs_of

#: Options that change how well a training goes, not how long an epoch of whole images takes.
RATES = (
    "lr", "epochs", "momentum", "weight_decay", "l2", "schedule", "label_smoothing", "seed",
    "progressive_size", "progressive_share",
)  # fmt: skip
#: Kinds of training that `estimate` times; further ones are taken to be like these.
TIMED = 6


def estimate(
    asked: Study, *, workers: int | None = None, steps: int = 8, runs: str | Path | None = None
) -> dict[str, Any]:
    """How many trials a study has, how many are left, and about how long those take.

    A few steps of each kind of training are timed: configurations that differ in rates alone are of one kind. runs:
    where finished trials are looked for. many: whether there are so many that the caller should ask first; of these
    each level is looked at once, not each combination. at_most: whether a threshold, patience or a budget may leave
    out some of the epochs whose time is told, or smaller images shorten them. more_seeds: how many more it takes
    until anything can be said of a pair of arms, however different they are.

    Raises UsageError, SpecError or DataError for what does not exist or fit, its name included.
    """
    folder = StudyFolder(runs_root(runs), asked.name)
    read, configs = reader(), asked.configs()
    base = spec_of(asked.base, configs[0], read=read)
    if asked.size > MANY:
        each = [{**configs[0], factor.name: level} for factor in asked.factors for level in factor.levels]
        recipes = [base.recipe, *(spec_of(asked.base, config, read=read).recipe for config in each)]
        trials, given = folder.progress().of(asked), {}
    else:
        specs = specs_of(asked)
        trials = [(trial, spec.id) for trial, spec in specs]
        given = {trial.label: spec.recipe.epochs for trial, spec in specs}
        recipes = [spec.recipe for _, spec in specs]
    left = dict.fromkeys((label(config) for config in configs), 0)
    for trial, run in trials:
        left[trial.label] += not is_finished(runs_root(runs), run)
    kinds: dict[str, list[tuple[int, int]]] = {}
    first: dict[str, RunSpec] = {}
    for config in configs:
        kind = label({key: value for key, value in config.items() if key not in RATES})
        if left[label(config)] and kind not in first and len(first) < TIMED:
            first[kind] = spec_of(asked.base, config, read=read)
        epochs = given.get(label(config)) or int({**asked.base, **config}.get("epochs") or base.recipe.epochs)
        kinds.setdefault(kind, []).append((epochs, left[label(config)]))
    an_epoch = {}
    for kind, spec in first.items():
        try:
            an_epoch[kind] = epoch_seconds(spec, read(spec.data), steps=steps)
        except (DataError, SpecError, UsageError):
            raise
        except Exception:  # it takes too much memory, or diverges at once: a row of the table, and no time
            continue
    usual = float(np.mean(list(an_epoch.values()))) if an_epoch else 0.0
    total = sum(
        an_epoch.get(kind, usual) * epochs * count for kind, members in kinds.items() for epochs, count in members
    )
    to_do, pairs = sum(left.values()), sum(comb(len(arms), 2) for arms in asked.families())
    processes = max(1, min(at_once(base.threads, workers), to_do))
    return {
        "trials": asked.size,
        "left": to_do,
        "workers": processes,
        "seconds": total / processes,
        "at_most": any(may_take_less(recipe) for recipe in recipes),
        "many": asked.size > MANY,
        "more_seeds": seeds_to_say(len(asked.seeds), pairs) if pairs else 0,
    }


def is_finished(root: Path, run: str) -> bool:
    """Whether a run is there and over, or damaged: then it is not trained either. run: "" of one never begun."""
    try:
        return is_begun(root, run) and RunFolder.open(root, run).result() is not None
    except DamagedError:
        return True

"""Many runs: which, how long, trained, and taken together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from pellucid.errors import UsageError, unknown_name
from pellucid.evaluation.comparison import LOOKS
from pellucid.spec.run import RunSpec
from pellucid.spec.study import Study, Trial, differences
from pellucid.storage.runs_root import runs_root
from pellucid.storage.study_folder import Progress, StudyFolder
from pellucid.training.many import Executor, Outcome, opened, run_all, same_images
from pellucid.verbs.studied import Studied
from pellucid.verbs.study_specs import specs_of
from pellucid.verbs.study_tables import trial_table
from pellucid.verbs.train import probe_folder


def study(
    asked: Study,
    *,
    runs: str | Path | None = None,
    workers: int | None = None,
    update: bool = False,
    until_clear: bool = False,
    executor: str = "local",
    address: str | None = None,
    begun: Callable[[list[tuple[Trial, RunSpec]]], None] | None = None,
    told: Callable[[int, int, Outcome], None] | None = None,
) -> Studied:
    """Trains every trial that is not done, and says what stands; the same call again goes on, or only says.

    Unless the study says otherwise every trial runs on one thread in float32 on the processor, so that it has the
    same bits whatever runs beside it. workers: processes, by default one a core, fewer
    where each has more threads. update: go on although the study is
    another than the one begun under this name. until_clear: adds seeds until the best arm differs from every other,
    looking after 6, 8, 11, 15, 20, 28 and 40 seeds, each look with its share of alpha. executor: local, or ray for a
    cluster at address. begun: called with the trials, and again where seeds are added. told: called after each trial.
    Where it is stopped, what there is so far is written too.

    Raises UsageError for factors and values that do not exist, before anything is trained, and where the study, a
    network's file or a default is another than it began with; DataError where its images are; StorageError where
    another process is at this study, or there is no space.
    """
    if until_clear:
        asked = first_look(asked)
    root = runs_root(runs)
    folder = StudyFolder(root, asked.name)
    before = folder.open()
    if before is not None and not update:
        free = {"seeds": None, "beside": None}
        changed = differences({**before, **free}, {**asked.to_dict(), **free})
        if changed:
            raise UsageError(
                f"study {asked.name}: expected the study that was begun under this name, found another: "
                f"{'; '.join(changed)}. Give it another name, or go on with --update: finished trials are kept."
            )
    specs = specs_of(asked)
    with folder.lock(), closing(opened(executor, workers=workers, address=address)) as crew:
        kept = folder.progress()
        if not update:
            _same_runs(asked.name, kept, specs)
        same_images([spec for _, spec in specs], root)
        errors, found = dict(kept.errors), None
        try:
            while True:
                found = None
                folder.save({**asked.to_dict(), "beside": asked.beside()})
                own = {(trial.label, trial.seed): spec.id for trial, spec in specs}
                if any(kept.runs.get(trial, run) != run for trial, run in own.items()):
                    kept = replace(kept, looks=())  # they were at other runs
                kept = kept.with_runs(own)
                folder.save_progress(kept)
                if begun is not None:
                    begun(specs)
                _train(specs, root, told, crew, errors)
                kept = kept.looked(len(asked.seeds))
                found = Studied.of_progress(asked, root, replace(kept, errors=errors))
                more = _next_look(asked) if until_clear else None
                if more is None or found.is_clear:
                    break
                asked, specs = more, specs_of(more)
        finally:
            kept = replace(kept, errors=errors)
            folder.save_progress(kept)
            found = found or Studied.of_progress(asked, root, kept)  # stopped: what there is
            folder.save_trials(found.trials())
            folder.save_file("trials.csv", trial_table(found).csv().encode())
        folder.save_file("study.html", found.display().render("html"))
    return found


def _same_runs(name: str, kept: Progress, specs: Sequence[tuple[Trial, RunSpec]]) -> None:
    """Raises UsageError where a trial would now be another run than when the study was begun."""
    changed = [
        f"{trial.label} seed={trial.seed}"
        for trial, spec in specs
        if kept.runs.get((trial.label, trial.seed), spec.id) != spec.id
    ]
    if changed:
        raise UsageError(
            f"study {name}: expected its trials as they were begun, found {len(changed):,} that would be other runs "
            f"({changed[0]}{', ...' if changed[1:] else ''}): a network's file, a recipe or a default has changed. "
            "Put it back, give the study another name, or train them anew with --update."
        )


def first_look(asked: Study) -> Study:
    """The study with the seeds of the first planned look that has as many as it asks for.

    Raises UsageError where there are no two arms that could differ.
    """
    if max(map(len, asked.families())) < 2:
        raise UsageError(
            f"study {asked.name}: expected two arms or more of one data set to add seeds until they differ, found "
            "one."
        )
    asked = replace(asked, until_clear=True)
    return asked if len(asked.seeds) in LOOKS else _next_look(asked) or asked


def _next_look(asked: Study) -> Study | None:
    """The study with the seeds of the next look; None after the last."""
    count = next((look for look in LOOKS if look > len(asked.seeds)), None)
    if count is None:
        return None
    added = range(max(asked.seeds) + 1, max(asked.seeds) + 1 + count - len(asked.seeds))
    return replace(asked, seeds=(*asked.seeds, *added))


def _train(
    specs: Sequence[tuple[Trial, RunSpec]],
    root: Path,
    told: Callable[[int, int, Outcome], None] | None,
    crew: Executor,
    errors: dict[str, str],
) -> None:
    """Trains what is left; errors: filled with the reasons of runs that could not note their own, by id."""
    for _, spec in specs:
        errors.pop(spec.id, None)  # of an earlier attempt
    with closing(run_all([spec for _, spec in specs], root, probes=probe_folder(), executor=crew)) as outcomes:
        for done, outcome in enumerate(outcomes, 1):
            if outcome.result is None:
                errors[outcome.spec.id] = outcome.error
            if told is not None:
                told(done, len(specs), outcome)


def load_study(name: str, *, runs: str | Path | None = None) -> Studied:
    """A study that was begun, with what its runs have given, wherever its images and network's file are now.

    Raises UsageError where there is none.
    """
    root = runs_root(runs)
    path = root / "studies" / name
    if not (path / "study.json").is_file():
        known = sorted(one.parent.name for one in root.glob("studies/*/study.json"))
        raise unknown_name("study", name, known)
    folder = StudyFolder(root, name)
    asked, progress = folder.study(), folder.progress()
    if not progress.runs:  # begun by a version that did not note its runs
        progress = progress.with_runs({(trial.label, trial.seed): spec.id for trial, spec in specs_of(asked)})
    return Studied.of_progress(asked, root, progress)

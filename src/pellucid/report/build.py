"""From names to a document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path

from pellucid.errors import UsageError
from pellucid.report import run_sections, several_sections, study_sections
from pellucid.report.document import Document
from pellucid.report.run.answers import data_name
from pellucid.report.section import named
from pellucid.storage.runs_root import run_ids, runs_root
from pellucid.verbs.run import Run
from pellucid.verbs.studied import Studied
from pellucid.verbs.study import load_study

Told = Callable[[str], None]


def report(names: Sequence[str], *, runs: str | Path | None = None, told: Told = lambda key: None) -> Document:
    """The report of a run, of a study by its name, or of several runs beside each other.

    told: what is being made. Raises UsageError for a name that is neither a run nor a study, naming the nearest.
    """
    root = runs_root(runs)
    found = subjects(names, runs=root)
    if found[0] in _studies(root):
        return of_study(load_study(found[0], runs=root), told)
    opened = [Run.open(root, one) for one in found]
    return of_run(opened[0], told) if len(opened) == 1 else of_several(opened, told)


def subjects(names: Sequence[str], *, runs: str | Path | None = None) -> list[str]:
    """What a report of `names` is of: one study by its name, or runs by their ids.

    Raises UsageError for a name that is neither a run nor a study, naming the nearest.
    """
    if not names:
        raise UsageError("report: expected a run, a study or several runs, found no name. Name one, such as last.")
    root = runs_root(runs)
    studies = _studies(root)
    if len(names) == 1 and names[0] in studies:
        return [names[0]]
    for name in names:
        if name in studies:
            raise UsageError(f"report: expected one study alone, or runs, found {name}, a study, among {len(names)}.")
    ids: list[str] = []
    for name in names:
        try:
            ids.append(Run.open(root, name).id)
        except UsageError as error:
            near = get_close_matches(name, studies, n=3, cutoff=0.4)
            if near and run_ids(root):
                raise UsageError(f"{error} Or the study {', '.join(near)}?") from None
            raise
    if len(set(ids)) < len(ids):
        raise UsageError(f"report: expected different runs, found {', '.join(ids)}. Name each once.")
    return ids


def _studies(root: Path) -> list[str]:
    return sorted(path.parent.name for path in root.glob("studies/*/study.json"))


def of_run(run: Run, told: Told = lambda key: None) -> Document:
    """The report of one run."""
    title = f"{named(run.spec.network.name)} on {named(data_name(run))}"
    return Document("run", title, [run.id], run_sections.sections(run, told))


def of_several(runs: Sequence[Run], told: Told = lambda key: None) -> Document:
    """Runs beside each other."""
    networks = list(dict.fromkeys(named(run.spec.network.name) for run in runs))
    sets = list(dict.fromkeys(named(data_name(run)) for run in runs))
    title = f"{len(runs)} runs: {named(', '.join(networks))} on {named(', '.join(sets))}"
    return Document("runs", title, [run.id for run in runs], several_sections.sections(runs, told))


def of_study(study: Studied, told: Told = lambda key: None) -> Document:
    """The report of a study."""
    title = f"Study {named(study.study.name)}"
    return Document("study", title, [study.study.name], study_sections.sections(study, told))

"""What there is to say of a study, section by section: what stands comes first."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from pellucid.displays.bars import Bars
from pellucid.displays.display import Display
from pellucid.displays.numbers import is_share, percent
from pellucid.displays.table import Table
from pellucid.errors import StorageError
from pellucid.report.section import Section, applying, named
from pellucid.storage.run_folder import RunFolder
from pellucid.verbs import study_page
from pellucid.verbs.run import Run
from pellucid.verbs.run_command import command
from pellucid.verbs.runs import flatten
from pellucid.verbs.studied import Studied
from pellucid.verbs.study_reported import other_numbers
from pellucid.verbs.study_row import is_begun
from pellucid.verbs.study_tables import pair_table, trial_table
from pellucid.verbs.study_verdicts import cautions, standing

#: Sentences about pairs that are told in words; a study of seven arms has 21 pairs.
SENTENCES = 22


def verdicts(study: Studied) -> Section:
    """What can be said, and of how many runs."""
    asked = study.study
    done = sum(row.status != "untrained" for row in study.rows)
    arms = len(study.chosen)
    question = (
        f"Which of {arms} configuration{'s' * (arms != 1)} has the best {asked.metric.replace('_', ' ')}, and is the "
        f"difference real? {done} of {len(study.rows)} trials are done, in seeds {', '.join(map(str, asked.seeds))}."
    )
    told = standing(study) or ["Nothing can be said yet: no trial is done."]
    shown = [_sentence(one) for one in told[:SENTENCES]]
    if len(told) > len(shown):
        shown.append(
            f"{len(told) - len(shown)} more sentences of this kind are left out; the effects list every pair."
        )
    note = [asked.note] if asked.note else []
    return Section("verdicts", "What stands", [*note, question, *shown, *map(_sentence, cautions(study))])


def table(study: Studied) -> Section:
    """n, mean, spread and interval of each configuration."""
    words = (
        "The interval is of the mean over seeds: from five values on the BCa bootstrap, widened for few seeds, below "
        "Student's t. Validation chooses; what the test images say of it is told here.",
    )
    return Section("table", "Each configuration", words, [study.table()])


def effects(study: Studied) -> Section | None:
    """Means with intervals, and every pair; None where no trial is done."""
    if not study.summaries:
        return None
    displays: list[Display] = [study_page.effects(study)]
    if study.pairs:
        displays.append(pair_table(study))
    return Section("effects", "Effects", displays=displays)


def factors(study: Studied) -> Section | None:
    """What each factor of a grid does; None for other studies."""
    words = (
        "A level's mean is taken over the other factors, seed by seed. The share of the variance is that of the "
        "analysis of variance of the whole grid.",
    )
    displays = study_page.factors(study)
    return Section("factors", "What each factor does", words, displays) if displays else None


def curves(study: Studied) -> Section:
    """Validation by epoch, the spread over seeds; epochs to a threshold where there was one."""
    words = ["The line is the mean over seeds, the band reaches from the lowest to the highest; thin lines are runs."]
    if len(study.chosen) > study_page.MOST_LINES:
        words.append(f"Drawn: the {study_page.MOST_LINES} configurations that are {study.preferred}.")
    return Section("curves", "By epoch", words, study_page.by_epoch(study))


def evidence(study: Studied) -> Section | None:
    """The images behind the largest differences; None where there are none. Raises DataError where they are gone."""
    words = ("Below each image its class, and in how many seeds the one and the other get it right.",)
    displays = [study_page.evidence(study, first, second) for first, second in study_page.largest(study)]
    return Section("evidence", "The images behind a difference", words, displays) if displays else None


def reported(study: Studied) -> Section | None:
    """What a report said beside what was measured; None for studies of no report."""
    told, claims = study.study.reported, study.claims()
    besides = other_numbers(study)
    if not told and not claims and besides is None:
        return None
    displays: list[Display] = []
    arms = [arm for arm in study.summaries if arm in told]
    if arms:
        named = {arm: f"{arm} (measured: at least)" if study.missed(arm) else arm for arm in arms}
        values = [(named[arm], "measured", study.summaries[arm].mean) for arm in arms]
        values += [(named[arm], "reported", told[arm]) for arm in arms]
        names, groups, means = zip(*values, strict=True)
        in_percent = is_share(study.study.metric)
        title = "Reported and measured"
        unit = study.study.metric.replace("_", " ")
        displays.append(Bars(names, means, unit, groups=groups, title=title, percent=in_percent))
    if besides is not None:
        displays.append(besides)
    if claims:
        displays.append(Table(("claim", "what our runs say"), claims, title="Claims"))
    return Section("reported", "Reported against measured", displays=displays)


def trials(study: Studied) -> Section:
    """Every trial, and what became of it."""
    found = trial_table(study)
    told = [[percent(cell) if isinstance(cell, float) else cell for cell in row] for row in found.rows]
    return Section("trials", "Every trial", displays=[Table(found.columns, told)])


def again(study: Studied) -> Section:
    """What all trials share, one command, the machine."""
    asked = study.study
    shared = [(key, str(value)) for key, value in flatten(dict(asked.base)).items()]
    varied = [(f"{one.role} {one.name}", ", ".join(map(str, one.levels))) for one in asked.factors]
    listed = [(f"configuration {k}", str(dict(one))) for k, one in enumerate(asked.listed, 1)]
    rows = [*shared, *varied, *listed, ("seeds", ", ".join(map(str, asked.seeds))), ("metric", asked.metric)]
    displays: list[Display] = [Table(("", ""), rows, title=f"The study {named(asked.name)}")]
    begun = []
    for row in study.rows:
        with suppress(StorageError):  # damaged: the table of trials says why
            if is_begun(study.root, row.run):
                begun.append((row.trial, Run(RunFolder.open(study.root, row.run))))
    if begun:
        commands = [(trial.label, trial.seed, command(run)) for trial, run in begun]
        displays.append(Table(("configuration", "seed", "command"), commands, title="Each trial alone"))
        environment = begun[0][1].folder.manifest["environment"]
        machine = [(key, str(value)) for key, value in flatten(environment).items()]
        displays.append(Table(("", ""), machine, title="Versions and machine of the first trial"))
    return Section("again", "To do it again", displays=displays)


#: Key of each section, in reading order, and what makes it; None where it does not apply.
SECTIONS: Final[dict[str, Callable[[Studied], Section | None]]] = {
    "verdicts": verdicts,
    "table": table,
    "effects": effects,
    "factors": factors,
    "curves": curves,
    "evidence": evidence,
    "reported": reported,
    "trials": trials,
    "again": again,
}


def sections(study: Studied, told: Callable[[str], None] = lambda key: None) -> list[Section]:
    """Every section; see `applying`."""
    return applying(SECTIONS, study, told)


def _sentence(words: str) -> str:
    text = named(words, 600)
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "…")) else ".")

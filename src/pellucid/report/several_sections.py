"""What there is to say of several runs beside each other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from pellucid.displays.bars import Bars
from pellucid.displays.curves import Curves, Series
from pellucid.displays.display import Display
from pellucid.displays.image_grid import ImageGrid
from pellucid.displays.listing import Listing
from pellucid.displays.numbers import percent
from pellucid.displays.page import Page
from pellucid.displays.table import Table
from pellucid.errors import DataError, StorageError
from pellucid.report.run.answers import Answers, answers
from pellucid.report.section import Section, applying, named
from pellucid.spec.network import ForeignModule
from pellucid.verbs.answered_alike import answered_alike
from pellucid.verbs.compare import compare
from pellucid.verbs.networks import totals
from pellucid.verbs.run import Run
from pellucid.verbs.run_command import command, flat_spec

#: Runs that are drawn in one chart, and images that one of two runs alone gets right.
DRAWN, ALONE = 7, 20


def answer(runs: Sequence[Run]) -> Section:
    """The runs in numbers, from their predictions."""
    rows: list[tuple[Any, ...]] = []
    scored: list[tuple[Run, Answers]] = []
    for run in runs:
        known = _known(run)
        found = None if known is None else known.found
        if known is not None:
            scored.append((run, known))
        network = run.spec.network
        parameters = None
        if not isinstance(network, ForeignModule):
            parameters = totals(network, run.input_shape)["all"]["parameters"]
        rows.append(
            (
                run.id,
                run.status,
                percent(found.accuracy) if found else None,
                " to ".join(map(percent, found.interval)) if found else None,
                f"{found.loss:.4f}" if found else None,
                percent(found.calibration.error) if found else None,
                parameters,
                len(run.folder.metrics()),
            )
        )
    columns = ("run", "status", "test accuracy", "95 % interval", "loss", "calibration error", "parameters",
               "epochs")  # fmt: skip
    words = [f"How do {len(runs)} trained networks compare?"]
    alike = _are_tested_alike(scored)
    if alike:
        best, known = max(scored, key=lambda one: one[1].found.accuracy)
        words.append(f"The highest test accuracy is that of {best.id}, {percent(known.found.accuracy)}.")
    tested = [run for run, _ in scored] if alike else runs
    if len({run.folder.manifest["fingerprint"] for run in tested}) > 1:
        words.append(
            "They were tested on the same images, but what they were trained on, or how they saw it, differs."
            if alike
            else "They were not given the same images; those tested on others are not compared below."
        )
    words.append("Whether one configuration is better than another takes several seeds: pellucid study.")
    return Section("answer", "In short", words, [Table(columns, rows, title="Side by side")])


def settings(runs: Sequence[Run]) -> Section:
    """What their specs differ in."""
    specs = [{**flat_spec(run), "images": run.folder.manifest["fingerprint"][:12]} for run in runs]
    keys = list(dict.fromkeys(key for one in specs for key in one))
    rows = [
        (key, *(_told(one.get(key)) for one in specs))
        for key in keys
        if len({_told(one.get(key)) for one in specs}) > 1
    ]
    words = () if rows else ("Nothing: they are runs of one spec.",)
    shown = [Table(("", *_names(runs)), rows, title="Of their specs, what is not the same in all")] if rows else []
    return Section("settings", "What they differ in", words, shown)


def pairs(runs: Sequence[Run]) -> Section:
    """Every two of them on one test set: McNemar's exact test."""
    rows, words = [], []
    for first, second in itertools.combinations(runs, 2):
        try:
            found = compare(first, second)
        except DataError as error:
            words.append(f"Not compared: {error}")
            continue
        rows.append(
            (
                first.id,
                second.id,
                found.first_alone,
                found.second_alone,
                f"{100 * found.difference:+.2f}",
                f"{100 * found.low:+.2f}",
                f"{100 * found.high:+.2f}",
                found.p,
            )
        )
    columns = ("first", "second", "right in first alone", "in second alone", "points", "low", "high", "p")
    shown: list[Display] = []
    if rows:
        words.insert(0, "McNemar's exact test of each two trained networks on the same test images, uncorrected.")
        shown.append(Table(columns, rows, title="Every two"))
    return Section("pairs", "Is the difference more than chance?", words, shown)


def learning(runs: Sequence[Run]) -> Section | None:
    """Validation loss and accuracy by epoch; None where no run has an epoch."""
    begun = [run for run in runs if run.folder.metrics()]
    drawn = begun[:DRAWN]
    if not drawn:
        return None

    def one(value: str, *, percent: bool) -> Curves:
        series = []
        for run in drawn:
            lines = run.folder.metrics()
            series.append(
                Series(run.id, [line["epoch"] for line in lines], [line.get(f"validation_{value}") for line in lines])
            )
        return Curves(series, "epoch", value, title=f"Validation {value}", percent=percent)

    page = Page([one("loss", percent=False), one("accuracy", percent=True)], title="Learning", columns=2)
    return Section("learning", "Learning", _drawn(len(drawn), len(begun), len(runs)), [page])


def classes(runs: Sequence[Run]) -> Section | None:
    """Recall of each class, run by run; None where they do not have the same classes, or no answers."""
    known = [(run, found) for run in runs if (found := _known(run)) is not None]
    if len({run.class_names for run, _ in known}) != 1:
        return None
    names = known[0][0].class_names
    drawn = known[:DRAWN]
    values = [(name, run.id, found.found.recall[k]) for k, name in enumerate(names) for run, found in drawn]
    bars = Bars(
        [name for name, _, _ in values],
        [value for _, _, value in values],
        "accuracy",
        groups=[run for _, run, _ in values],
        title="Accuracy of each class",
        percent=True,
        zero=False,
    )
    rows = [(name, *(percent(found.found.recall[k]) for _, found in known)) for k, name in enumerate(names)]
    table = Table(("class", *_names([run for run, _ in known])), rows, title="Accuracy of each class")
    return Section("classes", "Class by class", displays=[bars, table])


def alone(runs: Sequence[Run]) -> Section | None:
    """Of two runs on one test set, the images that one of them alone gets right; None for others.

    Raises DataError where the images are gone.
    """
    if len(runs) != 2:
        return None
    first, second = (_known(run) for run in runs)
    if first is None or second is None or not _are_tested_alike(list(zip(runs, (first, second), strict=True))):
        return None
    right = [one.logits.argmax(1) == one.labels for one in (first, second)]
    if np.array_equal(*right):
        return None
    images = runs[0].images("test")
    if not np.array_equal(images.labels, first.labels):
        return None
    grids: list[Display] = []
    for k, run in enumerate(runs):
        rows = np.flatnonzero(right[k] & ~right[1 - k])
        other = (second, first)[k]
        said = other.logits[rows].argmax(1)
        sure = other.probabilities[rows].max(1)
        chosen = np.argsort(-sure, kind="stable")[:ALONE]
        captions = [
            f"{images.class_names[images.labels[rows[i]]]}, not {images.class_names[said[i]]}" for i in chosen
        ]
        title = f"Right in {run.id} alone: {len(rows):,}"
        if len(chosen):
            grids.append(ImageGrid(images.pixels[rows[chosen]], captions, title=title))
    words = ("Those first of which the other network was surest.",)
    return Section("alone", "Where one alone is right", words, grids)


def again(runs: Sequence[Run]) -> Section:
    """The commands."""
    typed = [command(run) or f"# {run.id}: a module of the user's own, from Python" for run in runs]
    return Section("again", "To do it again", displays=[Listing("\n".join(typed), title="The exact commands")])


#: Key of each section, in reading order, and what makes it; None where it does not apply.
SECTIONS: Final[dict[str, Callable[[Sequence[Run]], Section | None]]] = {
    "answer": answer,
    "settings": settings,
    "pairs": pairs,
    "learning": learning,
    "classes": classes,
    "alone": alone,
    "again": again,
}


def sections(runs: Sequence[Run], told: Callable[[str], None] = lambda key: None) -> list[Section]:
    """Every section; see `applying`."""
    return applying(SECTIONS, runs, told)


def _known(run: Run) -> Answers | None:
    try:
        return answers(run)
    except (DataError, StorageError):
        return None


def _are_tested_alike(scored: Sequence[tuple[Run, Answers]]) -> bool:
    """Whether there are several, and all answered the same test images, however these were seen."""
    return len(scored) > 1 and answered_alike([(run.folder.manifest, known.labels) for run, known in scored])


def _drawn(drawn: int, begun: int, given: int) -> list[str]:
    """Which runs a chart of epochs shows, where these are not all that were given."""
    words = [f"Drawn: the first {drawn} of the {begun} runs that have epochs."] if drawn < begun else []
    none = f"Without an epoch, and so not drawn: {given - begun} of the {given} runs."
    return [*words, none] if begun < given else words


def _names(runs: Sequence[Run]) -> list[str]:
    return [named(run.id) for run in runs]


def _told(value: object) -> str | None:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return None if value is None else str(value)

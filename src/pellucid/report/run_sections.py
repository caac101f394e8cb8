"""What there is to say of a run, section by section, for the report and for the app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pellucid.errors import unknown_name
from pellucid.report.run import again, answers, images, inside, training
from pellucid.report.section import Section, applying
from pellucid.verbs.run import Run

#: Key of each section, in reading order, and what makes it: None where it does not apply to the run, a PellucidError
#: where it does and something is missing, such as its images.
SECTIONS: Final[dict[str, Callable[[Run], Section | None]]] = {
    "answer": answers.answer,
    "samples": images.samples,
    "network": training.network,
    "learning": training.learning,
    "classes": answers.classes,
    "confusion": answers.confusion,
    "calibration": answers.calibration,
    "mistakes": answers.mistakes,
    "filters": inside.filters,
    "statistics": inside.statistics,
    "weights": inside.weights,
    "maps": inside.maps,
    "rows": inside.rows,
    "atlas": inside.channels,
    "shifts": inside.shifts,
    "again": again.again,
}


def section(run: Run, key: str) -> Section | None:
    """One section of a run; None where it does not apply.

    Raises UsageError for an unknown key, and what keeps it from being made, a PellucidError.
    """
    if key not in SECTIONS:
        raise unknown_name("section", key, SECTIONS)
    return SECTIONS[key](run)


def sections(run: Run, told: Callable[[str], None] = lambda key: None) -> list[Section]:
    """Every section; see `applying`."""
    return applying(SECTIONS, run, told)

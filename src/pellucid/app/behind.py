"""The images behind a number: which test images a run got right, or took for what, and how sure it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from pellucid.displays.table import Table
from pellucid.report.run.answers import Answers, answers
from pellucid.verbs.run import Run

#: Images on one page.
PAGE: Final = 60
ANSWERS: Final = ("right", "wrong")
ORDERS: Final = {"surest": "surest first", "unsure": "least sure first", "number": "as in the data set"}


@dataclass(frozen=True)
class Selection:
    """Some of the test images. Everything in an address that is not understood is left out.

    true, said: numbers of classes. answers: one of `ANSWERS`. low, high: the confidence lies above the one and up to
    the other. None and "": any.
    """

    true: int | None = None
    said: int | None = None
    answers: str = ""
    low: float | None = None
    high: float | None = None
    order: str = "surest"
    page: int = 1

    @classmethod
    def read(cls, parameters: Iterable[tuple[str, str]]) -> Selection:
        """From an address's names and values."""
        given = dict(parameters)

        def share(name: str) -> float | None:
            try:
                value = float(given.get(name, "")[:30])
            except ValueError:
                return None
            return value if 0 <= value <= 1 else None

        return cls(
            true=_whole(given.get("true", "")),
            said=_whole(given.get("said", "")),
            answers=given["answers"] if given.get("answers") in ANSWERS else "",
            low=share("above"),
            high=share("upto"),
            order=given["order"] if given.get("order") in ORDERS else "surest",
            page=max(1, _whole(given.get("page", "")) or 1),
        )

    def address(self, run_id: str, **changes: Any) -> str:
        """The address of this selection of a run's images, with changes."""
        one, standard = replace(self, **changes), Selection()
        names = {"true": "true", "said": "said", "answers": "answers", "low": "above", "high": "upto"}
        names |= {"order": "order", "page": "page"}
        pairs = [
            (name, str(getattr(one, field)))
            for field, name in names.items()
            if getattr(one, field) != getattr(standard, field)
        ]
        return f"/run/{run_id}/images{'?' * bool(pairs)}{urlencode(pairs)}"

    def of(self, known: Answers) -> NDArray[np.int64]:
        """Numbers of the test images that are meant, in order."""
        predicted, sure = known.logits.argmax(1), known.probabilities.max(1)
        wanted = np.ones(len(known.labels), bool)
        if self.true is not None:
            wanted &= known.labels == self.true
        if self.said is not None:
            wanted &= predicted == self.said
        if self.answers:
            wanted &= (predicted == known.labels) == (self.answers == "right")
        if self.low:  # the lowest bin holds its lower edge
            wanted &= sure > self.low
        if self.high is not None:
            wanted &= sure <= self.high
        found = np.flatnonzero(wanted)
        if self.order != "number":
            found = found[np.argsort(sure[found] * (-1 if self.order == "surest" else 1), kind="stable")]
        return found.astype(np.int64)


def links(run: Run, key: str, table: Table) -> Mapping[tuple[int, int], str]:
    """Addresses of the images behind the cells of a table in the section `key`, by (row, column)."""

    def to(**fields: Any) -> str:
        return Selection(**fields).address(run.id)

    found: dict[tuple[int, int], str] = {}
    columns = tuple(table.columns)
    if key == "answer":
        names = [str(row[0]) for row in table.rows]
        if "test accuracy" in names:
            found[names.index("test accuracy"), 1] = to()
    elif key == "classes" and columns[:1] == ("class",):
        for k in range(len(table.rows)):
            found |= {(k, 0): to(true=k), (k, 1): to(said=k), (k, 2): to(true=k, answers="right"), (k, 4): to(true=k)}
    elif key == "confusion" and len(columns) == len(table.rows) + 1:
        for i, row in enumerate(table.rows):
            found |= {(i, j + 1): to(true=i, said=j) for j, count in enumerate(row[1:]) if count}
    elif key == "calibration" and columns[:1] == ("confidence",):
        bins = answers(run).found.calibration
        some = [k for k, count in enumerate(bins.count) if count]
        for k, one in enumerate(some):
            span = {"low": bins.edges[one], "high": bins.edges[one + 1]}
            found |= {(k, 1): to(**span), (k, 3): to(**span, answers="right")}
    elif key == "samples" and columns[:1] == ("split",) and run.status == "finished":  # else nothing is answered yet
        found[[row[0] for row in table.rows].index("test"), 1] = to(order="number")
    return found


def _whole(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 8 else None

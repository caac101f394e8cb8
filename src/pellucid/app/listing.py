"""Which runs are listed, in which order, and how: the whole state of a list, as its address has it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from statistics import fmean
from typing import Any, Final
from urllib.parse import urlencode

from pellucid.evaluation.comparison import Summary, summary

Row = Mapping[str, Any]

#: Columns that a list can be sorted by: their words, and whether the highest comes first at the first click.
COLUMNS: Final = {
    "network": ("network", False),
    "dataset": ("data", False),
    "optimizer": ("optimizer", False),
    "lr": ("rate", False),
    "epochs": ("epochs", True),
    "validation_accuracy": ("validation", True),
    "test_accuracy": ("test", True),
    "seconds": ("time", False),
    "created": ("begun", True),
}
#: What can be drawn against the epochs.
METRICS: Final = {
    "validation_accuracy": "validation accuracy",
    "validation_loss": "validation loss",
    "train_accuracy": "training accuracy",
    "train_loss": "training loss",
    "test_accuracy": "test accuracy",
    "lr": "learning rate",
    "gradient_norm": "gradient norm",
}
STATUSES: Final = ("running", "interrupted", "finished", "diverged", "broken")
#: Lines of a list on one page.
PAGE: Final = 50
#: Runs whose curves are drawn at once, and configurations whose specs are set beside each other.
MOST_DRAWN: Final = 40
_CONDITION = re.compile(r"(\w+)(<=|>=|<|>|=)(.+)")
#: What `configuration` gives, and no run is called: those end in a seed and a digest.
_CONFIGURATION = re.compile(r"c-[0-9a-f]+")
#: Why a run says nothing of its configuration, by its status.
_LEFT_OUT: Final = {
    "running": "still in training",
    "interrupted": "interrupted",
    "diverged": "which diverged",
    "broken": "broken",
}
_SHORT = {"data": "dataset", "test": "test_accuracy", "validation": "validation_accuracy", "rate": "lr"}
#: What a training gives: of several seeds the mean is asked for, as it is shown. All else is asked of each run.
_MEASURED: Final = frozenset(
    {"epochs", "seconds"}
    | {f"{split}_{value}" for split in ("train", "validation", "test") for value in ("accuracy", "loss")}
)


@dataclass(frozen=True)
class Query:
    """What is asked of a list. Everything in an address that is not understood is left out.

    words: of the search; each must be found, or hold where it is a condition such as ``lr<0.01``. chosen: ids of
    runs, and of configurations as ``c-`` and their digits; as many as an address holds. opened: configurations whose
    seeds are listed too.
    """

    words: str = ""
    status: str = ""
    network: str = ""
    dataset: str = ""
    sort: str = "created"
    descending: bool = True
    grouped: bool = True
    page: int = 1
    chosen: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()
    metric: str = "validation_accuracy"

    @classmethod
    def read(cls, parameters: Iterable[tuple[str, str]]) -> Query:
        """From an address's names and values."""
        given: dict[str, list[str]] = {}
        for name, value in parameters:
            given.setdefault(name, []).append(value)

        def one(name: str, valid: Iterable[str] | None = None, default: str = "") -> str:
            value = given.get(name, [default])[-1]
            return value if valid is None or value in valid else default

        sort = one("sort", default="-created")
        column = sort.removeprefix("-")
        page = one("page", default="1")
        return cls(
            words=one("q")[:200],
            status=one("status", STATUSES),
            network=one("network")[:200],
            dataset=one("data")[:200],
            sort=column if column in COLUMNS else "created",
            descending=sort.startswith("-") if column in COLUMNS else True,
            grouped=one("group") != "none",
            page=int(page) if page.isdecimal() and 0 < int(page[:9]) < 10**6 else 1,
            chosen=_unique(given.get("run", [])),
            opened=_unique(given.get("open", [])),
            metric=one("metric", METRICS, "validation_accuracy"),
        )

    def address(self, path: str = "/runs", **changes: Any) -> str:
        """The address of this state, with changes; what is as by default is left out."""
        one = replace(self, **changes)
        standard = Query()
        pairs: list[tuple[str, str]] = []
        for name, field in (("q", "words"), ("status",) * 2, ("network",) * 2, ("data", "dataset"), ("metric",) * 2):
            if getattr(one, field) != getattr(standard, field):
                pairs.append((name, getattr(one, field)))
        if (one.sort, one.descending) != (standard.sort, standard.descending):
            pairs.append(("sort", f"{'-' * one.descending}{one.sort}"))
        if not one.grouped:
            pairs.append(("group", "none"))
        if one.page != 1:
            pairs.append(("page", str(one.page)))
        pairs += [("open", name) for name in one.opened] + [("run", name) for name in one.chosen]
        return f"{path}?{urlencode(pairs)}" if pairs else path

    def sorted_by(self, column: str) -> str:
        """The address of the same list by a column; of the other order where it is sorted by it."""
        descending = not self.descending if column == self.sort else COLUMNS[column][1]
        return self.address(sort=column, descending=descending, page=1)

    def toggled(self, name: str) -> str:
        """The address with a configuration's seeds opened or closed."""
        opened = tuple(one for one in self.opened if one != name)
        return self.address(opened=opened if name in self.opened else (*opened, name))

    def keeps(self, line: Line) -> bool:
        """Whether a line is listed, whole: its means are as asked, and one of its runs is all else that is asked."""
        words = self.words.split()
        of_means = [found for found in map(_condition, words) if found is not None and found[0] in _MEASURED]
        if not all(_compares(line.mean(name), sign, text) for name, sign, text in of_means):
            return False
        of_runs = [word for word in words if _condition(word) not in of_means]
        wanted = [("status", self.status), ("network", self.network), ("dataset", self.dataset)]
        return any(
            all(not value or row.get(name) == value for name, value in wanted)
            and all(_holds(word, row) for word in of_runs)
            for row in line.runs
        )

    def chosen_runs(self, rows: Sequence[Row]) -> list[Row]:
        """The runs that are chosen, in the order chosen; of a configuration, its seeds in order."""
        by_id = {str(row["id"]): row for row in rows}
        seeds = _by_configuration(rows)
        found: dict[str, Row] = {}
        for name in self.chosen:
            for row in [by_id[name]] if name in by_id else seeds.get(name, ()):
                found[str(row["id"])] = row
        return list(found.values())

    def lost(self, rows: Sequence[Row]) -> list[Row]:
        """The runs that are chosen and are not there (any more), as rows of which the name alone is known."""
        there = {str(row["id"]) for row in rows}
        return [{"id": name} for name in self.chosen if name not in there and not _CONFIGURATION.fullmatch(name)]


@dataclass(frozen=True)
class Line:
    """One line of a list: a configuration with its seeds, or one run."""

    runs: tuple[Row, ...]

    @property
    def first(self) -> Row:
        return self.runs[0]

    @property
    def key(self) -> str:
        """What chooses it in an address."""
        return configuration(self.first) if len(self.runs) > 1 else str(self.first["id"])

    @property
    def seeds(self) -> str:
        """``0–4``, ``0, 2, 5``, or how many."""
        seeds = sorted(_seed(row) for row in self.runs)
        if len(seeds) > 2 and seeds == list(range(seeds[0], seeds[-1] + 1)):
            return f"{seeds[0]}–{seeds[-1]}"
        return ", ".join(map(str, seeds)) if len(seeds) < 5 else f"{len(seeds)} seeds"

    @property
    def statuses(self) -> dict[str, int]:
        """How many runs are in which status, in the order of `STATUSES`."""
        found = {one: sum(row["status"] == one for row in self.runs) for one in STATUSES}
        return {one: count for one, count in found.items() if count}

    @cached_property
    def validation(self) -> Summary | None:
        return self._summary("validation_accuracy")

    @cached_property
    def test(self) -> Summary | None:
        return self._summary("test_accuracy")

    def mean(self, column: str) -> Any:
        """What the line is sorted by: the mean of numbers, else the first run's value. None where there is none."""
        values = [row.get(column) for row in self.runs]
        if column == "created":
            return max((value or "" for value in values), default="")
        numbers = self._numbers(column)
        if numbers:
            return fmean(numbers)
        return None if column in _MEASURED else values[0]

    def left_out(self) -> dict[str, int]:
        """How many runs say nothing of the configuration's test accuracy, by why, in words."""
        found: dict[str, int] = {}
        for row in self.runs:
            if row["status"] != "finished":
                why = _LEFT_OUT.get(row["status"], str(row["status"]))
            elif row.get("test_accuracy") is None:
                why = "without test images"
            else:
                continue
            found[why] = found.get(why, 0) + 1
        return found

    def _numbers(self, column: str) -> tuple[float, ...]:
        """What is known of it; accuracies and losses of the runs that are finished, of all where none is."""
        rows: Sequence[Row] = self.runs
        if column.endswith(("_accuracy", "_loss")):
            rows = [row for row in rows if row["status"] == "finished"] or rows
        return tuple(row[column] for row in rows if isinstance(row.get(column), (int, float)))

    def _summary(self, column: str) -> Summary | None:
        values = self._numbers(column)
        return _summarised(values) if values else None


@dataclass(frozen=True)
class Listed:
    """One page of a list. number: of the page, from 1. lines, runs: how many there are on all pages."""

    page: tuple[Line, ...]
    number: int
    lines: int
    runs: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.lines // PAGE))

    @property
    def span(self) -> tuple[float, float]:
        """The lowest and highest end of this page's intervals of test accuracies: one axis for all."""
        ends = [
            value
            for line in self.page
            if line.test is not None
            for value in (line.test.low, line.test.high, line.test.mean)
            if value == value
        ]
        low, high = (max(0.0, min(ends)), min(1.0, max(ends))) if ends else (0.0, 1.0)
        return (low, high) if high - low > 1e-3 else (low - 5e-4, low + 5e-4)

    def place(self, value: float) -> float:
        """Where a test accuracy lies on that axis, 0 to 100."""
        low, high = self.span
        return round(100 * min(1.0, max(0.0, (value - low) / (high - low))), 2)


def listed(rows: Sequence[Row], query: Query) -> Listed:
    """The page of `rows` (newest first) that `query` asks for. A configuration is listed with all of its seeds."""
    lines = [line for line in _lines(rows, grouped=query.grouped) if query.keeps(line)]
    if query.sort != "created" or not query.descending or query.grouped:
        known = [line for line in lines if line.mean(query.sort) is not None]
        rest = [line for line in lines if line.mean(query.sort) is None]
        known.sort(key=lambda line: _ordered(line.mean(query.sort)), reverse=query.descending)
        lines = known + rest  # what has no number stands last, whichever way
    number = min(query.page, max(1, -(-len(lines) // PAGE)))
    start = (number - 1) * PAGE
    return Listed(tuple(lines[start : start + PAGE]), number, len(lines), sum(len(line.runs) for line in lines))


def configuration(row: Row) -> str:
    """What chooses all seeds of a run's configuration; a broken run is alone."""
    return f"c-{row['configuration']}" if row.get("configuration") else str(row["id"])


def _lines(rows: Sequence[Row], *, grouped: bool) -> list[Line]:
    if not grouped:
        return [Line((row,)) for row in rows]
    return [Line(tuple(group)) for group in _by_configuration(rows).values()]


def _by_configuration(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The runs of each configuration, in the order of their seeds."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(configuration(row), []).append(row)
    return {key: sorted(group, key=_seed) for key, group in groups.items()}


@lru_cache(maxsize=256)
def _condition(word: str) -> tuple[str, str, str] | None:
    """``test>98%`` as the column, the sign and what is on its right; None for another word."""
    found = _CONDITION.fullmatch(word)
    return (_SHORT.get(found[1], found[1]), found[2], found[3]) if found else None


def _holds(word: str, row: Row) -> bool:
    condition = _condition(word)
    if condition is not None and (condition[0] in row or condition[0] in _SHORT.values()):
        return _compares(row.get(condition[0]), *condition[1:])
    texts = (row.get(name) for name in ("id", "network", "dataset", "optimizer", "status", "options"))
    return any(word.lower() in str(text).lower() for text in texts if text)


def _compares(value: Any, sign: str, text: str) -> bool:
    try:
        wanted = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        found = float(value)
    except (TypeError, ValueError):
        return sign == "=" and str(value).lower() == text.lower()
    return {"=": found == wanted, "<": found < wanted, ">": found > wanted, "<=": found <= wanted}.get(
        sign, found >= wanted
    )


def _seed(row: Row) -> int:
    seed = row.get("seed")
    return seed if isinstance(seed, int) else 0


def _ordered(value: Any) -> tuple[bool, Any]:
    return (True, value.lower()) if isinstance(value, str) else (False, value)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if 0 < len(name) <= 130))


@lru_cache(maxsize=4096)
def _summarised(values: tuple[float, ...]) -> Summary:
    """Of accuracies."""
    return summary(values, within=(0.0, 1.0))

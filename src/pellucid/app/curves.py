"""Numbers by epoch of several runs, as they are now and as they change while training goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.app.library import UNREADABLE, Library, NoSuchRunError
from pellucid.app.listing import Row, configuration
from pellucid.displays.display import plain
from pellucid.report.section import named


def labels(rows: Sequence[Row]) -> dict[str, str]:
    """A name for each configuration among `rows`: what sets them apart, no more."""
    groups = {configuration(row): _words(row) for row in rows}
    known = [words for words in groups.values() if words.get("network") is not None]
    names = list(dict.fromkeys(name for words in known for name in words))
    differing = [name for name in names if len({words.get(name) for words in known}) > 1]
    found = {}
    for key, words in groups.items():
        if words.get("network") is None:  # nothing can be read of it
            found[key] = key
            continue
        told = [word for name in differing if (word := words.get(name))]
        found[key] = " ".join(told) or f"{words['network']} on {words['dataset']}"
    alike = {name for name, count in Counter(found.values()).items() if count > 1}
    # what sets them apart is in the network's own options, or in its layers: the configuration's digits do
    return {key: f"{name} ({key.removeprefix('c-')[:6]})" if name in alike else name for key, name in found.items()}


def _words(row: Row) -> dict[str, str | None]:
    """What a configuration is, name by name, each as it is said."""
    words: dict[str, str | None] = {
        name: named(row[name], 60) if row.get(name) else None for name in ("network", "dataset", "optimizer")
    }
    words["lr"] = f"lr={row['lr']:g}" if isinstance(row.get("lr"), (int, float)) else None
    for option in named(row.get("options") or "", 400).split():
        words[option.partition("=")[0]] = option
    return words


class Follower:
    """Follows some runs: each call of `changes` tells the series that are new or longer than at the call before.

    metric: a number of `EpochRecord`.
    """

    def __init__(self, library: Library, rows: Sequence[Row], metric: str) -> None:
        self._library, self._metric = library, metric
        self._rows, self._labels = list(rows), labels(rows)
        self._seen: dict[str, object] = {}

    def changes(self) -> list[dict[str, Any]]:
        """Per run: `id`, `group` and its `label`, `seed`, `status`, `epochs` planned, `x` and `y`."""
        found = []
        for row in self._rows:
            run_id = str(row["id"])
            stamp, told = self._look(run_id, row)
            if self._seen.get(run_id, ()) != stamp:
                self._seen[run_id] = stamp
                found.append({**told, "x": [], "y": [], **self._numbers(run_id, told["status"])})
        return found

    def _look(self, run_id: str, row: Row) -> tuple[object, dict[str, Any]]:
        group = configuration(row)
        told = {"id": run_id, "group": group, "label": self._labels[group], "seed": row.get("seed")}
        try:
            run = self._library.run(run_id)
            told["status"] = run.status
            told["epochs"] = run.spec.recipe.epochs
            metrics = (run.path / "metrics.jsonl").stat()
            return (told["status"], metrics.st_size, metrics.st_mtime_ns), told
        except NoSuchRunError:
            return "gone", {**told, "status": "gone", "epochs": None}
        except OSError:  # no epoch is over yet
            return told["status"], told
        except UNREADABLE:
            return "broken", {**told, "status": "broken", "epochs": None}

    def _numbers(self, run_id: str, status: str) -> Mapping[str, Any]:
        if status in ("gone", "broken"):
            return {}
        try:
            lines = self._library.run(run_id).folder.metrics()
            return {"x": [line["epoch"] for line in lines], "y": plain([line.get(self._metric) for line in lines])}
        except UNREADABLE:
            return {"status": "broken"}

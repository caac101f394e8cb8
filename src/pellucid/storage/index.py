"""A table over all run folders that can be thrown away at any time.

The folders are the truth. The index keeps each run's row with the (mtime_ns, size) of the files that it was made from
and reads again only those that changed. It is an SQLite file in the folder of runs; where that cannot be opened or
written, the same table lives in memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from contextlib import closing
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from typing import Any

from pellucid.errors import PellucidError
from pellucid.spec.augmentation import Augmentation
from pellucid.spec.data import DataSpec
from pellucid.spec.recipe import Recipe
from pellucid.spec.run import RunSpec
from pellucid.storage.run_folder import RunFolder, is_locked

_FILES = ("run.json", "metrics.jsonl", "result.json")
#: The number goes up when rows change their form; rows of an older form are made anew.
_NAME = "runs_3"
#: What a run that is there may be; a damaged one is "broken".
_STATUSES = ("interrupted", "finished", "diverged")
_SCORES = tuple(f"{split}_{value}" for split in ("train", "validation", "test") for value in ("accuracy", "loss"))
#: Kinds of a row's values; any may be None.
_TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("network", "dataset", "optimizer", "created"), str),
    **dict.fromkeys(("lr", "seconds", *_SCORES), (int, float)),
    "seed": int,
}
_TABLE = f"CREATE TABLE IF NOT EXISTS {_NAME} (id TEXT PRIMARY KEY, signature TEXT NOT NULL, row TEXT NOT NULL)"


class RunIndex:
    """The rows of all runs below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def rows(self) -> list[dict[str, Any]]:
        """One dict a run, newest first: id, status, network, dataset, optimizer, lr, seed, epochs, the accuracy and
        loss of each split at the best epoch (of the last one while it trains), seconds, created; configuration: the
        same for runs that differ in their seed alone; options: what else differs from the defaults, in words.

        A damaged run is a row of status "broken" with its reason.
        """
        if not self.root.is_dir():
            return []
        try:
            return self._refreshed(self.root / ".index.sqlite")
        except sqlite3.Error:
            pass
        try:  # damaged, or not a database: begin again
            (self.root / ".index.sqlite").unlink(missing_ok=True)
            return self._refreshed(self.root / ".index.sqlite")
        except (sqlite3.Error, OSError):
            return self._refreshed(":memory:")

    def _refreshed(self, where: Path | str) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(where, timeout=2.0)) as database, database:
            database.execute(_TABLE)
            known = {
                run_id: (signature, row) for run_id, signature, row in database.execute(f"SELECT * FROM {_NAME}")
            }
            rows, changed = [], []
            names = set()
            for name in sorted(os.listdir(self.root)):  # noqa: PTH208  (names alone are wanted)
                signature = None if name.startswith(".") else _signature(f"{self.root}/{name}")
                if signature is None:  # no run
                    continue
                names.add(name)
                if name in known and known[name][0] == signature:
                    row = json.loads(known[name][1])
                else:
                    row = _row(self.root, name)
                    changed.append((name, signature, json.dumps(row)))
                if row["status"] == "interrupted" and is_locked(self.root / name):
                    row["status"] = "running"
                rows.append(row)
            gone = [(name,) for name in known.keys() - names]
            database.executemany(f"INSERT OR REPLACE INTO {_NAME} VALUES (?, ?, ?)", changed)
            database.executemany(f"DELETE FROM {_NAME} WHERE id = ?", gone)
        return sorted(rows, key=lambda row: (row.get("created") or "", row["id"]), reverse=True)


def _signature(folder: str) -> str | None:
    """Times and sizes of the files that a row is made of; None where there is no run. Quick: asked of every run."""
    parts = []
    for name in _FILES:
        try:
            found = os.stat(f"{folder}/{name}")  # noqa: PTH116  (a Path for each takes longer than the rest)
            parts.append(f"{found.st_mtime_ns}:{found.st_size}")
        except OSError:
            if name == "run.json":
                return None
            parts.append("-")
    return " ".join(parts)


def _row(root: Path, name: str) -> dict[str, Any]:
    """The row of a run; a broken one where it cannot be made, whatever the reason: no run hides the others."""
    try:
        return _checked(_read(root, name))
    except (PellucidError, OSError) as error:
        reason = str(error)
    except Exception as error:  # files that are whole, and say what no run says
        told = f"{type(error).__name__}: {error}"[:200]
        reason = (
            f"{root / name}: expected the files of a run, found what none says ({told}). Restore it from a copy, or "
            f"delete it: pellucid runs delete {name}"
        )
    return {"id": name, "status": "broken", "reason": reason, "created": None}


def _checked(row: dict[str, Any]) -> dict[str, Any]:
    """The row; TypeError or ValueError where a value is not of the kind that lists search, sort and draw."""
    for name, wanted in _TYPES.items():
        value = row[name]
        if value is not None and (isinstance(value, bool) or not isinstance(value, wanted)):
            raise TypeError(f"{name} is {type(value).__name__}")
    if row["status"] not in _STATUSES:
        raise ValueError(f"status is {row['status']!r}")
    return row


def _read(root: Path, name: str) -> dict[str, Any]:
    folder = RunFolder.open(root, name)
    manifest, metrics, result = folder.manifest, folder.metrics(), folder.result()
    spec = manifest.get("spec", {})
    recipe = spec.get("recipe", {})
    numbers = result or (metrics[-1] if metrics else {})
    return {
        "id": name,
        "status": result["status"] if result else "interrupted",
        "network": spec.get("network", {}).get("name"),
        "dataset": spec.get("data", {}).get("name"),
        "optimizer": recipe.get("optimizer"),
        "lr": recipe.get("lr"),
        "seed": spec.get("seed"),
        "epochs": len(metrics),
        **{score: numbers.get(score) for score in _SCORES},
        "seconds": numbers.get("seconds"),
        "created": manifest.get("created"),
        "configuration": _configuration(spec),
        "options": _options(spec),
    }


def _configuration(spec: dict[str, Any]) -> str:
    """Ten digits of the SHA-256 of a spec without its seed."""
    rest = {key: value for key, value in spec.items() if key != "seed"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, default=str).encode()).hexdigest()[:10]


def _options(spec: dict[str, Any]) -> str:
    """``batch_size=128 subset=2000``: fields that are not as they are by default, but for those with a column."""
    recipe = spec.get("recipe", {})
    parts = {**spec, **spec.get("data", {}), **recipe, **recipe.get("augmentation", {})}
    found = []
    for name, default in _defaults().items():
        value = parts.get(name, default)
        value = tuple(value) if isinstance(value, list) else value
        if value != default:
            word = "+".join(map(str, value)) if isinstance(value, tuple) else value
            found.append(f"{name}={word:g}" if isinstance(word, float) else f"{name}={word}")
    return " ".join(found)


@cache
def _defaults() -> dict[str, Any]:
    columns = {"name", "path", "optimizer", "lr", "seed"}
    return {
        item.name: item.default
        for owner in (Recipe, Augmentation, DataSpec, RunSpec)
        for item in fields(owner)
        if item.default is not MISSING and item.name not in columns
    }

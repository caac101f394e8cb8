"""A table over all run folders that can be thrown away at any time.

The folders are the truth. The index keeps each run's row with the (mtime_ns, size) of the files that it was made from
and reads again only those that changed. It is an SQLite file in the folder of runs; where that cannot be opened or
written, the same table lives in memory.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from pellucid.errors import PellucidError
from pellucid.storage.run_folder import RunFolder, is_locked
from pellucid.storage.runs_root import run_ids

_FILES = ("run.json", "metrics.jsonl", "result.json")
_TABLE = "CREATE TABLE IF NOT EXISTS runs_1 (id TEXT PRIMARY KEY, signature TEXT NOT NULL, row TEXT NOT NULL)"


class RunIndex:
    """The rows of all runs below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def rows(self) -> list[dict[str, Any]]:
        """One dict a run, newest first: id, status, network, dataset, optimizer, lr, seed, epochs, the accuracy and
        loss of each split at the best epoch (of the last one while it trains), seconds, created.

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
            known = {run_id: (signature, row) for run_id, signature, row in database.execute("SELECT * FROM runs_1")}
            rows, changed = [], []
            names = run_ids(self.root)
            for name in names:
                signature = _signature(self.root / name)
                if name in known and known[name][0] == signature:
                    row = json.loads(known[name][1])
                else:
                    row = _row(self.root, name)
                    changed.append((name, signature, json.dumps(row)))
                if is_locked(self.root / name):
                    row["status"] = "running"
                rows.append(row)
            gone = [(name,) for name in known.keys() - set(names)]
            database.executemany("INSERT OR REPLACE INTO runs_1 VALUES (?, ?, ?)", changed)
            database.executemany("DELETE FROM runs_1 WHERE id = ?", gone)
        return sorted(rows, key=lambda row: (row.get("created") or "", row["id"]), reverse=True)


def _signature(folder: Path) -> str:
    parts = []
    for name in _FILES:
        try:
            found = (folder / name).stat()
            parts.append(f"{found.st_mtime_ns}:{found.st_size}")
        except OSError:
            parts.append("-")
    return " ".join(parts)


def _row(root: Path, name: str) -> dict[str, Any]:
    try:
        folder = RunFolder.open(root, name)
        manifest, metrics, result = folder.manifest, folder.metrics(), folder.result()
    except (PellucidError, OSError) as error:
        return {"id": name, "status": "broken", "reason": str(error), "created": None}
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
        **{
            f"{split}_{value}": numbers.get(f"{split}_{value}")
            for split in ("train", "validation", "test")
            for value in ("accuracy", "loss")
        },
        "seconds": numbers.get("seconds"),
        "created": manifest.get("created"),
    }

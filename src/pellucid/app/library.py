"""The runs of the served folder, opened once and kept while they are asked for."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from importlib import import_module
from math import inf
from pathlib import Path
from threading import Lock
from typing import Any, Final, TypeVar

import anyio
from anyio import CapacityLimiter

from pellucid.engines.engine import Model
from pellucid.errors import UsageError
from pellucid.storage.index import RunIndex
from pellucid.storage.run_folder import RunFolder, check_id
from pellucid.verbs.run import Run

#: Runs, with their images and models, that are kept open.
KEPT: Final = 8
#: Computations at a time; more of them would only slow each other down.
AT_ONCE: Final = 2
#: Seconds for which a list of runs is taken for the present one.
ROW_SECONDS: Final = 0.5
#: What pages import when they first need it.
HEAVY: Final = ("torch", "altair", "vl_convert", "scipy.stats", "scipy.special", "sklearn.metrics", "pydantic")

T = TypeVar("T")


class NoSuchRunError(UsageError):
    """A run that is not in the folder, or no longer."""


class Library:
    """Runs by their id, which is a name and never a path. Safe to ask from many threads."""

    def __init__(self, root: Path, *, kept: int = KEPT) -> None:
        self.root = root
        self._kept = kept
        self._lock, self._reading, self._importing = Lock(), Lock(), Lock()
        self._rows: list[dict[str, Any]] = []
        self._read = -inf
        self._open: OrderedDict[str, _Opened] = OrderedDict()
        self._limiter: CapacityLimiter | None = None

    def rows(self) -> list[dict[str, Any]]:
        """One dict a run, newest first, at most half a second old; see `RunIndex.rows`. Not to be changed."""
        with self._reading:
            if time.monotonic() - self._read > ROW_SECONDS:
                self._rows, self._read = RunIndex(self.root).rows(), time.monotonic()
            return self._rows

    def stamp(self) -> int:
        """A number that changes when the list of runs does."""
        return hash(tuple((row["id"], row["status"], row.get("epochs")) for row in self.rows()))

    def forget(self) -> None:
        """Reads the list anew when it is next asked for: something was just changed."""
        self._read = -inf

    def run(self, run_id: str) -> Run:
        """The run of this very id.

        Raises NoSuchRunError where there is none (any more), StorageError where its manifest is damaged.
        """
        return self._opened(run_id).run

    def model(self, run_id: str, *, weights: str = "best") -> Model:
        """The run's network with its "best" or "last" weights, as PyTorch computes it; see `Run.inspected`.

        Built once; while a run is trained its weights change, so then it is built anew for each question.
        """
        return self._opened(run_id).model(weights)

    def warm(self) -> None:
        """Imports what draws and computes, once: two threads that do so at a time may block each other for ever."""
        with self._importing:
            for name in HEAVY:
                import_module(name)

    async def compute(self, function: Callable[..., T], *arguments: Any) -> T:
        """`function` in a thread, so that the server goes on answering; no more than two such at a time."""
        if self._limiter is None:
            self._limiter = CapacityLimiter(AT_ONCE)
        return await anyio.to_thread.run_sync(function, *arguments, limiter=self._limiter)

    def _opened(self, run_id: str) -> _Opened:
        self.warm()
        manifest = self._manifest(run_id)
        stamp = manifest.stat().st_mtime_ns
        with self._lock:
            found = self._open.get(run_id)
            if found is None or found.stamp != stamp:  # deleted meanwhile, and trained anew
                found = _Opened(Run(RunFolder.open(self.root, run_id)), stamp)
            self._open[run_id] = found
            self._open.move_to_end(run_id)
            while len(self._open) > self._kept:
                self._open.popitem(last=False)
        return found

    def _manifest(self, run_id: str) -> Path:
        try:
            there = _is_run(self.root, run_id)
        except (UsageError, OSError):
            there = False
        if not there:
            with self._lock:
                self._open.pop(run_id, None)
            raise NoSuchRunError(f"run {run_id[:140]}: expected it in the served folder, found it is not (any more).")
        return self.root / run_id / "run.json"


class _Opened:
    """A run with the models that were built of it."""

    def __init__(self, run: Run, stamp: int) -> None:
        self.run, self.stamp = run, stamp
        self._lock = Lock()
        self._models: dict[str, Model] = {}

    def model(self, weights: str) -> Model:
        with self._lock:
            if weights in self._models:
                return self._models[weights]
            model = self.run.inspected(weights=weights)
            if self.run.status in ("finished", "diverged"):
                self._models[weights] = model
            return model


def _is_run(root: Path, run_id: str) -> bool:
    check_id(run_id)
    return RunFolder.exists(root, run_id)

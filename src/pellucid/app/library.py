"""The runs of the served folder, opened once and kept while they are asked for."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from math import inf
from pathlib import Path
from threading import Lock
from typing import Any, Final, TypeVar

import anyio
from anyio import CapacityLimiter
from starlette.requests import Request

from pellucid.engines.engine import Model
from pellucid.errors import PellucidError, UsageError, unknown_name
from pellucid.storage.index import RunIndex
from pellucid.storage.run_folder import RunFolder, check_id, is_locked
from pellucid.storage.study_folder import StudyFolder
from pellucid.verbs.atlas import Atlas, kept_atlas
from pellucid.verbs.live import Live
from pellucid.verbs.run import Run
from pellucid.verbs.studied import Studied
from pellucid.verbs.study import load_study

#: Runs, with their images and models, that are kept open.
KEPT: Final = 8
#: Computations at a time; more of them would only slow each other down.
AT_ONCE: Final = 2
#: Computations that wait their turn or are under way, at most.
WAITING: Final = 100
#: Seconds for which a list of runs is taken for the present one.
ROW_SECONDS: Final = 0.5
#: Seconds for which a study is not read again: the sections of one page agree.
STUDY_SECONDS: Final = 5.0
#: What pages import when they first need it.
HEAVY: Final = ("torch", "altair", "vl_convert", "scipy.stats", "scipy.special", "sklearn.metrics", "pydantic")

#: What a run raises whose files are whole and say what no run says.
UNREADABLE: Final = (PellucidError, AttributeError, KeyError, TypeError, ValueError)

T = TypeVar("T")


class NoSuchRunError(UsageError):
    """A run that is not in the folder, or no longer."""


class BusyError(PellucidError):
    """More is asked than can be computed: ask again a little later."""


class Library:
    """Runs by their id, which is a name and never a path. Safe to ask from many threads."""

    def __init__(self, root: Path, *, kept: int = KEPT) -> None:
        self.root = root
        self._kept = kept
        self._lock, self._reading, self._importing = Lock(), Lock(), Lock()
        self._studying = Lock()
        self._studies: dict[str, tuple[float, Studied]] = {}
        self._rows: list[dict[str, Any]] = []
        self._read = -inf
        self._open: OrderedDict[str, _Opened] = OrderedDict()
        self._limiter: CapacityLimiter | None = None
        self._slow_limiter: CapacityLimiter | None = None
        self._waiting = 0

    def rows(self) -> list[dict[str, Any]]:
        """One dict a run, newest first, at most half a second old; see `RunIndex.rows`. Not to be changed."""
        with self._reading:
            if time.monotonic() - self._read > ROW_SECONDS:
                self._rows, self._read = RunIndex(self.root).rows(), time.monotonic()
            return self._rows

    def stamp(self) -> str:
        """The `stamp` of the present list."""
        return stamp(self.rows())

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

    def live(self, run_id: str) -> Live:
        """The run's network held ready for pictures; taken anew once its best weights have changed."""
        return self._opened(run_id).live()

    def atlas(self, run_id: str) -> Atlas | None:
        """The atlas of the run's training images; None where it has not been made, or is of other weights."""
        return self._opened(run_id).atlas()

    def studies(self) -> list[dict[str, Any]]:
        """The studies of the folder: what they ask, how far they are; `reason` where that is unreadable."""
        found = []
        over = {str(row["id"]) for row in self.rows() if row["status"] in ("finished", "diverged", "broken")}
        for path in sorted(self.root.glob("studies/*/study.json")):
            try:
                found.append(_study_row(StudyFolder(self.root, path.parent.name), over))
            except (PellucidError, KeyError, TypeError, ValueError) as error:
                found.append({"name": path.parent.name, "reason": str(error), "changed": None})
        return found

    def study(self, name: str) -> Studied:
        """A study with what its runs have given, at most a few seconds old.

        Raises UsageError where there is none of this name.
        """
        self.warm()
        known = [one["name"] for one in self.studies()]
        if name not in known:
            raise unknown_name("study", name[:120], known)
        with self._studying:
            made, found = self._studies.get(name, (-inf, None))
            if found is None or time.monotonic() - made > STUDY_SECONDS:
                found = load_study(name, runs=self.root)
                self._studies = {name: (time.monotonic(), found)}
            return found

    def warm(self) -> None:
        """Imports what draws and computes, once: two threads that do so at a time may block each other for ever.

        Before Python 3.11.8 even reading an array from a file may fail beside it (see `catalog.summary`), so that all
        that is computed waits for it.
        """
        with self._importing:
            for name in HEAVY:
                import_module(name)

    async def compute(self, function: Callable[..., T], *arguments: Any) -> T:
        """`function` in a thread, so that the server goes on answering; at most two such at a time.

        Raises BusyError where `WAITING` are asked for already.
        """
        if self._limiter is None:
            self._limiter = CapacityLimiter(AT_ONCE)
        return await self._in_turn(self._limiter, function, *arguments)

    async def draw(self, request: Request, function: Callable[..., T], *arguments: Any) -> T:
        """Like `compute`, in a line of its own, for what may take seconds: quick questions do not wait for it.

        What nobody waits for any more leaves the line; what is under way goes on to its end.
        """
        if self._slow_limiter is None:
            self._slow_limiter = CapacityLimiter(AT_ONCE)
        outcome: list[T | Exception] = []
        async with anyio.create_task_group() as group:

            async def leave() -> None:
                while (await request.receive())["type"] != "http.disconnect":
                    pass
                group.cancel_scope.cancel()

            group.start_soon(leave)
            try:
                outcome.append(await self._in_turn(self._slow_limiter, function, *arguments))
            except Exception as error:  # as it is, not in a group of errors
                outcome.append(error)
            group.cancel_scope.cancel()
        if not outcome:
            raise BusyError("server: expected somebody to wait for this, found that the page was left.")
        if isinstance(outcome[0], Exception):
            raise outcome[0]
        return outcome[0]

    async def _in_turn(self, limiter: CapacityLimiter, function: Callable[..., T], *arguments: Any) -> T:
        if self._waiting >= WAITING:
            raise BusyError(f"server: expected at most {WAITING} questions at a time, found more. Ask again.")
        self._waiting += 1

        def warmed() -> T:
            self.warm()
            return function(*arguments)

        try:
            return await anyio.to_thread.run_sync(warmed, limiter=limiter)
        finally:
            self._waiting -= 1

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
        self._live: tuple[int, Live] | None = None
        self._atlas: tuple[int, Atlas] | None = None

    def model(self, weights: str) -> Model:
        with self._lock:
            if weights in self._models:
                return self._models[weights]
            model = self.run.inspected(weights=weights)
            if self.run.status in ("finished", "diverged"):
                self._models[weights] = model
            return model

    def live(self) -> Live:
        with self._lock:
            weights = self._weights_stamp()
            if self._live is None or self._live[0] != weights:
                self._live = weights, Live(self.run)
            return self._live[1]

    def atlas(self) -> Atlas | None:
        with self._lock:
            weights = self._weights_stamp()
            if self._atlas is None or self._atlas[0] != weights:
                found = kept_atlas(self.run)
                if found is None:
                    return None
                self._atlas = weights, found
            return self._atlas[1]

    def _weights_stamp(self) -> int:
        """When the best weights were written; 0 where there are none yet."""
        path = self.run.path / "best.safetensors"
        return path.stat().st_mtime_ns if path.exists() else 0


def unreadable(run_id: object, error: Exception) -> str:
    """What is said of a run that raised one of `UNREADABLE`."""
    if isinstance(error, PellucidError):
        return str(error)
    return (
        f"{run_id}: expected files of a run, found what none says ({type(error).__name__}). Restore it, or delete it"
    )


def stamp(rows: Sequence[Mapping[str, Any]]) -> str:
    """Digits that are others when the list of runs is; of this server alone."""
    return f"{hash(tuple((row['id'], row['status'], row.get('epochs')) for row in rows)):x}"


def _is_run(root: Path, run_id: str) -> bool:
    check_id(run_id)
    return RunFolder.exists(root, run_id)


def _study_row(folder: StudyFolder, over: set[str]) -> dict[str, Any]:
    """How far a study is: how many of its trials' runs are among those that are `over`, and if a process is at it."""
    asked, progress = folder.study(), folder.progress()
    over = over | progress.errors.keys()
    done = sum(run in over for _, run in progress.of(asked)) if progress.runs else None
    return {
        "name": folder.path.name,
        "trials": asked.size,
        "done": done,
        "running": is_locked(folder.path),
        "factors": [f"{one.name}: {len(one.levels)}" for one in asked.factors],
        "base": f"{asked.base.get('network', 'networks')} on {asked.base.get('data', 'several sets')}",
        "seeds": len(asked.seeds),
        "metric": asked.metric.replace("_", " "),
        "changed": datetime.fromtimestamp((folder.path / "study.json").stat().st_mtime, UTC).isoformat(),
        "reason": "",
    }

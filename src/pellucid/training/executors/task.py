"""A run as it is handed to another process, and what comes back."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from pellucid.datasets._load import load
from pellucid.errors import BusyError, DamagedError, InterruptedRunError, PellucidError, StorageError
from pellucid.images import Splits
from pellucid.spec.data import DataSpec
from pellucid.spec.run import RunSpec
from pellucid.storage.run_folder import RunFolder, is_locked
from pellucid.training.executors.shared import opened
from pellucid.training.interrupt import stop_requested
from pellucid.training.run import run

#: Letters of an error that are told.
_LONGEST = 300


@dataclass(frozen=True)
class Task:
    """A run to be trained. earlier: the run of fewer epochs that it goes on from, if it can.

    images: where its images lie, read already (`shared`); they are read anew where they do not.
    """

    spec: RunSpec
    earlier: str | None = None
    images: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a run: its result as the run folder keeps it, or None and the reason."""

    spec: RunSpec
    result: dict[str, Any] | None
    error: str = ""


class Executor(Protocol):
    """Trains tasks elsewhere; opened once for several rounds of them, since opening takes seconds."""

    def run(self, tasks: Sequence[Task], root: Path, *, probes: Path) -> Iterator[Outcome]:
        """Trains tasks in their folders under `root`; yields an outcome for each, in any order.

        A run whose process dies is begun again a few times, from its last checkpoint; then it is an outcome with the
        reason, as is whatever else goes wrong in one run.

        Raises InterruptedRunError after Ctrl-C, when the runs have saved their state; StorageError where a run cannot
        be written, as the others cannot be either.
        """
        ...

    def close(self) -> None:
        """Lets go of all processes."""


def run_task(task: Task, root: Path, probes: Path) -> Outcome:
    """In the other process: one run to its end.

    Whatever goes wrong in it is its outcome, with where it did in its events, also that its folder is damaged. Raises
    InterruptedRunError, BusyError, and StorageError where it cannot be written: that is no fault of the run.
    """
    try:
        for _ in run(task.spec, _images(task.spec.data, task.images), root, probes=probes, earlier=task.earlier):
            pass
    except DamagedError as error:
        return Outcome(task.spec, None, str(error))
    except (InterruptedRunError, StorageError):
        raise
    except PellucidError as error:
        return Outcome(task.spec, None, str(error))
    except Exception as error:
        _note(root, task.spec.id)
        return Outcome(task.spec, None, _words(error))
    return told(task.spec, RunFolder.open(root, task.spec.id).result() or {})


def _note(root: Path, run_id: str) -> None:
    """Keeps where an error came from, which the table of trials has no room for."""
    with suppress(StorageError):
        if RunFolder.exists(root, run_id):
            RunFolder.open(root, run_id).append_event("failed", reason=traceback.format_exc())


def _words(error: Exception) -> str:
    told = " ".join(str(error).split())[:_LONGEST]
    if isinstance(error, MemoryError) or "allocate memory" in told or "out of memory" in told:
        return f"out of memory: {told}"
    return f"{type(error).__name__}: {told}"


def run_when_free(task: Task, root: Path, probes: Path) -> Outcome:
    """`run_task`, once no other process is at the run: one whose node has died lets go of it when it notices.

    Raises InterruptedRunError where this process is asked to stop meanwhile.
    """
    while True:
        if stop_requested():
            raise stopped(1)
        with suppress(BusyError):  # begun by another process between question and lock
            if not is_locked(root / task.spec.id):
                return run_task(task, root, probes)
        time.sleep(0.2)


@lru_cache(maxsize=2)
def _images(spec: DataSpec, shared: Path | None) -> Splits:
    if shared is not None:
        with suppress(OSError, ValueError):  # gone since
            return opened(shared)
    return load(spec)


def told(spec: RunSpec, result: dict[str, Any]) -> Outcome:
    """The outcome of a run that is over."""
    if result.get("status") == "finished":
        return Outcome(spec, result)
    return Outcome(spec, None, str(result.get("reason", "")))


def stopped(left: int) -> InterruptedRunError:
    """What Ctrl-C ends with."""
    return InterruptedRunError(
        f"stopped with {left} runs to go; their checkpoints are saved. The same command goes on from there."
    )

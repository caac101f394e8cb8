"""Processes of this machine: one a core, one thread each, imports and warm-up paid once, images shared.

Small networks leave most of a second core idle: two processes of one thread each train more of them than one process
of two threads. The images are read by the process that gives out the runs, and mapped by the others (`shared`).
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress
from dataclasses import replace
from multiprocessing import parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

from pellucid.engines.engine import engine
from pellucid.errors import InterruptedRunError
from pellucid.storage.run_folder import is_locked
from pellucid.training.executors.shared import SharedImages
from pellucid.training.executors.task import Outcome, Task, run_when_free, stopped
from pellucid.training.interrupt import held, stop_on_request

#: A run whose process ends this often without a word is given up: it would take down every process it is given.
ATTEMPTS = 2
#: Seconds that a run has to save its state when the process that began it is killed.
SAVING = 10


class Processes:
    """An `Executor` of `workers` processes, by default one for each core; they begin with the first tasks.

    By default no more run at once than have a core for each of their threads.
    """

    def __init__(self, workers: int | None = None) -> None:
        self._count = workers or cores()
        self._cores = None if workers else cores()
        self._context = _Spawn()
        self._pool: ProcessPoolExecutor | None = None
        self._shared = SharedImages()

    def run(self, tasks: Sequence[Task], root: Path, *, probes: Path) -> Iterator[Outcome]:
        """See `Executor`."""
        pending = {task.spec.id: task for task in tasks}
        attempts: dict[str, int] = {}
        while pending:
            with closing(self._until_broken(pending, attempts, root, probes)) as outcomes:
                for outcome in outcomes:
                    del pending[outcome.spec.id]
                    yield outcome
            for name in [name for name, tries in attempts.items() if tries >= ATTEMPTS and name in pending]:
                words = f"its process ended {ATTEMPTS} times without a word: out of memory?"
                yield Outcome(pending.pop(name).spec, None, words)

    def close(self) -> None:
        """Ends the processes, after the runs that they are at."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
        self._shared.close()

    def _has_cores(self, task: Task, running: Sequence[Task]) -> bool:
        """Whether there is a core for each thread of all of them; one alone always runs."""
        threads = sum(one.spec.threads or 1 for one in (task, *running))
        return not running or self._cores is None or threads <= self._cores

    def _with_images(self, task: Task, known: Sequence[Task]) -> Task:
        """With its images read, where runs in other processes see the same. known: it and all others to come."""
        data = task.spec.data
        several = self._count > 1 and sum(one.spec.data == data for one in known) > 1
        return replace(task, images=self._shared.folder(data)) if several or data in self._shared else task

    def _until_broken(
        self, pending: dict[str, Task], attempts: dict[str, int], root: Path, probes: Path
    ) -> Generator[Outcome, None, None]:
        """Outcomes of the pending runs, until all are done or a process is killed, which ends the others too.

        attempts: of runs that were there when one was, how often that was while they were alone. They come first and
        one by one, so that a run that takes too much memory does not take its neighbours with it again.
        """
        waiting = sorted(pending.values(), key=lambda task: task.spec.id not in attempts)
        running: dict[Future[Outcome], Task] = {}
        pool = self._opened(waiting[0].spec.engine)
        try:
            while waiting or running:
                while waiting and len(running) < self._count:  # one by one: a broken pool loses only these
                    if running and any(task.spec.id in attempts for task in (waiting[0], *running.values())):
                        break
                    task = next((one for one in waiting if not is_locked(root / one.spec.id)), waiting[0])
                    if not self._has_cores(task, list(running.values())):
                        break
                    given = self._with_images(task, [*waiting, *running.values()])
                    waiting.remove(task)
                    running[pool.submit(run_when_free, given, root, probes)] = task
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
                    del running[future]
        except BrokenProcessPool:
            self.close()
            for task in running.values():
                attempts[task.spec.id] = attempts.get(task.spec.id, 0) + (len(running) == 1)
        except (KeyboardInterrupt, InterruptedRunError):  # the one here, or the one of a worker
            self._context.stop()
            self.close()
            raise stopped(len(waiting) + len(running)) from None
        except BaseException:  # what the others train would be waited for
            self._context.stop()
            self.close()
            raise

    def _opened(self, engine: str) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._count, mp_context=self._context, initializer=_warm_up, initargs=(engine,)
            )
        return self._pool


def at_once(threads: int | None, workers: int | None = None) -> int:
    """How many runs of so many threads each are trained at once here, where nobody says a number of `workers`."""
    return workers or max(1, cores() // (threads or 1))


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Process(SpawnProcess):
    """A new process that knows nothing of the caller's script.

    A spawned process imports the script that it was started from, and runs what stands there unguarded: the study
    itself, once more. Tasks and their results are ours alone, so that the script is not needed.
    """

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802
        script = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            with held():
                return SpawnProcess._Popen(process_obj)
        finally:
            sys.modules["__main__"] = script


class _Spawn(SpawnContext):
    """New processes, not forks: a fork would copy the threads' locks but not the threads."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[_Process] = []

    def Process(self, *arguments: Any, **options: Any) -> _Process:  # type: ignore[override]  # noqa: N802
        """One more process."""
        self.begun.append(_Process(*arguments, **options))
        return self.begun[-1]

    def stop(self) -> None:
        """Asks all for an orderly end: Ctrl-C in a terminal reaches them too, a signal to this one does not."""
        for process in self.begun:
            if process.pid is not None and process.is_alive():
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGUSR1)


def _warm_up(name: str) -> None:
    """Pays for the imports before the first run is timed."""
    stop_on_request()
    Thread(target=_leave_with_parent, daemon=True).start()
    engine(name).environment()


def _leave_with_parent() -> None:
    """Ends this process where the one that it works for is killed: it would go on, and then wait for ever.

    The run saves its state as after Ctrl-C.
    """
    parent = parent_process()
    if parent is None:
        return
    parent.join()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(SAVING)
    os._exit(1)

"""Many runs at once: one process a core, one thread each, imports and warm-up paid once, images shared.

Small networks leave most of a second core idle: two processes of one thread each train more of them than one process
of two threads. The images come from the cache memory-mapped, so that all workers read the same pages.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from pellucid.datasets._load import load
from pellucid.engines.engine import engine
from pellucid.errors import InterruptedRunError, PellucidError, UsageError
from pellucid.images import Splits
from pellucid.spec.data import DataSpec
from pellucid.spec.network import Network
from pellucid.spec.run import RunSpec
from pellucid.storage.run_folder import RunFolder
from pellucid.training.run import run

#: A run whose process ends this often without a word is given up: it would take down every process it is given.
ATTEMPTS = 2


@dataclass(frozen=True)
class Outcome:
    """What became of a run: its result as the run folder keeps it, or None and the reason."""

    spec: RunSpec
    result: dict[str, Any] | None
    error: str = ""


def run_all(specs: Sequence[RunSpec], root: Path, *, probes: Path, workers: int | None = None) -> Iterator[Outcome]:
    """Trains every spec in its folder under `root`; yields outcomes as they come, finished runs first.

    workers: processes, by default one for each core that this process may use. A spec that does not say how many
    threads it wants gets one. A run that fails, diverges, or whose process is killed is an outcome with the reason;
    the others go on. What is finished is not trained again, what was interrupted goes on from its last checkpoint.
    Two specs of one id are one run.

    Raises UsageError for specs of networks that no other process can build, InterruptedRunError after Ctrl-C.
    """
    pending: dict[str, RunSpec] = {}
    for spec in specs:
        if not isinstance(spec.network, Network):
            raise UsageError(
                f"{spec.network.name}: expected a network of the catalogue or a TOML file, found a module, which "
                "other processes cannot build. Train it with pellucid.train, one run at a time."
            )
        spec = spec if spec.threads else replace(spec, threads=1)
        pending[spec.id] = spec
    for name in list(pending):
        result = RunFolder.open(root, name).result() if RunFolder.exists(root, name) else None
        if result is not None:
            yield _told(pending.pop(name), result)
    attempts = dict.fromkeys(pending, 0)
    count = workers or cores()
    while pending:
        for outcome in _until_broken(pending, attempts, root, probes, min(count, len(pending))):
            del pending[outcome.spec.id]
            yield outcome
        for name in [name for name, tries in attempts.items() if tries >= ATTEMPTS and name in pending]:
            yield Outcome(
                pending.pop(name), None, f"its process ended {ATTEMPTS} times without a word: out of memory?"
            )


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _until_broken(
    pending: dict[str, RunSpec], attempts: dict[str, int], root: Path, probes: Path, count: int
) -> Iterator[Outcome]:
    """Outcomes of the pending runs, until all are done or a process is killed, which ends the others too."""
    first = next(iter(pending.values()))
    context = get_context("spawn")  # a fork would copy the threads' locks but not the threads
    with ProcessPoolExecutor(count, mp_context=context, initializer=_warm_up, initargs=(first.engine,)) as pool:
        waiting = list(pending.values())
        running: dict[Future[Outcome], RunSpec] = {}
        try:
            while waiting or running:
                while waiting and len(running) < count:  # handed out one by one: a broken pool loses only these
                    spec = waiting.pop(0)
                    running[pool.submit(_run_one, spec.to_dict(), root, probes)] = spec
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
                    del running[future]
        except BrokenProcessPool:
            for spec in running.values():
                attempts[spec.id] += 1
        except KeyboardInterrupt:
            pool.shutdown(wait=True, cancel_futures=True)  # each worker has had the signal too, and saves its state
            raise InterruptedRunError(
                f"stopped with {len(waiting) + len(running)} runs to go; their checkpoints are saved. The same "
                "command goes on from there."
            ) from None


def _warm_up(name: str) -> None:
    """Pays for the imports before the first run is timed."""
    engine(name).environment()


@lru_cache(maxsize=2)
def _images(spec: DataSpec) -> Splits:
    return load(spec)


def _run_one(spec: dict[str, Any], root: Path, probes: Path) -> Outcome:
    """In a worker: one run to its end. Errors of ours come back as words; others are ours to mend, and are raised."""
    asked = RunSpec.from_dict(spec)
    try:
        for _ in run(asked, _images(asked.data), root, probes=probes):
            pass
    except PellucidError as error:
        return Outcome(asked, None, str(error))
    return _told(asked, RunFolder.open(root, asked.id).result() or {})


def _told(spec: RunSpec, result: dict[str, Any]) -> Outcome:
    if result.get("status") == "finished":
        return Outcome(spec, result)
    return Outcome(spec, None, str(result.get("reason", "")))

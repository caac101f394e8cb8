"""Many runs at once, here or elsewhere: the same bits as one by one, nothing done twice."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from pellucid.datasets._load import load
from pellucid.errors import DamagedError, DataError, UsageError, unknown_name
from pellucid.spec.data import DataSpec
from pellucid.spec.network import Network
from pellucid.spec.run import RunSpec
from pellucid.storage.run_folder import RunFolder
from pellucid.training.executors.local import Processes, at_once, cores
from pellucid.training.executors.ray import Cluster
from pellucid.training.executors.task import Executor, Outcome, Task, told

__all__ = ["EXECUTORS", "Executor", "Outcome", "at_once", "cores", "opened", "run_all", "same_images"]

EXECUTORS = ("local", "ray")


def opened(name: str = "local", *, workers: int | None = None, address: str | None = None) -> Executor:
    """One of `EXECUTORS`, to be closed. workers: runs at once, by default one for each core. address: of the cluster.

    Raises UsageError for another name, or for an address that nobody asks for.
    """
    if name not in EXECUTORS:
        raise unknown_name("executor", name, EXECUTORS)
    if name == "ray":
        return Cluster(workers, address)
    if address is not None:
        raise UsageError(f"address: expected none with executor local, found {address!r}. Add --executor ray.")
    return Processes(workers)


def same_images(specs: Sequence[RunSpec], root: Path) -> None:
    """Raises DataError where a run that is there was trained on other images than its data set has now."""
    now: dict[DataSpec, str] = {}
    for spec in specs:
        if not RunFolder.exists(root, spec.id):
            continue
        try:
            then = RunFolder.open(root, spec.id).manifest["fingerprint"]
        except DamagedError:  # an outcome of its own, with the reason
            continue
        if spec.data not in now:
            now[spec.data] = load(spec.data).fingerprint()
        if then != now[spec.data]:
            where = spec.data.path or spec.data.name
            raise DataError(
                f"{spec.id}: expected the images that it was trained on, found others in {where}. Put them back, or "
                "compare in another folder of runs (--runs)."
            )


def run_all(
    specs: Sequence[RunSpec],
    root: Path,
    *,
    probes: Path,
    workers: int | None = None,
    executor: Executor | None = None,
    earlier: Mapping[str, str] | None = None,
) -> Generator[Outcome, None, None]:
    """Trains every spec in its folder under `root`; yields outcomes as they come, finished runs first.

    executor: an `opened` one; by default one of this machine with so many workers, closed at the end. A spec that
    does not say how many threads it wants gets one. A run that fails, diverges, or whose process is killed is an
    outcome with the reason; the others go on. What is finished is not trained again, what was interrupted goes on
    from its last checkpoint. Two specs of one id are one run. earlier: by id, the run of fewer epochs that a run
    goes on from, where the schedule allows it.

    Raises UsageError for specs of networks that no other process can build, InterruptedRunError after Ctrl-C.
    """
    pending: dict[str, Task] = {}
    for spec in specs:
        if not isinstance(spec.network, Network):
            raise UsageError(
                f"{spec.network.name}: expected a network of the catalogue or a TOML file, found a module, which "
                "other processes cannot build. Train it with pellucid.train, one run at a time."
            )
        spec = spec if spec.threads else replace(spec, threads=1)
        pending[spec.id] = Task(spec, (earlier or {}).get(spec.id))
    for name in list(pending):
        try:
            result = RunFolder.open(root, name).result() if RunFolder.exists(root, name) else None
        except DamagedError as error:
            yield Outcome(pending.pop(name).spec, None, str(error))
            continue
        if result is not None:
            yield told(pending.pop(name).spec, result)
    if not pending:
        return
    if executor is not None:
        yield from executor.run(list(pending.values()), root, probes=probes)
    else:
        with closing(opened(workers=workers)) as own:
            yield from own.run(list(pending.values()), root, probes=probes)

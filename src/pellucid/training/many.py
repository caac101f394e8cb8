"""Many runs at once, here or elsewhere: the same bits as one by one, nothing done twice."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pellucid.errors import UsageError, unknown_name
from pellucid.spec.network import Network
from pellucid.spec.run import RunSpec
from pellucid.storage.run_folder import RunFolder
from pellucid.training.executors.local import cores, on_this_machine
from pellucid.training.executors.ray import on_ray
from pellucid.training.executors.task import Executor, Outcome, Task, told

__all__ = ["EXECUTORS", "Outcome", "cores", "run_all"]

EXECUTORS: dict[str, Executor] = {"local": on_this_machine, "ray": on_ray}


def run_all(
    specs: Sequence[RunSpec],
    root: Path,
    *,
    probes: Path,
    workers: int | None = None,
    executor: str = "local",
    address: str | None = None,
    earlier: Mapping[str, str] | None = None,
) -> Generator[Outcome, None, None]:
    """Trains every spec in its folder under `root`; yields outcomes as they come, finished runs first.

    workers: runs at once, by default one for each core. executor: one of `EXECUTORS`; address: of its cluster. A
    spec that does not say how many threads it wants gets one. A run that fails, diverges, or whose process is killed
    is an outcome with the reason; the others go on. What is finished is not trained again, what was interrupted goes
    on from its last checkpoint. Two specs of one id are one run. earlier: by id, the run of fewer epochs that a run
    goes on from, where the schedule allows it.

    Raises UsageError for specs of networks that no other process can build, InterruptedRunError after Ctrl-C.
    """
    if executor not in EXECUTORS:
        raise unknown_name("executor", executor, EXECUTORS)
    if address is not None and executor == "local":
        raise UsageError(f"address: expected none with executor local, found {address!r}. Add --executor ray.")
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
        result = RunFolder.open(root, name).result() if RunFolder.exists(root, name) else None
        if result is not None:
            yield told(pending.pop(name).spec, result)
    if pending:
        yield from EXECUTORS[executor](list(pending.values()), root, probes=probes, workers=workers, address=address)

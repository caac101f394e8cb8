"""A Ray cluster (moritz2018): one task a run, a core for each thread, begun again on another node when its own dies.

All nodes must have pellucid and see the folder of runs under one path: what is kept there, not what Ray keeps, says
how far a run is. A run that is begun again goes on from its last checkpoint to the same bits, so a dead node costs
minutes and no number. Nothing is sent to anyone: no usage statistics, no dashboard.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pellucid.errors import PellucidError, UsageError
from pellucid.training.executors.task import Outcome, Task, run_when_free, stopped

#: How often a run is begun again after its node or process has died; then it is given up until the next command.
RETRIES = 3
#: Seconds for which Ctrl-C waits for the checkpoints.
GRACE_SECONDS = 30.0
#: What the tasks have to know of this process's environment.
VARIABLES = ("PELLUCID_DATA", "XDG_CACHE_HOME")
#: Bytes of shared memory that a Ray of our own sets aside; a run's images and results do not pass through it.
STORE_BYTES = 100 * 2**20


class Cluster:
    """An `Executor` of `workers` tasks at once, by default as many as the cluster has cores for.

    address: of a cluster, by default RAY_ADDRESS; without either a Ray of this machine is started and ended. A
    connection that was there before is used and kept. `run` raises UsageError where Ray is not installed or no
    cluster answers.
    """

    def __init__(self, workers: int | None = None, address: str | None = None) -> None:
        self._workers, self._address = workers, address or os.environ.get("RAY_ADDRESS")
        self._ours = False

    def run(self, tasks: Sequence[Task], root: Path, *, probes: Path) -> Iterator[Outcome]:
        """See `Executor`."""
        ray = self._connected()
        variables = {name: os.environ[name] for name in VARIABLES if name in os.environ}
        remote = ray.remote(max_retries=RETRIES)(_trained)
        most = max((int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]), default=0)
        waiting = list(tasks)
        running: dict[Any, Task] = {}
        try:
            while waiting or running:
                while waiting and (self._workers is None or len(running) < self._workers):
                    task = waiting.pop(0)
                    # a core for each thread, as far as a node has them; as many at once as are asked for
                    share = 1 if self._workers else max(1, min(task.spec.threads or 1, most))
                    sent = remote.options(num_cpus=share).remote(task, root.absolute(), probes, variables)
                    running[sent] = task
                done, _ = ray.wait(list(running), num_returns=1)
                for reference in done:
                    yield _outcome(ray, reference, running[reference])
                    del running[reference]
        except KeyboardInterrupt:
            raise stopped(len(waiting) + len(running)) from None
        finally:
            for reference in running:
                ray.cancel(reference)  # Ctrl-C in the worker: the run saves its state
            if running:
                ray.wait(list(running), num_returns=len(running), timeout=GRACE_SECONDS)

    def close(self) -> None:
        """Ends the connection, if it is ours."""
        if self._ours:
            _ray().shutdown()
            self._ours = False

    def _connected(self) -> Any:
        ray = _ray()
        if ray.is_initialized():
            return ray
        quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
        own = {"num_cpus": self._workers, "object_store_memory": STORE_BYTES, "_node_ip_address": "127.0.0.1"}
        try:
            ray.init(address=self._address or "local", **quiet, **({} if self._address else own))
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise UsageError(
                f"executor ray: expected a Ray cluster at {self._address or 'this machine'}, found none ({error}). "
                "Start one with: ray start --head, or leave out --address and RAY_ADDRESS for one of this machine "
                "alone."
            ) from None
        self._ours = True
        return ray


def _ray() -> Any:
    # read when ray is imported: no statistics, no cluster begun by a call after the end, no warning in every process
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise UsageError(
            'executor ray: expected the package ray, found none. Install it with: pip install "pellucid[ray]"'
        ) from None
    return ray


def _trained(task: Task, root: Path, probes: Path, variables: dict[str, str]) -> Outcome:
    """On a node of the cluster."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)
    return run_when_free(task, root, probes)


def _outcome(ray: Any, reference: Any, task: Task) -> Outcome:
    try:
        found: Outcome = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, PellucidError):  # it cannot be written: no fault of the run
            raise error.cause from None
        raise  # a mistake of ours, with its traceback
    except ray.exceptions.RayError as error:
        reason = str(error).strip().partition("\n")[0]
        return Outcome(task.spec, None, f"its process or node died {RETRIES + 1} times: {reason}")
    return found

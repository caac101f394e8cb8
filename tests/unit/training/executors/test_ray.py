"""Trials on a Ray cluster: the table of a local study byte by byte, a dead node included."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pellucid.errors import InterruptedRunError, UsageError
from pellucid.spec.study import Study
from pellucid.storage.run_folder import RunFolder
from pellucid.training.executors import ray as on_ray
from pellucid.training.executors.task import Outcome, Task
from pellucid.verbs.made_study import made_study
from pellucid.verbs.study import study
from pellucid.verbs.study_specs import specs_of

ray = pytest.importorskip("ray")

BASE = {"network": "mlp", "data": "digits", "subset": 300, "hidden_size": 24}


def asked(epochs: int, seeds: int) -> Study:
    return made_study("small", {**BASE, "epochs": epochs}, compare=["lr=0.003,0.01,1e12"], seeds=seeds)


def table(root: Path) -> bytes:
    return (root / "studies/small/trials.json").read_bytes()


def started(root: Path) -> dict[str, int]:
    """How often each run was begun or gone on with."""
    found = {path.parent.name: RunFolder.open(root, path.parent.name).events() for path in root.glob("*/run.json")}
    return {name: sum(one["event"] in ("started", "resumed") for one in events) for name, events in found.items()}


def test_the_table_is_that_of_this_machine(tmp_path: Path) -> None:
    study(asked(2, 1), runs=tmp_path / "local", workers=2)
    study(asked(2, 1), runs=tmp_path / "cluster", executor="ray", workers=2)
    assert table(tmp_path / "cluster") == table(tmp_path / "local")
    assert not ray.is_initialized()


@pytest.mark.long
def test_ctrl_c_keeps_what_is_done(tmp_path: Path) -> None:
    local, cluster = tmp_path / "local", tmp_path / "cluster"
    study(asked(60, 2), runs=local, workers=2)

    def interrupt(done: int, of: int, outcome: Any) -> None:
        if done == 1:
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(InterruptedRunError, match=r"stopped with [1-5] runs to go"):
        study(asked(60, 2), runs=cluster, executor="ray", workers=2, told=interrupt)
    assert not ray.is_initialized() and table(cluster).count(b'"finished"') < 6
    begun = [RunFolder.open(cluster, path.parent.name).events() for path in cluster.glob("*/run.json")]
    assert begun and {one[-1]["event"] for one in begun} <= {"finished", "diverged", "interrupted"}
    study(asked(60, 2), runs=cluster, executor="ray", workers=2)
    assert table(cluster) == table(local)
    assert set(started(cluster).values()) <= {1, 2}


@pytest.fixture
def nodes() -> Iterator[Any]:
    """A cluster of two nodes of one core each."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield cluster
    cluster.shutdown()


@pytest.mark.long
def test_a_node_that_is_killed_costs_no_trial_and_no_bit(tmp_path: Path, nodes: Any) -> None:
    local, cluster = tmp_path / "local", tmp_path / "cluster"
    study(asked(200, 3), runs=local, workers=2)
    second = nodes.add_node(num_cpus=1)
    nodes.wait_for_nodes()
    killed = threading.Event()

    def kill() -> None:
        while (
            sum(not (run / "result.json").exists() for run in {one.parents[1] for one in cluster.glob("*/states/*")})
            < 2
        ):
            time.sleep(0.02)  # until each node has a run
        nodes.remove_node(second, allow_graceful=False)
        killed.set()

    killer = threading.Thread(target=kill)
    killer.start()
    found = study(asked(200, 3), runs=cluster, executor="ray", address=nodes.address)
    killer.join()
    assert killed.is_set() and table(cluster) == table(local)
    names = [row["run"] for row in json.loads(table(cluster))]
    assert len(set(names)) == len(names) == 9 and set(names) == set(started(cluster))
    assert max(started(cluster).values()) == 2, "no run was on the node that died"
    assert len(found.failed) == 3


def test_ray_that_is_not_there_is_asked_for_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r'pip install "pellucid\[ray\]"'):
        study(asked(1, 1), runs=tmp_path, executor="ray")


def test_a_cluster_that_does_not_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise ConnectionError("no answer")

    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(UsageError, match=r"a Ray cluster at 10.0.0.1:6379, found none \(no answer\).*ray start"):
        study(asked(1, 1), runs=tmp_path, executor="ray", address="10.0.0.1:6379")


@pytest.mark.parametrize(("workers", "threads", "share"), [(None, 2, 2), (None, None, 1), (None, 9, 4), (3, 2, 1)])
def test_a_run_takes_a_core_for_each_thread_as_far_as_a_node_has_them(
    workers: int | None, threads: int | None, share: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for: list[float] = []
    wanted = [replace(spec, threads=threads) for _, spec in specs_of(asked(1, 1))]

    class Remote:
        def options(self, *, num_cpus: float) -> Remote:
            asked_for.append(num_cpus)
            return self

        def remote(self, task: Task, *_: Any) -> Task:
            return task

    node = {"Alive": True, "Resources": {"CPU": 4.0}}
    fake = SimpleNamespace(
        remote=lambda **_: lambda function: Remote(),
        nodes=lambda: [node, {"Alive": False, "Resources": {"CPU": 64.0}}, {"Alive": True, "Resources": {}}],
        wait=lambda tasks, **_: (tasks[:1], tasks[1:]),
        get=lambda task: Outcome(task.spec, {}),
        exceptions=ray.exceptions,
    )
    cluster = on_ray.Cluster(workers)
    monkeypatch.setattr(cluster, "_connected", lambda: fake)
    outcomes = list(cluster.run([Task(one) for one in wanted], tmp_path, probes=tmp_path))
    assert len(outcomes) == len(wanted) and asked_for == [share] * len(wanted)


def test_what_ray_says_of_a_dead_process_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    from pellucid.training.executors.task import Task
    from pellucid.verbs.study_specs import specs_of

    task = Task(specs_of(asked(1, 1))[0][1])

    def dies(_: Any) -> None:
        raise ray.exceptions.WorkerCrashedError

    monkeypatch.setattr(ray, "get", dies)
    outcome = on_ray._outcome(ray, None, task)
    assert outcome.result is None and outcome.error.startswith("its process or node died 4 times: The worker died")

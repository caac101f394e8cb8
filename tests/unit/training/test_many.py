"""Many runs at once: the same bits as one by one, finished ones kept, failures told, killed processes outlived."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pellucid import catalog
from pellucid.datasets._load import load
from pellucid.errors import InterruptedRunError, UsageError
from pellucid.spec import DataSpec, Recipe
from pellucid.spec.network import ForeignModule
from pellucid.spec.run import RunSpec
from pellucid.storage.run_folder import RunFolder
from pellucid.training.executors import local
from pellucid.training.executors.shared import SharedImages
from pellucid.training.executors.task import Outcome, Task, run_when_free, told
from pellucid.training.many import opened, run_all
from pellucid.training.run import goes_on, run

DATA = DataSpec(name="digits")


def spec(seed: int = 0, **recipe: Any) -> RunSpec:
    network = catalog.load("networks", "mlp")(input_shape=load(DATA).shape)
    return RunSpec(
        network=network, data=DATA, recipe=Recipe(epochs=1, **recipe), seed=seed, threads=1, precision="fp32"
    )


def weights(root: Path, name: str) -> dict[str, bytes]:
    return {key: array.tobytes() for key, array in RunFolder.open(root, name).load_weights("last").items()}


def test_two_processes_give_the_bits_of_one_and_share_the_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs, given = [spec(seed) for seed in range(3)], []
    folder = SharedImages.folder

    def noted(shared: SharedImages, data: DataSpec) -> Path | None:
        given.append(folder(shared, data))
        return given[-1]

    monkeypatch.setattr(SharedImages, "folder", noted)
    found = list(run_all(specs, tmp_path / "many", probes=tmp_path, workers=2))
    assert {outcome.spec.id for outcome in found} == {one.id for one in specs}
    for one in specs:
        for _ in run(one, load(DATA), tmp_path / "one", probes=tmp_path):
            pass
        assert weights(tmp_path / "many", one.id) == weights(tmp_path / "one", one.id)
    assert len(given) == 3 and len(set(given)) == 1 and given[0] is not None and not given[0].exists()


@pytest.mark.parametrize(("workers", "threads", "most"), [(None, 1, 4), (None, 2, 2), (None, 8, 1), (3, 8, 3)])
def test_no_more_run_at_once_than_have_a_core_for_each_thread(
    workers: int | None, threads: int, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once: list[int] = []
    running: list[Task] = []
    together = threading.Barrier(most)

    def trained(task: Task, *_: Path) -> Outcome:
        running.append(task)
        together.wait(10)  # as many as may run at once
        at_once.append(len(running))
        together.wait(10)
        running.remove(task)
        return Outcome(task.spec, {}, "")

    monkeypatch.setattr(local, "cores", lambda: 4)
    monkeypatch.setattr(local, "run_when_free", trained)
    monkeypatch.setattr(local.Processes, "_opened", lambda *_: ThreadPoolExecutor(8))
    specs = [replace(spec(seed), threads=threads) for seed in range(2 * most)]
    assert len(list(run_all(specs, tmp_path, probes=tmp_path, workers=workers))) == len(specs)
    assert set(at_once) == {most}


def test_what_is_done_is_told_and_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = list(run_all([spec(), spec(), replace(spec(), threads=None)], tmp_path, probes=tmp_path, workers=1))
    assert len(first) == 1, "specs of one id are one run, and one thread is what no number of threads means"
    monkeypatch.setattr(
        local.Processes, "run", lambda *_, **__: pytest.fail("a process was asked for a finished run")
    )
    assert list(run_all([spec()], tmp_path, probes=tmp_path)) == first


def test_failures_are_outcomes_and_the_others_go_on(tmp_path: Path) -> None:
    diverges = spec(lr=1e30, optimizer="sgd")
    no_images = replace(spec(), data=DataSpec(name="image_folder", path=str(tmp_path / "nowhere")))
    found = {one.spec.id: one for one in run_all([diverges, no_images, spec()], tmp_path / "runs", probes=tmp_path)}
    assert found[diverges.id].result is None and "learning rate" in found[diverges.id].error
    assert found[no_images.id].result is None and "nowhere" in found[no_images.id].error
    assert (found[spec().id].result or {})["test_accuracy"] > 0.5
    again = {one.spec.id: one for one in run_all([diverges], tmp_path / "runs", probes=tmp_path)}
    assert again[diverges.id].result is None and "learning rate" in again[diverges.id].error


def _fatal(task: Task, root: Path, probes: Path) -> Outcome:
    """In a worker: one seed ends its process every time, another only the first time."""
    marker, seed = root / "once", task.spec.seed
    if seed == 1 or (seed == 2 and not marker.exists()):
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return told(task.spec, {"status": "finished"})


def test_killed_processes_are_replaced_and_a_run_that_kills_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "run_when_free", _fatal)
    monkeypatch.syspath_prepend(Path(__file__).parents[3])  # the other process finds `_fatal` by its module's name
    specs = [spec(seed) for seed in (2, 0, 3, 4)]
    found = {one.spec.seed: one for one in run_all(specs, tmp_path, probes=tmp_path, workers=1)}
    assert all(found[seed].result for seed in (0, 2, 3, 4))
    found = {one.spec.seed: one for one in run_all([spec(1), spec(5)], tmp_path, probes=tmp_path, workers=1)}
    assert "without a word" in found[1].error and found[5].result
    # beside it on the other worker: those are not given up with it
    specs = [spec(seed) for seed in (1, 6, 7)]
    found = {one.spec.seed: one for one in run_all(specs, tmp_path, probes=tmp_path, workers=2)}
    assert "without a word" in found[1].error and found[6].result and found[7].result


def test_a_signal_to_the_one_process_stops_the_others_too(tmp_path: Path) -> None:
    specs = [replace(spec(seed), recipe=Recipe(epochs=100_000)) for seed in range(3)]

    def stop() -> None:
        while not all((tmp_path / one.id / "metrics.jsonl").exists() for one in specs[:2]):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)  # as kill does: no terminal, which would tell all of them

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # processes of pytest-xdist ignore it
    try:
        threading.Thread(target=stop, daemon=True).start()
        with pytest.raises(InterruptedRunError, match="stopped with 3 runs to go"):
            list(run_all(specs, tmp_path, probes=tmp_path / "probes", workers=2))
    finally:
        signal.signal(signal.SIGINT, before)
    for one in specs[:2]:
        assert RunFolder.open(tmp_path, one.id).events()[-1]["event"] == "interrupted"
    assert not RunFolder.exists(tmp_path, specs[2].id)


def test_an_idle_process_is_no_end_of_the_others_after_ctrl_c(tmp_path: Path) -> None:
    words = ["study", "mlp", "digits", "--name", "two", "--vary", "epochs=1,100000", "--seeds", "1", "--workers", "2"]
    command = [sys.executable, "-m", "pellucid", *words, "--runs", str(tmp_path)]
    quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, start_new_session=True, **quiet) as one:
        long = next(spec for spec in _begun(tmp_path, 2) if spec.recipe.epochs > 1)
        while not any(tmp_path.glob("mlp-*/result.json")):
            time.sleep(0.05)
        time.sleep(0.5)  # its process has nothing to do now
        os.killpg(one.pid, signal.SIGINT)  # as a terminal does: all of them
        told = one.communicate(timeout=60)[1]
    assert one.returncode == 130 and "Traceback" not in told
    assert RunFolder.open(tmp_path, long.id).events()[-1]["event"] == "interrupted"


def _begun(root: Path, count: int) -> list[RunSpec]:
    """Specs of so many runs, once each of them has an epoch."""
    while len(found := [path.parent.name for path in root.glob("mlp-*/metrics.jsonl")]) < count:
        time.sleep(0.05)
    return [RunSpec.from_dict(RunFolder.open(root, name).manifest["spec"]) for name in found]


def test_the_processes_of_another_executor_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    contexts = local._Spawn(), local._Spawn()
    processes = [context.Process(target=time.sleep, args=(60,)) for context in contexts]
    for process in processes:
        process.start()
    asked: list[tuple[int, int]] = []
    with monkeypatch.context() as patched:
        patched.setattr(local.os, "kill", lambda *words: asked.append(words))
        contexts[0].stop()
    assert asked == [(processes[0].pid, signal.SIGUSR1)]
    for process in processes:
        process.kill()


def test_an_error_of_whoever_is_told_stops_the_others(tmp_path: Path) -> None:
    specs = [spec(0), replace(spec(1), recipe=Recipe(epochs=100_000))]
    start = time.monotonic()
    with closing(run_all(specs, tmp_path, probes=tmp_path / "probes", workers=2)) as outcomes:
        assert next(outcomes).spec.id == specs[0].id
        _begun(tmp_path, 2)
    assert time.monotonic() - start < 60
    assert RunFolder.open(tmp_path, specs[1].id).events()[-1]["event"] == "interrupted"


def test_a_process_that_waits_for_a_run_of_another_one_stops_when_it_is_asked_to(tmp_path: Path) -> None:
    one = spec()
    folder = RunFolder.create(tmp_path, one.id, {"spec": one.to_dict(), "fingerprint": ""})
    code = (
        "import sys, pickle\nfrom pathlib import Path\nfrom pellucid.errors import InterruptedRunError\n"
        "from pellucid.training.interrupt import stop_on_request\n"
        "from pellucid.training.executors.task import run_when_free\n"
        "stop_on_request()\nprint('ready', flush=True)\n"
        "try:\n    run_when_free(pickle.loads(bytes.fromhex(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[2]))\n"
        "except InterruptedRunError:\n    raise SystemExit(7)"
    )
    words = [sys.executable, "-c", code, pickle.dumps(Task(one)).hex(), str(tmp_path)]
    with folder.lock(), subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "ready\n"
        time.sleep(0.3)
        other.send_signal(signal.SIGUSR1)
        assert other.wait(timeout=20) == 7


def test_a_module_is_refused(tmp_path: Path) -> None:
    foreign = replace(spec(), network=ForeignModule("Net", "0"))
    with pytest.raises(UsageError, match="Net: expected a network of the catalogue"):
        list(run_all([foreign], tmp_path, probes=tmp_path))


def test_where_to_train_is_asked_for_by_a_name_that_exists() -> None:
    with pytest.raises(UsageError, match=r"unknown executor 'rai'\. Did you mean ray"):
        opened("rai")
    with pytest.raises(UsageError, match="Add --executor ray"):
        opened(address="10.0.0.1:6379")


def _where(task: Task, root: Path, probes: Path) -> Outcome:
    """In a worker: which process it is."""
    return told(task.spec, {"status": "finished", "process": os.getpid()})


def test_processes_stay_for_the_next_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "run_when_free", _where)
    monkeypatch.syspath_prepend(Path(__file__).parents[3])
    with closing(opened(workers=1)) as executor:
        first, second = (list(run_all([spec(seed)], tmp_path, probes=tmp_path, executor=executor)) for seed in (0, 1))
    assert [one.result for one in first] == [one.result for one in second]


@pytest.mark.parametrize("engine", ["pytorch", "scratch"])
def test_a_run_that_goes_on_from_one_of_fewer_epochs_has_the_bits_of_one_begun_anew(
    tmp_path: Path, engine: str
) -> None:
    def asked(epochs: int) -> RunSpec:
        one = spec(momentum=0.9, optimizer="sgd", schedule="step", step_size=2)
        return replace(one, engine=engine, recipe=replace(one.recipe, epochs=epochs))

    short, long = asked(2), asked(4)
    for _ in run(short, load(DATA), tmp_path / "parts", probes=tmp_path):
        pass
    records = list(run(long, load(DATA), tmp_path / "parts", probes=tmp_path, earlier=short.id))
    assert [record.epoch for record in records] == [3, 4]
    for _ in run(long, load(DATA), tmp_path / "whole", probes=tmp_path):
        pass
    for name in ("metrics.jsonl", "best.safetensors", "last.safetensors", "predictions.safetensors"):
        parts, whole = ((tmp_path / root / long.id / name).read_bytes() for root in ("parts", "whole"))
        assert parts == whole, name
    events = RunFolder.open(tmp_path / "parts", long.id).events()
    assert [one["event"] for one in events] == ["continued", "resumed", "finished"]
    assert events[0]["earlier"] == short.id


def test_a_run_whose_rates_depend_on_all_epochs_begins_anew(tmp_path: Path) -> None:
    def asked(epochs: int, schedule: str) -> RunSpec:
        one = spec(schedule=schedule)
        return replace(one, recipe=replace(one.recipe, epochs=epochs))

    for schedule in ("constant", "step", "plateau"):
        assert goes_on(asked(3, schedule), asked(1, schedule))
    for schedule in ("cosine", "linear", "one_cycle"):
        assert not goes_on(asked(3, schedule), asked(1, schedule))
    assert not goes_on(asked(1, "constant"), asked(3, "constant"))
    smaller = [
        replace(one, recipe=replace(one.recipe, progressive_size=5))
        for one in (asked(3, "constant"), asked(1, "constant"))
    ]
    assert not goes_on(*smaller), "the first of three epochs, and not of one, sees smaller images"
    assert not goes_on(asked(3, "constant"), replace(asked(1, "constant"), seed=1))
    for _ in run(asked(1, "cosine"), load(DATA), tmp_path, probes=tmp_path):
        pass
    earlier = asked(1, "cosine").id
    records = list(run(asked(2, "cosine"), load(DATA), tmp_path, probes=tmp_path, earlier=earlier))
    assert [record.epoch for record in records] == [1, 2]


def test_a_script_without_a_guard_is_run_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import pellucid as pl\n"
        "print('once')\n"
        "base = {'network': 'mlp', 'data': 'digits', 'epochs': 1, 'subset': 100}\n"
        "asked = pl.made_study('bare', base, compare={'lr': [0.001, 0.01]}, seeds=1)\n"
        "print(len(pl.study(asked, runs='runs', workers=2).failed))\n"
    )
    told = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["once", "0"]


def test_who_comes_second_to_a_run_waits_for_it(tmp_path: Path) -> None:
    """Between the question whether a run is free and its lock another process may have begun it."""
    one = spec(seed=3)
    list(run_all([spec(seed=4)], tmp_path, probes=tmp_path, workers=1))  # images and probe are there
    started, results = threading.Barrier(2), []

    def begin() -> None:
        started.wait()
        results.append(run_when_free(Task(one), tmp_path, tmp_path))

    both = [threading.Thread(target=begin) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(results) == 2 and results[0].result == results[1].result is not None


def test_a_damaged_run_is_told_and_keeps_no_other_from_training(tmp_path: Path) -> None:
    specs = [spec(seed) for seed in range(2)]
    list(run_all(specs[:1], tmp_path, probes=tmp_path, workers=1))
    (tmp_path / specs[0].id / "result.json").write_text("{")
    found = {one.spec.id: one for one in run_all(specs, tmp_path, probes=tmp_path, workers=1)}
    assert "expected the file as it was written" in found[specs[0].id].error
    assert found[specs[1].id].result is not None

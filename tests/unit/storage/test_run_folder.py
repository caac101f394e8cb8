"""Run folders under every fault that a disk or a kill can bring."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.errors import StorageError, UsageError
from pellucid.storage import atomic
from pellucid.storage.index import RunIndex
from pellucid.storage.run_folder import RunFolder
from pellucid.storage.runs_root import find

MANIFEST = {"spec": {"network": {"name": "mlp"}, "data": {"name": "digits"}, "seed": 0}, "created": "2026"}


def tensors(step: int) -> dict[str, np.ndarray]:
    return {"weights/a": np.full(5, step, np.float32)}


def life(root: Path, moment: Callable[[str], None] = lambda name: None) -> None:
    """A run from beginning to end: create, two epochs, result."""
    if not RunFolder.exists(root, "r"):
        RunFolder.create(root, "r", MANIFEST)
    folder = RunFolder.open(root, "r")
    with folder.lock():
        found = folder.latest_state()
        done = int(found[1]["epochs"]) if found else 0
        if found:
            assert (found[0]["weights/a"] == done).all()
        folder.keep_epochs(done)
        for epoch in range(done + 1, 3):
            folder.append_metrics({"epoch": epoch, "loss": 1 / epoch})
            folder.append_timings({"epoch": epoch, "seconds": 1.0})
            folder.save_weights("best", tensors(epoch), epoch=epoch)
            folder.save_state(epoch, tensors(epoch), {"epochs": epoch})
        folder.save_result({"status": "finished"})


class Faulty(atomic.Operations):
    """Fails at operation `at`, once or from then on, by an error or by the death of the process."""

    def __init__(self, at: int, fault: Callable[[], None], *, lasting: bool) -> None:
        self.at, self.fault, self.lasting, self.count = at, fault, lasting, 0

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in ("open", "write", "fsync", "replace", "mkdir", "unlink"):
            return found

        def checked(*words: Any) -> Any:
            self.count += 1
            if self.count == self.at or (self.lasting and self.count > self.at):
                self.fault()
            return found(*words)

        return checked


@pytest.fixture
def restored() -> Iterator[None]:
    before = atomic.operations
    yield
    atomic.operations = before


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
def test_a_failing_write_anywhere_is_told_and_loses_nothing(
    tmp_path: Path, restored: None, code: int, lasting: bool
) -> None:
    def fail() -> None:
        raise OSError(code, os.strerror(code))

    for at in range(1, 1000):
        root = tmp_path / str(at)
        atomic.operations = faulty = Faulty(at, fail, lasting=lasting)
        told = False
        try:
            life(root)
        except StorageError as error:
            told = True
            assert str(root) in str(error)
        atomic.operations = atomic.Operations()
        life(root)
        check_whole(root)
        if faulty.count < at:
            assert not told
            return
    raise AssertionError("the run never got through")


def test_death_at_any_operation_leaves_a_run_that_goes_on(tmp_path: Path, restored: None) -> None:
    for at in range(1, 1000):
        root = tmp_path / str(at)
        child = os.fork()
        if not child:
            atomic.operations = Faulty(at, lambda: os.kill(os.getpid(), signal.SIGKILL), lasting=False)
            life(root)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        life(root)
        check_whole(root)
        if os.waitstatus_to_exitcode(status) == 0:
            assert at > 20
            return
    raise AssertionError("the run never got through")


def check_whole(root: Path) -> None:
    folder = RunFolder.open(root, "r")
    assert folder.status() == "finished"
    assert [line["epoch"] for line in folder.metrics()] == [1, 2]
    assert (folder.load_weights("best")["weights/a"] == 2).all()
    litter = list(folder.path.rglob(".tmp-*"))
    assert litter == []


def test_a_damaged_state_gives_way_to_the_one_before(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "r", MANIFEST)
    for step in (1, 2, 3):
        folder.append_metrics({"epoch": step})
        folder.save_state(step, tensors(step), {"epochs": step})
    states = sorted((folder.path / "states").iterdir())
    assert [path.name for path in states] == ["state-00000002.safetensors", "state-00000003.safetensors"]
    states[1].write_bytes(states[1].read_bytes()[:-1])
    found = folder.latest_state()
    assert found is not None
    assert found[1] == {"epochs": 2}
    assert folder.events()[-1]["event"] == "damaged"
    states[0].write_bytes(b"")
    with pytest.raises(StorageError, match="checksum"):
        folder.latest_state()


def test_a_run_that_another_process_trains_is_left_alone_until_that_one_dies(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "r", MANIFEST)
    code = (
        "import sys, time; from pathlib import Path; from pellucid.storage.run_folder import RunFolder\n"
        "with RunFolder.open(Path(sys.argv[1]), 'r').lock():\n    print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert folder.status() == "running"
        with pytest.raises(StorageError, match=f"found process {other.pid} too"), folder.lock():
            pass
        with pytest.raises(StorageError, match="expected to be the only process at it"):
            RunFolder.delete(tmp_path, "r")
        assert [row["status"] for row in RunIndex(tmp_path).rows()] == ["running"]
        other.kill()
    with folder.lock():
        assert folder.status() == "running"
    assert folder.status() == "interrupted"


@pytest.mark.parametrize("name", ["..", "a/b", "", ".hidden", "A", "x" * 129, "a\0b"])
def test_a_run_id_is_nothing_but_a_folders_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="expected a name of small letters"):
        RunFolder.delete(tmp_path, name)


def test_deleting_removes_the_run_and_nothing_else(tmp_path: Path) -> None:
    for name in ("a", "b"):
        RunFolder.create(tmp_path, name, MANIFEST)
    RunFolder.delete(tmp_path, "a")
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_the_index_follows_the_folders_and_can_be_thrown_away(tmp_path: Path) -> None:
    for name in ("a", "b"):
        RunFolder.create(tmp_path, name, {**MANIFEST, "created": name})
    index = RunIndex(tmp_path)
    assert [row["id"] for row in index.rows()] == ["b", "a"]
    folder = RunFolder.open(tmp_path, "a")
    folder.append_metrics({"epoch": 1, "validation_accuracy": 0.5})
    rows = index.rows()
    assert rows[1]["validation_accuracy"] == 0.5
    (tmp_path / ".index.sqlite").write_bytes(b"no database" * 1000)
    assert index.rows() == rows
    (tmp_path / ".index.sqlite").unlink()
    assert index.rows() == rows
    (tmp_path / "b" / "run.json").write_text("{}")
    assert [(row["id"], row["status"]) for row in index.rows()] == [("a", "interrupted"), ("b", "broken")]


def test_a_run_is_found_by_a_part_of_its_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Begin with: pellucid train"):
        find(tmp_path, "last")
    for name in ("lenet5-a", "mlp-b"):
        RunFolder.create(tmp_path, name, MANIFEST)
    assert find(tmp_path, "mlp") == "mlp-b"
    assert find(tmp_path, "last") == "mlp-b"
    with pytest.raises(UsageError, match="found 2: lenet5-a, mlp-b"):
        find(tmp_path, "-")
    with pytest.raises(UsageError, match="Did you mean lenet5-a"):
        find(tmp_path, "lenet6-a")


def test_what_killed_processes_left_is_swept(tmp_path: Path) -> None:
    life(tmp_path)
    left = [tmp_path / "r" / name / ".tmp-1" for name in ("", "states", "atlas/test")]
    other = tmp_path / "r" / "atlas" / ".tmp-2"
    for path in (*left, other):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    os.utime(left[2], (0, 0))
    old, young = tmp_path / ".tmp-old", tmp_path / ".tmp-young"
    for path in (old, young):
        (path / "states").mkdir(parents=True)
    os.utime(old, (0, 0))
    with RunFolder.open(tmp_path, "r").lock():
        assert not any(path.exists() for path in left) and other.exists(), "who looks needs no lock"
    RunFolder.create(tmp_path, "s", MANIFEST)
    assert not old.exists() and young.exists(), "a draft of another process is left alone"


def test_a_file_system_without_locks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def missing(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    life(tmp_path)
    monkeypatch.setattr(fcntl, "flock", missing)
    with pytest.raises(StorageError, match="expected a file system with locks, found none"):  # noqa: SIM117
        with RunFolder.open(tmp_path, "r").lock():
            pass


def test_who_only_asks_is_in_nobodys_way(tmp_path: Path) -> None:
    """To ask whether a run is locked holds its lock for a moment: one who wants it waits that long."""
    folder = RunFolder.create(tmp_path, "asked", {})
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            folder.status()

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(300):
            with folder.lock():
                pass
    finally:
        over.set()
        asking.join()

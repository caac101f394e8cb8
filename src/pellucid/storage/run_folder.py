"""One run, one folder that holds all of it.

run.json                      what the run is: spec, data, machine; written once
metrics.jsonl                 one line an epoch: numbers that are a function of the spec
timings.jsonl                 one line an epoch: seconds, which are not
events.jsonl                  started, resumed, interrupted, diverged, finished, each with its time
states/state-*.safetensors    everything that the next step depends on; the two newest are kept
best.safetensors, last.safetensors    weights alone
epochs/epoch-*.safetensors    weights after each epoch, 0 for the first ones, where they were asked for
predictions.safetensors       logits and labels of the test images
result.json                   the final numbers; its presence ends the run
pictures/
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pellucid.errors import BusyError, DamagedError, StorageError, UsageError, unknown_name
from pellucid.storage import atomic, sealed
from pellucid.storage.sealed import Tensors

WEIGHTS = ("best", "last")
#: States kept: the newest, and one to fall back to if it is damaged.
STATES = 2
#: Hundredths of a second that a lock is waited for.
_PATIENCE = 20
_ID = re.compile(r"[a-z0-9_][a-z0-9._-]{0,127}")


class RunFolder:
    """The folder of one run; the only place that knows its layout."""

    def __init__(self, path: Path) -> None:
        self.path, self.id = path, path.name
        self.manifest = sealed.read_json(path / "run.json")

    @classmethod
    def create(
        cls, root: Path, run_id: str, manifest: dict[str, Any], *, before: RunFolder | None = None
    ) -> RunFolder:
        """A new run; the folder appears with its manifest or not at all. StorageError if the name is taken.

        before: a finished run whose epochs, best weights and last state the new one begins with.
        """
        check_id(run_id)
        with atomic.translated(root, 0):
            root.mkdir(parents=True, exist_ok=True)
        atomic.sweep_abandoned(root)
        hidden = root / f"{atomic.TEMPORARY}{secrets.token_hex(8)}"
        try:
            atomic.make_folder(hidden)
            sealed.write_json(hidden / "run.json", manifest)
            for name in ("states", "pictures"):
                atomic.make_folder(hidden / name)
            if before is not None:
                before._copy_to(hidden)
            with atomic.translated(root / run_id, 0):
                if (root / run_id).exists():
                    raise FileExistsError(17, "File exists")
                atomic.operations.replace(hidden, root / run_id)
                atomic.sync_folder(root)
        except BaseException:
            shutil.rmtree(hidden, ignore_errors=True)
            raise
        return cls(root / run_id)

    def _copy_to(self, path: Path) -> None:
        """Writes what a longer run begins with into the folder of one that is being made."""
        for name, lines in (("metrics.jsonl", self.metrics()), ("timings.jsonl", self.timings())):
            sealed.rewrite_lines(path / name, lines)
        sealed.write_tensors(path / "best.safetensors", *sealed.read_tensors(self._weights("best")))
        for state in self._states()[:1]:
            sealed.write_tensors(path / "states" / state.name, *sealed.read_tensors(state))
        RunFolder(path).append_event("continued", earlier=self.id)

    @classmethod
    def open(cls, root: Path, run_id: str) -> RunFolder:
        """A run that is there. Raises StorageError where it is not, or its manifest is damaged."""
        check_id(run_id)
        return cls(root / run_id)

    @staticmethod
    def exists(root: Path, run_id: str) -> bool:
        """Whether there is a run of this name."""
        return (root / run_id / "run.json").is_file()

    @staticmethod
    def delete(root: Path, run_id: str) -> None:
        """Removes a run for good. Raises StorageError while a process trains it."""
        check_id(run_id)
        path = root / run_id
        if not path.is_dir() or path.is_symlink():
            raise StorageError(f"{path}: expected a run, found none. List them with: pellucid runs list")
        with locked(path):
            trash = root / f"{atomic.TEMPORARY}{secrets.token_hex(8)}"
            with atomic.translated(path, 0):
                os.utime(path)  # it is not abandoned
                atomic.operations.replace(path, trash)  # whole at once: a kill leaves no half run behind
                atomic.sync_folder(root)
        with atomic.translated(path, 0):
            shutil.rmtree(trash)
        atomic.sweep_abandoned(root)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Makes this process the only one that writes the run; the system lets go of it when the process dies.

        Raises StorageError if another process has it.
        """
        with locked(self.path):
            atomic.sweep(self.path)
            atomic.sweep(self.path / "states")
            atomic.sweep_abandoned(self.path, "**/")  # ways of looking write there without the lock
            yield

    # --- one line an epoch

    def append_metrics(self, entry: dict[str, Any]) -> None:
        """Adds an epoch's numbers."""
        sealed.append_line(self.path / "metrics.jsonl", entry)

    def metrics(self) -> list[dict[str, Any]]:
        """The numbers of every epoch."""
        return sealed.read_lines(self.path / "metrics.jsonl")

    def append_timings(self, entry: dict[str, Any]) -> None:
        """Adds an epoch's times."""
        sealed.append_line(self.path / "timings.jsonl", entry)

    def timings(self) -> list[dict[str, Any]]:
        """The times of every epoch."""
        return sealed.read_lines(self.path / "timings.jsonl")

    def keep_epochs(self, epochs: int) -> None:
        """Drops what was noted of epochs beyond the first `epochs`: their state was not reached."""
        for name in ("metrics.jsonl", "timings.jsonl"):
            path = self.path / name
            if path.exists():
                lines = [entry for entry in sealed.read_lines(path) if entry["epoch"] <= epochs]
                # also where nothing is dropped: a line cut short must not be continued
                sealed.rewrite_lines(path, lines)

    def append_event(self, event: str, **details: Any) -> None:
        """Notes that something happened now."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        path = self.path / "events.jsonl"
        if path.exists() and not path.read_bytes().endswith(b"\n"):
            sealed.rewrite_lines(path, sealed.read_lines(path))
        sealed.append_line(path, {"time": time, "event": event, **details})

    def events(self) -> list[dict[str, Any]]:
        """Everything that happened, oldest first."""
        return sealed.read_lines(self.path / "events.jsonl")

    # --- states and weights

    def save_state(self, step: int, tensors: Tensors, progress: dict[str, Any]) -> None:
        """Keeps everything that the step after `step` depends on; the oldest states go."""
        folder = self.path / "states"
        sealed.write_tensors(folder / f"state-{step:08d}.safetensors", tensors, {"progress": json.dumps(progress)})
        for path in self._states()[STATES:]:
            with atomic.translated(path, 0):
                atomic.operations.unlink(path)

    def latest_state(self) -> tuple[Tensors, dict[str, Any]] | None:
        """The newest state that is whole, and its progress; None if none was saved.

        A damaged one is noted as an event and the one before it taken, and so is one after epochs whose numbers were
        lost. Raises StorageError if all are damaged.
        """
        error: StorageError | None = None
        known = len(self.metrics())
        for path in self._states():
            try:
                tensors, metadata = sealed.read_tensors(path)
                progress: dict[str, Any] = json.loads(metadata["progress"])
                if progress["epochs"] > known:
                    raise DamagedError(
                        f"{self.path / 'metrics.jsonl'}: expected the numbers of {progress['epochs']} epochs, as "
                        f"{path.name} comes after them, found those of {known}."
                    )
            except StorageError as damage:
                error = damage
                self.append_event("damaged", file=path.name, reason=str(damage))
                continue
            return tensors, progress
        if error is not None:
            raise error
        return None

    def _states(self) -> list[Path]:
        return sorted((self.path / "states").glob("state-*.safetensors"), reverse=True)

    def save_weights(self, which: str, tensors: Tensors, *, epoch: int) -> None:
        """Keeps the "best" or "last" weights, those after an epoch."""
        sealed.write_tensors(self._weights(which), tensors, {"epoch": str(epoch)})

    def weights_epoch(self, which: str) -> int | None:
        """After which epoch the weights were kept; None where there are none, or older ones that do not say it."""
        path = self._weights(which)
        found = sealed.read_tensors(path)[1].get("epoch") if path.exists() else None
        return None if found is None else int(found)

    def load_weights(self, which: str) -> Tensors:
        """The "best" or "last" weights. Raises UsageError for another word, StorageError where there are none."""
        path = self._weights(which)
        if not path.exists():
            ended = self.result()
            what = (
                f"found that it ended {ended['status']} ({ended['reason'].rstrip('.')}). Train it with other values."
                if ended
                else "found none yet. Train it first."
            )
            raise StorageError(f"{self.id}: expected {which} weights, {what}")
        return sealed.read_tensors(path)[0]

    def _weights(self, which: str) -> Path:
        if which not in WEIGHTS:
            raise unknown_name("weights", which, WEIGHTS)
        return self.path / f"{which}.safetensors"

    def save_epoch(self, epoch: int, tensors: Tensors) -> None:
        """Keeps the weights after an epoch; 0: those that training begins with."""
        self.save_arrays(f"epochs/epoch-{epoch:05d}.safetensors", tensors)

    def epochs(self) -> list[int]:
        """The epochs whose weights were kept."""
        return sorted(
            int(path.stem.removeprefix("epoch-")) for path in (self.path / "epochs").glob("epoch-*.safetensors")
        )

    def load_epoch(self, epoch: int) -> Tensors:
        """The weights after an epoch of `epochs`."""
        return sealed.read_tensors(self.path / f"epochs/epoch-{epoch:05d}.safetensors")[0]

    # --- the end

    def save_predictions(self, tensors: Tensors) -> None:
        """Keeps logits and labels of the test images."""
        sealed.write_tensors(self.path / "predictions.safetensors", tensors, {})

    def predictions(self) -> Tensors | None:
        """Logits and labels of the test images, if there are any."""
        path = self.path / "predictions.safetensors"
        return sealed.read_tensors(path)[0] if path.exists() else None

    def save_result(self, result: dict[str, Any]) -> None:
        """Ends the run with its final numbers and its status, "finished" or "diverged"."""
        sealed.write_json(self.path / "result.json", result)

    def result(self) -> dict[str, Any] | None:
        """The final numbers; None while the run is not over."""
        path = self.path / "result.json"
        return sealed.read_json(path) if path.exists() else None

    def save_file(self, name: str, data: bytes) -> Path:
        """Writes a picture or another file for people, below the folder; its path."""
        path = self.path / name
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise UsageError(f"{name}: expected a path inside the run's folder.")
        with atomic.translated(path, len(data)):
            path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(path, data)
        return path

    def save_arrays(self, name: str, tensors: Tensors) -> None:
        """Keeps arrays, with their checksum, in a file below the folder."""
        path = self.path / name
        with atomic.translated(path, sum(array.nbytes for array in tensors.values())):
            path.parent.mkdir(parents=True, exist_ok=True)
        sealed.write_tensors(path, tensors, {})

    def load_arrays(self, name: str) -> Tensors | None:
        """What `save_arrays` kept; None where there is nothing, or nothing whole: it can be made again."""
        path = self.path / name
        try:
            return sealed.read_tensors(path)[0] if path.exists() else None
        except StorageError:
            return None

    def delete_file(self, name: str) -> None:
        """Takes away a file that `save_arrays` kept, if it is there."""
        (self.path / name).unlink(missing_ok=True)

    def status(self) -> str:
        """running, interrupted, finished, diverged or broken."""
        if is_locked(self.path):
            return "running"
        try:
            found = self.result()
        except StorageError:
            return "broken"
        return str(found["status"]) if found else "interrupted"


def check_id(run_id: str) -> None:
    """Raises UsageError unless `run_id` can be nothing but a folder's name."""
    if not _ID.fullmatch(run_id) or run_id.startswith("."):
        raise UsageError(
            f"run {run_id[:140]!r}: expected a name of small letters, digits, '.', '_' and '-', at most 128 of them. "
            "List the runs with: pellucid runs list"
        )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    import fcntl

    with atomic.translated(folder / ".lock", 0):
        descriptor = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o666)
    try:
        for _ in range(_PATIENCE):  # one who only asks whether it is locked holds it for microseconds
            with atomic.translated(folder / ".lock", 0), suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(0.01)
        else:
            owner = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
            raise BusyError(
                f"{folder.name}: expected to be the only process at it, found process {owner} too. "
                "Wait for it, or stop it."
            )
        with suppress(OSError):  # the number is for the message alone
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def is_locked(folder: Path) -> bool:
    """Whether a process trains the run in `folder` now."""
    import fcntl

    try:
        descriptor = os.open(folder / ".lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False

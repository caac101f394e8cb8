"""Trainings that were begun from the app: one process each, the others wait in line.

A training is the command that one would type, as a list of words and never through a shell. It belongs to nobody's
terminal: the server asks it to stop once, as Ctrl-C does, and it saves its state before it leaves.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from typing import Final

from pellucid.app.forms import Filled
from pellucid.errors import InterruptedRunError, UsageError
from pellucid.spec.network import Network
from pellucid.verbs.run import Run
from pellucid.verbs.run_command import in_catalogue, network_file, option, options

#: Trainings at a time, and how many may wait.
AT_ONCE: Final = 1
MOST_WAITING: Final = 20
#: Ended trainings that are remembered, and characters that are kept of what each said.
REMEMBERED: Final = 50
KEPT_TEXT: Final = 4_000
#: Seconds that trainings have to save their states when the server stops.
STOP_SECONDS: Final = 60.0
_FILE_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")


@dataclass(eq=False)
class Training:
    """One of them. state: waiting, running, stopping, stopped, finished or failed. said: the end of its messages."""

    run_id: str
    words: tuple[str, ...]
    state: str = "waiting"
    said: str = ""
    process: subprocess.Popen[str] | None = field(default=None, repr=False)
    watcher: Thread | None = field(default=None, repr=False)

    @property
    def command(self) -> str:
        """As one would type it."""
        return shlex.join(("pellucid", *self.words))

    @property
    def open(self) -> bool:
        """Whether it is not over."""
        return self.state in ("waiting", "running", "stopping")


class Trainings:
    """The line of trainings under the runs in `root`. Safe to ask from many threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = Lock()
        self._all: list[Training] = []
        self._files: tempfile.TemporaryDirectory[str] | None = None
        self._closed = False

    def all(self) -> list[Training]:
        """Those that are not over, in their order, then those that are, the newest first."""
        with self._lock:
            return [one for one in self._all if one.open] + [one for one in reversed(self._all) if not one.open]

    def of(self, run_id: str) -> Training | None:
        """The newest training of a run; None where the app began none."""
        with self._lock:
            return next((one for one in reversed(self._all) if one.run_id == run_id), None)

    def ahead(self, training: Training) -> int:
        """How many others come before one that waits."""
        with self._lock:
            waiting = [one for one in self._all if one.state == "waiting"]
            running = sum(one.state in ("running", "stopping") for one in self._all)
            return running + waiting.index(training) if training in waiting else 0

    def begin(self, run_id: str, words: Sequence[str]) -> Training:
        """Puts a training in the line; the one that is there, where the run has one.

        Raises UsageError where too many wait.
        """
        with self._lock:
            for one in self._all:
                if one.run_id == run_id and one.open:
                    return one
            if self._closed or sum(one.state == "waiting" for one in self._all) >= MOST_WAITING:
                raise UsageError(
                    f"trainings: expected at most {MOST_WAITING} to wait, found as many. Wait until some are over, "
                    "or take some out of the line."
                )
            found = Training(run_id, (*words, f"--runs={self.root}"))
            self._all.append(found)
            over = [one for one in self._all if not one.open]
            for one in over[: max(0, len(over) - REMEMBERED)]:
                self._all.remove(one)
        self._advance()
        return found

    def stop(self, run_id: str) -> None:
        """Asks a training to save its state and leave; takes one that waits out of the line.

        Raises UsageError for a run whose training the app did not begin.
        """
        training = self.of(run_id)
        if training is None or not training.open:
            raise UsageError(
                f"{run_id}: expected a training that was begun here, found none. One that was begun in a terminal is "
                "stopped there, with Ctrl-C."
            )
        with self._lock:
            if training.state == "waiting":
                training.state = "stopped"
            elif training.state == "running" and training.process is not None:
                training.state = "stopping"  # once: a second signal would end it before its state is saved
                training.process.send_signal(signal.SIGINT)

    def close(self) -> list[str]:
        """Stops all, waiting for their states to be saved; the commands of those that were never begun."""
        with self._lock:
            self._closed = True
            left = [one for one in self._all if one.state == "waiting"]
            for one in left:
                one.state = "stopped"
            running = [one for one in self._all if one.process is not None and one.state in ("running", "stopping")]
        for one in running:
            if one.state == "running":
                with suppress(UsageError):  # it has ended meanwhile
                    self.stop(one.run_id)
        for one in running:
            assert one.process is not None and one.watcher is not None
            try:
                one.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                one.process.terminate()
            one.watcher.join(STOP_SECONDS)  # it writes down what became of the training
        if self._files is not None:
            self._files.cleanup()
        return [one.command for one in left]

    def file_of(self, network: Network) -> str:
        """A TOML file of a network that the catalogue does not make by its name alone; its path."""
        if not _FILE_NAME.fullmatch(network.name):
            raise UsageError(f"{network.name[:80]!r}: expected a network of letters, digits, '_' and '-'.")
        with self._lock:
            if self._files is None:
                self._files = tempfile.TemporaryDirectory(prefix="pellucid-")
            folder = Path(tempfile.mkdtemp(dir=self._files.name))
        path = folder / f"{network.name}.toml"
        path.write_text(network_file(network), encoding="utf-8")
        return str(path)

    def _advance(self) -> None:
        """Begins those that come next."""
        with self._lock:
            running = sum(one.state in ("running", "stopping") for one in self._all)
            waiting = [one for one in self._all if one.state == "waiting"]
            for one in waiting[: max(0, AT_ONCE - running)] if not self._closed else ():
                try:
                    one.process = subprocess.Popen(
                        [sys.executable, "-m", "pellucid", *one.words],
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.PIPE,
                        text=True,
                        errors="replace",
                        env={**os.environ, "PYTHONUNBUFFERED": "1"},
                        start_new_session=True,  # Ctrl-C in the server's terminal would reach it twice
                    )
                except OSError as error:
                    one.state, one.said = "failed", str(error)
                    continue
                one.state = "running"
                one.watcher = Thread(target=self._watch, args=(one,), daemon=True)
                one.watcher.start()

    def _watch(self, training: Training) -> None:
        """Reads what a training says until it is over, then begins the next."""
        process = training.process
        assert process is not None and process.stderr is not None
        for line in process.stderr:
            training.said = (training.said + line)[-KEPT_TEXT:]
        process.stderr.close()
        code = process.wait()
        with self._lock:
            interrupted = training.state == "stopping" or code == InterruptedRunError.exit_code
            training.state = "finished" if code == 0 else "stopped" if interrupted else "failed"
        self._advance()


def words_of_form(form: Filled) -> list[str]:
    """A form as the words of `pellucid` that train what it asks for."""
    words = ["train", form.network, form.data]
    if form.recipe:
        words += ["--recipe", form.recipe]
    for name, value in form.network_options.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        words.append(f"--network-option={name}={text}")
    for name, value in form.options.items():
        words += option(name, value)
    return words


def words_of_run(run: Run, trainings: Trainings) -> list[str]:
    """The words that go on with a run. Raises UsageError for a module of the user's own, which is not kept."""
    network = run.spec.network
    if not isinstance(network, Network):
        raise UsageError(
            f"{run.id}: expected a network that is kept with the run, found a module. Go on from Python."
        )
    name = network.name if in_catalogue(run) else trainings.file_of(network)
    return ["train", name, run.spec.data.path or run.spec.data.name, *options(run.spec)]

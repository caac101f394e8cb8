"""`pellucid serve` in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from waiting import until

TOKEN = "t" * 24


@dataclass
class Served:
    """The app over `root`, as `pellucid serve` starts it."""

    root: Path
    address: str
    process: subprocess.Popen[str]

    @property
    def door(self) -> str:
        """The address that lets a browser in."""
        return f"{self.address}/enter?token={TOKEN}"

    def stop(self) -> str:
        """Ends it as Ctrl-C does; what it said."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.stderr is not None
        said = self.process.stderr.read()
        assert self.process.wait(90) == 0
        return said

    def answers(self) -> bool:
        with suppress(OSError), urlopen(f"{self.address}/static/icon.svg", timeout=5):
            return True
        return False


@contextmanager
def serving(root: Path) -> Iterator[Served]:
    """Serves while it is open."""
    words = [sys.executable, "-m", "pellucid", "serve", str(root), "--port", "0", "--no-open", "--token", TOKEN]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            lines = [process.stderr.readline() for _ in range(3)]
            found = Served(root, lines[1].split()[1].partition("/enter")[0], process)
            until(found.answers)  # the address is told a little before it answers
            yield found
        finally:
            process.send_signal(signal.SIGINT)

"""Where a run was made: versions, machine, and the state of the code beside it."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pellucid.engines.engine import Engine

#: Differences here may change a run's bits.
BINDING = ("pellucid", "python", "numpy", "torch", "blas", "cpu_capability", "cpu", "cuda", "threads", "platform")


def environment(engine: Engine, threads: int) -> dict[str, Any]:
    """Versions, machine, threads and git state, as plain data."""
    return {
        "pellucid": version("pellucid"),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": cpu(),
        "threads": threads,
        "git": _git(),
        **engine.environment(),
    }


def differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What has changed of that on which bits depend, a phrase each."""
    return [f"{key} was {then.get(key)}, is {now.get(key)}" for key in BINDING if then.get(key) != now.get(key)]


@cache
def cpu() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _git() -> dict[str, Any] | None:
    """Commit and whether files differ from it, of the folder the command runs in; None outside a repository."""

    def ask(*words: str) -> str:
        done = subprocess.run(["git", *words], capture_output=True, text=True, timeout=5, check=True)
        return done.stdout.strip()

    try:
        return {"commit": ask("rev-parse", "HEAD"), "changed": bool(ask("status", "--porcelain", "-uno"))}
    except (OSError, subprocess.SubprocessError):
        return None

"""Where runs are, and which one is meant."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path

from pellucid.errors import UsageError
from pellucid.storage.run_folder import RunFolder


def runs_root(folder: str | Path | None = None) -> Path:
    """The folder of runs: as given, else PELLUCID_RUNS, else ./runs."""
    return Path(folder or os.environ.get("PELLUCID_RUNS") or "runs").absolute()


def run_ids(root: Path) -> list[str]:
    """Names of the runs in `root`, sorted."""
    if not root.is_dir():
        return []
    return sorted(
        path.name for path in root.iterdir() if not path.name.startswith(".") and RunFolder.exists(root, path.name)
    )


def find(root: Path, text: str) -> str:
    """The one run whose name is `text` or holds it; "last" is the newest.

    Raises UsageError where there is none or more than one, naming the nearest.
    """
    names = run_ids(root)
    if not names:
        raise UsageError(f"{root}: expected runs, found none. Begin with: pellucid train lenet5 mnist")
    if text in names:
        return text
    if text == "last":
        return max(names, key=lambda name: (root / name / "run.json").stat().st_mtime_ns)
    matches = [name for name in names if text in name]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UsageError(f"run {text!r}: expected one run, found {len(matches)}: {', '.join(matches[:8])}. Name one.")
    near = get_close_matches(text, names, n=3, cutoff=0.3) or names[:3]
    raise UsageError(f"unknown run {text!r} in {root}. Did you mean {', '.join(near)}?")

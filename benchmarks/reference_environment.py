"""Virtual environments of the tools that ours is measured beside."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def python_with(home: Path, *installs: Sequence[str | Path]) -> Path:
    """The interpreter of the environment in `home`, made with what `pip install` is told if it is not there whole."""
    python, whole = home / "bin" / "python", home / "installed"
    if not whole.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        for words in installs:
            subprocess.run([python, "-m", "pip", "install", "--quiet", *words], check=True)
        whole.touch()
    return python

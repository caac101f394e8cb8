"""``pellucid`` and ``python -m pellucid``."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line; leaves with the exit codes of docs/command-line.md."""
    from pellucid.cli import run

    sys.exit(run())


if __name__ == "__main__":
    main()

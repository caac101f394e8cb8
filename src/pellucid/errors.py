"""What can go wrong, told in the user's terms.

Each message says where, what was expected, what was found and what to do, in one paragraph. The command line prints
the message alone and leaves with the class's ``exit_code`` (listed in ``docs/command-line.md``).
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class PellucidError(Exception):
    """Something that the user can understand and mend. Exit code 1."""

    exit_code = 1


class UsageError(PellucidError):
    """An unknown name or a value outside its range. Exit code 2."""

    exit_code = 2


class SpecError(PellucidError):
    """A network, recipe or run that does not fit together. Exit code 3."""

    exit_code = 3


class DataError(PellucidError):
    """Images or labels that cannot be read, or do not suit the task. Exit code 3."""

    exit_code = 3


class DivergedError(PellucidError):
    """The loss is no longer a finite number. Exit code 4. step: of the epoch, from 1, where one is to blame."""

    exit_code = 4

    def __init__(self, message: str, step: int | None = None) -> None:
        super().__init__(message)
        self.step = step


class StorageError(PellucidError):
    """A file that cannot be written or read. Exit code 5."""

    exit_code = 5


class BusyError(StorageError):
    """Another process is at it. Exit code 5."""


class DamagedError(StorageError):
    """A file whose checksum does not match: it cannot be read, and others can. Exit code 5."""


class InterruptedRunError(PellucidError):
    """The user stopped the run with Ctrl-C; its checkpoint is saved. Exit code 130."""

    exit_code = 130


def unknown_name(kind: str, name: str, valid: Iterable[str]) -> UsageError:
    """The error for a name that is not in a listing, with the nearest valid ones.

    >>> str(unknown_name("network", "lenet", ["lenet5", "lenet5_28", "mlp"]))
    "unknown network 'lenet'. Did you mean lenet5, lenet5_28? Valid: lenet5, lenet5_28, mlp."
    """
    names = list(valid)
    near = get_close_matches(name.lower().replace("-", "_"), names, n=3, cutoff=0.5)
    hint = f" Did you mean {', '.join(near)}?" if near else ""
    return UsageError(f"unknown {kind} {name!r}.{hint} Valid: {', '.join(names) or '(none)'}.")

"""Where the files of a published data set are: the user's folder, the user's cache, or a mirror."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from pellucid.datasets import _cache
from pellucid.datasets._download import Published, fetch
from pellucid.errors import DataError

#: Environment variable: folder with mnist/, fashion-mnist/, cifar10/ in their official formats.
VARIABLE = "PELLUCID_DATA"
_HERE_ONLY = ContextVar("here_only", default=False)


@contextmanager
def here_only() -> Iterator[None]:
    """While open, nothing is downloaded in this thread or task: what is not on this machine is a DataError."""
    token = _HERE_ONLY.set(True)
    try:
        yield
    finally:
        _HERE_ONLY.reset(token)


def found(set_folder: str, names: Sequence[str]) -> Path | None:
    """The first of `names` (files or folders) in the user's folder, then in the user's cache; None if there is none.

    Raises DataError where ``PELLUCID_DATA`` names no folder.
    """
    homes = [_cache.folder()]
    if named := os.environ.get(VARIABLE):
        if not Path(named).is_dir():
            raise DataError(
                f"{VARIABLE}: expected a folder with {set_folder}/ in it, found no folder {named!r}. "
                "Mend the path, or unset the variable to use the cache folder and downloads."
            )
        homes.insert(0, Path(named))
    candidates = (home / set_folder / name for home in homes for name in names)
    return next((path for path in candidates if path.exists()), None)


def obtained(set_folder: str, published: Published, *, also: Sequence[str] = ()) -> Path:
    """The path of a published file, or of what may stand for it (`also`), downloaded if it is nowhere.

    Raises DataError if no mirror has it, or where nothing may be downloaded.
    """
    here = found(set_folder, (published.name, *also))
    if here is None and _HERE_ONLY.get():
        name = set_folder.replace("-", "_")
        raise DataError(
            f"{name}: expected its files on this machine, found none. Fetch them with: pellucid data get {name}"
        )
    return here or fetch(published, folder=_cache.folder() / set_folder)

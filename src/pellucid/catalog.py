"""The registry is the folder: lists the starred packages without importing what they hold.

One file, one public function of the same name. The file's stem is the catalogue key, the command-line word, the URL
word and the docs page; names are checked against the listing and never treated as import paths. Packages from outside
join through entry points in the group ``pellucid.<folder>``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import CodeType
from typing import Any

from pellucid.errors import unknown_name

#: The starred folders, each with the word for one of its entries.
FOLDERS = {
    "charts": "chart",
    "datasets": "data set",
    "inspection": "way of looking",
    "networks": "network",
    "recipes": "recipe",
    "studies": "study",
    "views": "view",
}


@cache
def names(folder: str) -> tuple[str, ...]:
    """Names in a starred folder, sorted; entries of outside packages included.

    >>> "lenet5" in names("networks")
    True
    """
    return tuple(sorted({*_files(folder), *_outside(folder)}))


def summary(folder: str, name: str) -> str:
    """First line of the entry's docstring, read from its source; outside entries show where they come from.

    Compiled and not parsed into a tree: before Python 3.11.8, two threads that build trees at a time may end in
    SystemError (https://github.com/python/cpython/issues/106905), and importing torch builds some.
    """
    name = check(folder, name)
    if name not in _files(folder):
        return f"from {_outside(folder)[name].value}"
    path = _files(folder)[name]
    module = compile(path.read_bytes(), path, "exec", dont_inherit=True, optimize=0)
    for part in module.co_consts:
        if isinstance(part, CodeType) and part.co_name == name and isinstance(part.co_consts[0], str):
            return part.co_consts[0].partition("\n")[0]  # a docstring is the first constant
    return ""


def load(folder: str, name: str) -> Callable[..., Any]:
    """The public function of an entry.

    Raises UsageError for a name that is not in the folder, with the nearest valid ones.
    """
    name = check(folder, name)
    if name in _files(folder):
        function = getattr(import_module(f"pellucid.{folder}.{name}"), name)
    else:
        function = _outside(folder)[name].load()
    return function  # type: ignore[no-any-return]


def check(folder: str, name: str) -> str:
    """The catalogue key for `name` (dashes may stand for underscores); UsageError if there is none."""
    key = name.replace("-", "_")
    if key not in names(folder):
        raise unknown_name(FOLDERS[folder], name, names(folder))
    return key


@cache
def _files(folder: str) -> dict[str, Path]:
    here = Path(__file__).parent / folder
    return {path.stem: path for path in here.glob("*.py") if not path.stem.startswith("_")}


@cache
def _outside(folder: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=f"pellucid.{folder}")}

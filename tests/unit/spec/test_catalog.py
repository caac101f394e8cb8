"""The catalogue is what the folders hold, told without importing it, and what outside packages add."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from pellucid import catalog
from pellucid.errors import (
    DataError,
    DivergedError,
    InterruptedRunError,
    PellucidError,
    SpecError,
    StorageError,
    UsageError,
    unknown_name,
)
from pellucid.recipes.adam import adam


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One recipe from a package of someone else's."""
    entry = EntryPoint("theirs", "pellucid.recipes.adam:adam", "pellucid.recipes")

    def found(*, group: str) -> EntryPoints:
        return EntryPoints([entry] if group == entry.group else [])

    monkeypatch.setattr(catalog, "entry_points", found)
    caches = (catalog.names, catalog._files, catalog._outside)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def test_an_entry_of_an_outside_package_is_listed_told_and_loaded(outside: None) -> None:
    assert "theirs" in catalog.names("recipes")
    assert "theirs" not in catalog.names("networks")
    assert catalog.summary("recipes", "theirs") == "from pellucid.recipes.adam:adam"
    assert catalog.load("recipes", "theirs") is adam


def test_a_summary_is_read_without_a_syntax_tree_which_two_threads_cannot_build_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def built(*_: object, **__: object) -> None:
        raise SystemError("AST constructor recursion depth mismatch (before=141, after=155)")

    with monkeypatch.context() as patched:  # pytest itself builds trees
        patched.setattr(ast, "parse", built)
        told = catalog.summary("recipes", "adam")
    assert told == (adam.__doc__ or "").partition("\n")[0]


@pytest.mark.parametrize("name", ["lenet5-28", "lenet5_28"])
def test_dashes_stand_for_underscores(name: str) -> None:
    assert catalog.check("networks", name) == "lenet5_28"
    assert catalog.load("networks", name).__name__ == "lenet5_28"


@pytest.mark.parametrize("ask", [catalog.check, catalog.load, catalog.summary])
def test_an_unknown_name_lists_the_nearest_and_all(ask: object) -> None:
    with pytest.raises(UsageError, match=r"^unknown network 'lenet6'\. Did you mean .*lenet5.*\? Valid: .*vgg_small"):
        ask("networks", "lenet6")  # type: ignore[operator]
    with pytest.raises(UsageError, match="unknown data set 'mnits'. Did you mean mnist".replace(".", r"\.")):
        ask("datasets", "mnits")  # type: ignore[operator]


@pytest.mark.parametrize("name", ["../errors", "os.path", "_parse", "__init__", "", "lenet5.py"])
def test_a_name_is_never_a_path(name: str) -> None:
    with pytest.raises(UsageError, match="unknown view"):
        catalog.load("views", name)


def test_names_are_sorted_and_without_helpers() -> None:
    for folder in catalog.FOLDERS:
        names = catalog.names(folder)
        assert list(names) == sorted(names)
        assert not any(name.startswith("_") for name in names)


def test_the_summary_is_the_first_line_of_the_docstring() -> None:
    assert catalog.summary("recipes", "adam") == (adam.__doc__ or "").splitlines()[0]


def test_listing_imports_nothing_of_what_is_listed() -> None:
    script = (
        "import sys; from pellucid import catalog\n"
        "for folder in catalog.FOLDERS:\n"
        "    [catalog.summary(folder, name) for name in catalog.names(folder)]\n"
        "print([m for m in sys.modules if m in ('torch', 'numpy', 'altair') or m.startswith('pellucid.networks')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_exit_codes_are_the_documented_ones() -> None:
    codes = {error.__name__: error.exit_code for error in (PellucidError, *PellucidError.__subclasses__())}
    known = (PellucidError, UsageError, SpecError, DataError, DivergedError, StorageError, InterruptedRunError)
    assert {error.__name__: codes[error.__name__] for error in known} == {
        "PellucidError": 1,
        "UsageError": 2,
        "SpecError": 3,
        "DataError": 3,
        "DivergedError": 4,
        "StorageError": 5,
        "InterruptedRunError": 130,
    }


def test_an_unknown_name_among_none_or_far_from_all_has_no_hint() -> None:
    assert str(unknown_name("study", "seeds", [])) == "unknown study 'seeds'. Valid: (none)."
    assert str(unknown_name("view", "qqqq", ["none", "resize"])) == "unknown view 'qqqq'. Valid: none, resize."

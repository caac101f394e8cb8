"""Where files are looked for, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid.datasets import _source
from pellucid.datasets._download import Published
from pellucid.datasets._source import found, obtained
from pellucid.errors import DataError

FILE = Published("a.gz", 1, "0" * 64, ("http://127.0.0.1:9/",))


def _put(home: Path) -> Path:
    (home / "mnist").mkdir(parents=True)
    (home / "mnist" / "a.gz").write_bytes(b"x")
    return home / "mnist" / "a.gz"


def test_the_users_folder_comes_before_the_cache(data_home: Path, own_cache: Path) -> None:
    cached = _put(own_cache)
    assert found("mnist", ["a.gz"]) == cached
    named = _put(data_home)
    assert found("mnist", ["a.gz"]) == named


def test_without_the_variable_the_cache_is_used(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PELLUCID_DATA", raising=False)
    assert found("mnist", ["a.gz"]) is None
    assert found("mnist", ["b", "a.gz"]) is None
    cached = _put(own_cache)
    assert found("mnist", ["b", "a.gz"]) == cached


def test_what_is_nowhere_is_downloaded_into_the_cache(
    data_home: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(_source, "fetch", lambda published, *, folder: asked.append((published, folder)))
    obtained("mnist", FILE)
    assert asked == [(FILE, own_cache / "mnist")]
    _put(data_home)
    obtained("mnist", FILE)
    assert len(asked) == 1


def test_a_variable_that_names_no_folder_is_refused(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_DATA", "/no/such/folder")
    with pytest.raises(DataError, match="PELLUCID_DATA: expected a folder with mnist/ in it, found no folder"):
        found("mnist", ["a.gz"])

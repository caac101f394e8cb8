"""A data set by its name or its folder, and what is neither."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import two_classes

import pellucid as pl
from pellucid.errors import DataError, UsageError
from pellucid.spec import DataSpec
from pellucid.verbs.options import data_spec


def test_a_folder_is_a_data_set_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two_classes(tmp_path / "mine", count=1)
    monkeypatch.chdir(tmp_path)
    for given in ("mine", "./mine", Path("mine"), tmp_path / "mine"):
        found = data_spec(given, {"size": 8})
        assert found == DataSpec(name="image_folder", path=str((tmp_path / "mine").resolve()), size=8)


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir], ids=["file", "folder"])
def test_a_name_of_the_catalogue_is_that_data_set_whatever_else_has_it(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "digits")
    monkeypatch.chdir(tmp_path)
    assert data_spec("digits", {"subset": 100}) == DataSpec(name="digits", subset=100)
    assert len(pl.data("digits").train) == 1_197


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "images.zip").touch()
    monkeypatch.chdir(tmp_path)
    for given in ("images.zip", tmp_path / "images.zip"):
        told = f"{given}: expected a folder of images, one folder a class, found a file. Name the folder."
        with pytest.raises(DataError, match=f"^{re.escape(told)}$"):
            pl.train("mlp", given, runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("given", [np.zeros((4, 8, 8), np.uint8), ["a", "b"], 3], ids=["array", "list", "number"])
def test_arrays_are_no_data_set_and_the_classifier_is_named(given: Any, tmp_path: Path) -> None:
    told = f"data: expected a name, a folder or a DataSpec, found {type(given).__name__}. For arrays there is "
    with pytest.raises(UsageError, match=re.escape(told + "pellucid.Classifier.")):
        pl.train("mlp", given, runs=tmp_path / "runs")
    with pytest.raises(UsageError, match=re.escape(told)):
        pl.data(given)
    assert not (tmp_path / "runs").exists()


def test_of_a_name_that_is_nothing_both_its_meanings_are_told_and_a_wrong_value_is_no_wrong_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = r"unknown data set 'digit'\. Did you mean digits\?.* Nor is there a folder of that name here\.$"
    with pytest.raises(UsageError, match=words):
        data_spec("digit", {})
    with pytest.raises(UsageError, match=r"^channels: expected 1 \(gray\) or 3 \(colour\), found 2\.$"):
        data_spec("digits", {"channels": 2})

"""Images in one file for several processes."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pellucid.datasets._load import load
from pellucid.errors import DataError
from pellucid.images import Splits
from pellucid.spec import DataSpec, Dense, Flatten, Network, Recipe, RunSpec
from pellucid.training.executors import shared, task
from pellucid.training.executors.local import Processes
from pellucid.training.executors.shared import KEPT, SharedImages, opened
from pellucid.training.executors.task import Task, run_task

SPEC = DataSpec(name="digits", subset=100, views=("negative", "standardise"))


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_what_is_mapped_is_what_was_read() -> None:
    kept = SharedImages()
    assert SPEC not in kept
    folder = kept.folder(SPEC)
    assert folder is not None and SPEC in kept and kept.folder(SPEC) == folder
    found, read = opened(folder), load(SPEC)
    assert "_fingerprint" not in vars(found) and found.fingerprint() == read.fingerprint(), (
        "of the bytes that are there"
    )
    assert found.scaling == read.scaling and found.class_names == read.class_names
    for (_, one), (_, other) in zip(found, read, strict=True):
        assert (one.pixels == other.pixels).all() and (one.labels == other.labels).all()
        assert one.pixels.flags.writeable and one.labels.flags.aligned
    kept.close()


def test_arrays_that_are_mapped_already_are_beside_the_rest_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = load(DataSpec(name="digits"))
    mapped = np.memmap(tmp_path / "test", np.uint8, mode="w+", shape=read.test.pixels.shape)
    mapped[:] = read.test.pixels
    monkeypatch.setattr(shared, "load", lambda _: replace(read, test=replace(read.test, pixels=mapped)))
    kept = SharedImages()
    folder = kept.folder(SPEC)
    assert folder is not None and opened(folder).fingerprint() == read.fingerprint()
    assert (folder / "rest.pickle").stat().st_size < 5_000 < (folder / "arrays").stat().st_size
    kept.close()


def test_whoever_writes_writes_in_a_copy() -> None:
    kept = SharedImages()
    folder = kept.folder(SPEC)
    assert folder is not None
    one, other = opened(folder), opened(folder)
    before = other.train.pixels.copy()
    one.train.pixels[:] = 7
    assert (other.train.pixels == before).all() and (opened(folder).train.pixels == before).all()
    kept.close()


def test_files_go_when_they_are_let_go_and_what_was_mapped_stays(own_folder: Path) -> None:
    kept = SharedImages()
    first = kept.folder(SPEC)
    assert first is not None
    found = opened(first)
    for seed in range(1, KEPT):
        kept.folder(replace(SPEC, split_seed=seed))
    kept.folder(SPEC)  # asked for again: not the oldest any more
    kept.folder(replace(SPEC, split_seed=KEPT))
    assert SPEC in kept and replace(SPEC, split_seed=1) not in kept
    kept.close()
    assert not first.exists() and not list(own_folder.iterdir())
    assert found.fingerprint() == load(SPEC).fingerprint()
    with pytest.raises(OSError, match="No such file"):
        opened(first)
    assert task._images(SPEC, first).fingerprint() == found.fingerprint(), "read anew"


def test_images_that_cannot_be_read_or_written_are_left_to_the_run(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, tried = SharedImages(), []
    assert kept.folder(DataSpec(name="image_folder", path="nowhere")) is None

    def full(splits: Splits, folder: Path) -> None:
        tried.append(folder)
        (folder / "arrays").write_bytes(b"some of it")
        raise OSError("No space left on device")

    monkeypatch.setattr(shared, "_write", full)
    assert kept.folder(SPEC) is None and SPEC not in kept
    assert kept.folder(SPEC) is None and len(tried) == 1, "it is not tried again"
    assert not list(own_folder.glob("*/*/arrays")), "and leaves nothing"
    kept.close()


def test_what_a_killed_process_left_is_taken_away_and_what_another_uses_is_not(own_folder: Path) -> None:
    left, cats = own_folder / "pellucid-images-left", own_folder / "pellucid-images-cats"
    for folder in (left, cats):
        folder.mkdir()
        (folder / "arrays").write_bytes(b"x")
    (left / "made-by-pellucid").touch()
    other = SharedImages()
    used = other.folder(SPEC)
    kept = SharedImages()
    kept.folder(SPEC)
    assert cats.exists() and not left.exists()
    assert used is not None and np.any(opened(used).train.pixels)
    kept.close()
    other.close()


def test_runs_of_the_same_images_are_given_them_and_do_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network("dense", (Flatten(), Dense(10)))
    runs = [RunSpec(network=network, data=SPEC, recipe=Recipe(epochs=1), seed=seed, threads=1) for seed in range(2)]
    one, two = (Task(spec) for spec in runs)
    crew = Processes(2)
    given = crew._with_images(one, [one, two])
    assert given.images is not None and crew._with_images(two, [two]).images == given.images, "the last of them too"
    other = Task(replace(runs[0], data=replace(SPEC, subset=90)))
    assert crew._with_images(other, [other, one]) == other, "alone with its images"
    assert Processes(1)._with_images(one, [one, two]) == one, "alone with all"

    def gone(_: DataSpec) -> Splits:
        raise DataError("the images are gone")

    monkeypatch.setattr(task, "load", gone)
    outcome = run_task(given, tmp_path / "runs", tmp_path)
    assert outcome.result is not None and outcome.result["status"] == "finished"
    assert run_task(replace(two, images=None), tmp_path / "runs", tmp_path).error == "the images are gone"
    crew.close()

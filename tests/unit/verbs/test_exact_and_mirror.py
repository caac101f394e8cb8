"""Runs that leave nothing to the machine, and logits of mirror images."""

from __future__ import annotations

from pathlib import Path

import pytest

import pellucid as pl
from pellucid.errors import UsageError
from pellucid.images import Images


def test_an_exact_run_takes_one_thread_and_float32_and_asks_no_probe(tmp_path: Path) -> None:
    run = pl.train("mlp", "digits", epochs=1, exact=True, runs=tmp_path, pictures=False)
    decisions = run.folder.manifest["decisions"]
    assert decisions == {"device": "cpu", "precision": "fp32", "threads": 1, "probe": {}}
    assert (run.spec.threads, run.spec.precision, run.spec.device) == (1, "fp32", "cpu")


@pytest.mark.parametrize(("name", "value"), [("threads", 2), ("precision", "bf16"), ("device", "cuda")])
def test_exact_contradicts_other_choices(name: str, value: object, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"exact: expected {name}"):
        pl.train("mlp", "digits", exact=True, runs=tmp_path, **{name: value})


def test_mirror_takes_the_mean_logits_of_both_sides(tmp_path: Path) -> None:
    run = pl.train("mlp", "digits", epochs=1, exact=True, runs=tmp_path, pictures=False)
    images, model = run.images("test"), run.model()
    flipped = Images(images.pixels[:, :, ::-1].copy(), images.labels, images.class_names)
    logits = (model.logits(images) + model.logits(flipped)) / 2
    expected = float((logits.argmax(1) == images.labels).mean())
    assert run.evaluate(mirror=True).accuracy == expected
    assert run.evaluate(mirror=True).loss != run.evaluate().loss

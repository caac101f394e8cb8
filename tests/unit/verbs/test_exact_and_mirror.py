"""Runs that leave nothing to the machine, and logits of mirror images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import pellucid as pl
from pellucid.errors import UsageError
from pellucid.evaluation.evaluate import evaluate
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
    found = run.evaluate(mirror=True)
    assert found.accuracy == float((logits.argmax(1) == images.labels).mean())
    assert found.loss == pytest.approx(evaluate(logits, images.labels, run.class_names).loss, rel=1e-6)
    assert run.evaluate(mirror=True).loss != run.evaluate().loss


def test_shifted_takes_half_of_the_image_and_a_quarter_of_each_move(tmp_path: Path) -> None:
    run = pl.train("mlp", "digits", epochs=1, exact=True, runs=tmp_path, pictures=False)
    images, model = run.images("test"), run.model()

    def logits(down: int, right: int, *, mirror: bool = False) -> NDArray[np.float32]:
        at = [np.abs(np.arange(8) - move) for move in (down, right)]  # reflected at 0, and at 7:
        rows, columns = (np.where(one > 7, 14 - one, one) for one in at)
        moved = images.pixels[:, rows][:, :, columns]
        seen = np.ascontiguousarray(moved[:, :, ::-1] if mirror else moved)
        found: NDArray[np.float32] = model.logits(replace(images, pixels=seen))
        return found

    def loss(logits: NDArray[np.float32]) -> float:
        return evaluate(logits, images.labels, run.class_names).loss

    three = logits(0, 0) / 2 + (logits(1, 1) + logits(-1, -1)) / 4
    assert run.evaluate(shifted=True).loss == pytest.approx(loss(three), rel=1e-6)
    other = logits(0, 0, mirror=True) / 2
    # a mirror image of what was moved right is moved left
    other += (logits(1, 1, mirror=True) + logits(-1, -1, mirror=True)) / 4
    both = run.evaluate(shifted=True, mirror=True)
    assert both.loss == pytest.approx(loss((three + other) / 2), rel=1e-6)
    assert (
        len({one.loss for one in (both, run.evaluate(shifted=True), run.evaluate(mirror=True), run.evaluate())}) == 4
    )

"""Picture files as a run's network sees them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pellucid as pl
from pellucid.errors import DataError, DivergedError, StorageError
from pellucid.verbs.run import Run

OPTIONS = {"epochs": 1, "subset": 100, "precision": "fp32", "threads": 1, "pictures": False}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return pl.train("mlp", "digits", runs=tmp_path_factory.mktemp("runs"), **OPTIONS)


@pytest.fixture
def picture(run: Run, tmp_path: Path) -> Path:
    """The third test image."""
    Image.fromarray(run.images().pixels[2, :, :, 0]).save(tmp_path / "2.png")
    return tmp_path / "2.png"


def test_one_path_is_one_picture(run: Run, picture: Path) -> None:
    several = pl.predict(run, [picture, picture])
    for given in (picture, str(picture)):
        found = pl.predict(run, given)
        assert found.files == (str(picture),) and found.probabilities.shape == (1, 10)
        assert np.allclose(found.probabilities, several.probabilities[:1], rtol=1e-6)
    logits = run.model().logits(run.images().take(np.array([2])))
    assert found.labels.tolist() == [int(logits.argmax())]


def test_files_that_are_not_there_are_all_named(run: Run, picture: Path, tmp_path: Path) -> None:
    none, link = tmp_path / "none.png", tmp_path / "link.png"
    link.symlink_to(none)
    told = (
        f"expected 1 picture, found 1 that cannot be read: {none} (no such file). Check the paths, or leave them out."
    )
    for given in (none, str(none), [none]):
        with pytest.raises(DataError, match=f"^{re.escape(told)}$"):
            pl.predict(run, given)
    with pytest.raises(DataError, match=f"^{re.escape(told)}$"):
        pl.look(run, "gradient", images=[none])
    told = f"expected 3 pictures, found 2 that cannot be read: {none} (no such file); {link} (broken link). Check"
    with pytest.raises(DataError, match=re.escape(told)):
        pl.predict(run, [none, picture, link])


def test_a_network_whose_training_broke_at_once_has_no_weights_to_ask(tmp_path: Path, picture: Path) -> None:
    with pytest.raises(DivergedError):
        pl.train("mlp", "digits", runs=tmp_path, optimizer="sgd", lr=1e30, **OPTIONS)
    broken = pl.run("last", runs=tmp_path)
    words = rf"^{broken.id}: expected best weights, found that it ended diverged \(epoch 1, step \d.*the loss is "
    for ask in (
        broken.evaluate,
        lambda: broken.evaluate(split="validation"),
        lambda: pl.look(broken, "filters"),
        lambda: pl.predict(broken, picture),
    ):
        with pytest.raises(StorageError, match=rf"{words}.*Train it with other values\.$"):
            ask()
    assert broken.draw() == [] and broken.status == "diverged"

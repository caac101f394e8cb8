"""The same words in Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from torch import nn

import pellucid as pl
from pellucid.datasets.digits import digits
from pellucid.errors import DataError, UsageError


def test_importing_loads_neither_torch_nor_numpy() -> None:
    check = "import sys, pellucid; assert not {'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_a_run_has_a_history_of_arrays_and_shows_itself(tmp_path: Path) -> None:
    run = pl.train("mlp", "digits", epochs=2, runs=tmp_path, threads=1, pictures=False)
    assert run.history["epoch"].tolist() == [1, 2]
    assert run.history["validation_accuracy"].dtype == np.float64
    assert run.evaluate().accuracy == run.result["test_accuracy"]
    assert "<table" in run._repr_html_()
    again = pl.run("last", runs=tmp_path)
    assert again.spec == run.spec
    assert again.evaluate(weights="last").images == 300
    assert [row["id"] for row in pl.runs(tmp_path)] == [run.id]


def test_a_module_of_ones_own_is_trained_kept_and_asked(tmp_path: Path) -> None:
    def module() -> nn.Module:
        import torch

        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10))

    run = pl.train(module(), "digits", epochs=4, lr=0.01, runs=tmp_path, pictures=False)
    assert run.result["test_accuracy"] > 0.85
    assert pl.train(module(), "digits", epochs=4, lr=0.01, runs=tmp_path, pictures=False).id == run.id
    kept = pl.run("last", runs=tmp_path)
    with pytest.raises(UsageError, match="expected the module that it trained"):
        kept.evaluate(split="validation")


def test_an_unknown_option_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown option 'epoch'\. Did you mean epochs"):
        pl.train("mlp", "digits", epoch=3)


@pytest.mark.parametrize("network", ["mlp", nn.Sequential(nn.Flatten(), nn.Linear(64, 10))], ids=["name", "module"])
def test_a_shift_out_of_sight_is_refused_before_anything_is_kept(network: str | nn.Module, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="shift: expected fewer pixels than the images' 8 a side, found 8"):
        pl.train(network, "digits", shift=8, runs=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_classifier_works_in_scikit_learn() -> None:
    train = digits().train
    x, y = train.pixels[:600, ..., 0], np.array(list("abcdefghij"))[train.labels[:600]]
    classifier = pl.Classifier("mlp", epochs=20, lr=0.005, threads=1)
    assert clone(classifier).get_params() == classifier.get_params()
    assert cross_val_score(classifier, x, y, cv=3).min() > 0.8
    classifier.fit(x / 255.0, y)
    assert classifier.classes_.tolist() == list("abcdefghij")
    p = classifier.predict_proba(x[:7] / 255.0)
    assert p.shape == (7, 10)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (classifier.predict(x[:7] / 255.0) == classifier.classes_[p.argmax(axis=1)]).all()
    # what 1.0 means was settled by fit: a dark image alone is read on the same scale
    np.testing.assert_allclose(classifier.predict_proba(x[:1] / 255.0), p[:1], rtol=1e-5)
    with pytest.raises(DataError, match="expected images of shape"):
        classifier.predict(np.zeros((1, 9, 9)))


def test_the_classifier_refuses_what_is_no_image_set() -> None:
    with pytest.raises(DataError, match="expected two classes or more, found 1"):
        pl.Classifier("mlp").fit(np.zeros((4, 8, 8)), [1] * 4)
    with pytest.raises(DataError, match="image_shape"):
        pl.Classifier("mlp").fit(np.zeros((4, 64)), [0, 1, 0, 1])
    with pytest.raises(DataError, match="found NaN or infinity"):
        pl.Classifier("mlp").fit(np.full((4, 8, 8), np.nan), [0, 1, 0, 1])


def test_smaller_images_that_are_none_or_do_not_fit_are_refused() -> None:
    smaller = {"progressive_size": 4}
    with pytest.raises(UsageError, match="expected images that all weights of mlp can take, found 4"):
        pl.Classifier("mlp", recipe_options=smaller).fit(np.zeros((4, 8, 8), np.uint8), [0, 1, 0, 1])
    with pytest.raises(UsageError, match="expected fewer pixels than the images' 8 a side, found 8"):
        pl.train(nn.Flatten(), "digits", progressive_size=8, size=8)

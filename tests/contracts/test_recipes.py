"""Every recipe keeps the law of the starred folders, comes back from plain data, and trains."""

from __future__ import annotations

import inspect
import json
from dataclasses import asdict

import numpy as np
import pytest

from pellucid import catalog
from pellucid.engines.pytorch import trainer
from pellucid.images import Images, Scaling
from pellucid.spec import Augmentation, DataSpec, Dense, Flatten, Network, Recipe, RunSpec
from pellucid.spec.recipe import OPTIMIZERS
from pellucid.training.schedules import learning_rate

NAMES = catalog.names("recipes")


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_told_in_a_line_and_takes_a_learning_rate(name: str) -> None:
    function = catalog.load("recipes", name)
    assert 10 < len(catalog.summary("recipes", name)) <= 118
    for parameter in inspect.signature(function).parameters.values():
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert parameter.default is not parameter.empty
        assert getattr(function(), parameter.name) == parameter.default
    assert function(lr=0.125).lr == 0.125


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_comes_back_from_json(name: str) -> None:
    recipe = catalog.load("recipes", name)()
    plain = json.loads(json.dumps(asdict(recipe)))
    assert Recipe(**{**plain, "augmentation": Augmentation(**plain["augmentation"])}) == recipe


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_lowers_the_loss(name: str) -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(32, dtype=np.int64) % 2
    pixels = (labels[:, None, None, None] * 120 + generator.integers(0, 90, (32, 6, 6, 1))).astype(np.uint8)
    images, recipe = Images(pixels, labels, ("a", "b")), catalog.load("recipes", name)()
    network = Network("small", (Flatten(), Dense(8), Dense(2)))
    trained = trainer(network, images, Scaling.unit(1), recipe, seed=0)
    before = trained.score(images).loss
    for epoch in range(1, 11):
        trained.begin_epoch(epoch)
        for index in range(trained.steps_per_epoch):
            step = (epoch - 1) * trained.steps_per_epoch + index
            trained.step(index, learning_rate(recipe, min(step, recipe.epochs - 1), trained.steps_per_epoch, []))
    assert trained.score(images).loss < before


def test_there_is_a_recipe_for_every_optimizer() -> None:
    assert {catalog.load("recipes", name)().optimizer for name in NAMES} == set(OPTIMIZERS)


def test_runs_of_different_recipes_have_different_names() -> None:
    network, data = Network("small", (Flatten(), Dense(2))), DataSpec(name="digits")
    ids = {RunSpec(network=network, data=data, recipe=catalog.load("recipes", name)()).id for name in NAMES}
    assert len(ids) == len(NAMES)

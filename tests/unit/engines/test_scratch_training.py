"""Trainings by hand: optimizers by their formulas, the same bits when resumed, and what is refused."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from optimizer_formulas import CASES, OF_MATRICES, State, adamw
from torch import nn

from pellucid import catalog
from pellucid.engines import pytorch, scratch
from pellucid.engines.initial_weights import initial_weights
from pellucid.engines.scratch.network import build
from pellucid.engines.scratch.optimizers import optimizer
from pellucid.engines.scratch.team import Team
from pellucid.errors import DataError, DivergedError, SpecError, UsageError
from pellucid.images import Images, Scaling
from pellucid.spec import (
    Activation,
    Augmentation,
    Flatten,
    Network,
    Recipe,
)
from pellucid.spec import (
    BatchNorm as BatchNormSpec,
)
from pellucid.spec import Conv as ConvSpec
from pellucid.spec import (
    Dense as DenseSpec,
)
from pellucid.spec import Dropout as DropoutSpec
from pellucid.spec import (
    Scale as ScaleSpec,
)


@pytest.mark.parametrize(
    ("formula", "options"), CASES, ids=lambda value: getattr(value, "__name__", None) or str(value)
)
@pytest.mark.parametrize("decay", [0.0, 0.1], ids=["", "decay"])
def test_twenty_steps_follow_the_formula(formula: Any, options: dict[str, object], decay: float) -> None:
    recipe = Recipe(optimizer=formula.__name__, lr=0.01, weight_decay=decay, **options)  # type: ignore[arg-type]
    generator = np.random.default_rng(0)
    shapes = [(7,), (5, 6), (4, 3, 2, 2), (200, 300), (3, 2)]
    xs = [generator.standard_normal(shape) for shape in shapes]
    vector, gradient = np.concatenate([x.ravel() for x in xs]), np.zeros(sum(x.size for x in xs))
    follow, states = optimizer(recipe, vector, gradient, shapes), [State() for _ in xs]
    for t in range(1, 21):
        rated = replace(recipe, lr=recipe.lr * (1 + t % 3))
        gs = [generator.standard_normal(shape) for shape in shapes]
        gradient[:] = np.concatenate([g.ravel() for g in gs])
        follow.step(rated.lr)
        rules = [
            adamw if formula in OF_MATRICES and (x.ndim == 1 or k == len(xs) - 1) else formula
            for k, x in enumerate(xs)
        ]
        xs = [rule(rated, x, g, s, t) for rule, x, g, s in zip(rules, xs, gs, states, strict=True)]
    np.testing.assert_allclose(vector, np.concatenate([x.ravel() for x in xs]), rtol=1e-9, atol=1e-9)


SMALL = Network(
    "small",
    (ConvSpec(4, 3), Activation("relu"), Flatten(), DropoutSpec(0.3), DenseSpec(8), Activation("tanh"), DenseSpec(3)),
)
NORMED = Network(
    "normed",
    (
        ConvSpec(4, 3),
        BatchNormSpec(),
        Activation("relu"),
        ConvSpec(3, 3, bias=False),
        BatchNormSpec(scale=False),
        Flatten(),
        DenseSpec(3),
        ScaleSpec(0.25),
    ),
)
SCALING = Scaling((1 / 255,), (0.0,))


def some(count: int = 26) -> Images:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (count, 8, 8, 1), dtype=np.uint8)
    return Images(pixels, generator.integers(0, 3, count), ("a", "b", "c"))


@pytest.mark.parametrize("network", [SMALL, NORMED], ids=["dropout", "batch norm"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("rule", ["sgd", "adam", "muon"])
def test_a_resumed_training_ends_in_the_same_bits(network: Network, threads: int, rule: str) -> None:
    recipe = Recipe(
        batch_size=8, optimizer=rule, momentum=0.9, l2=0.1, augmentation=Augmentation(shift=1, horizontal_flip=True)
    )

    def trainer() -> Any:
        return scratch.trainer(network, some(), SCALING, recipe, seed=5)

    with scratch.threads(threads):
        whole = trainer()
        for index in range(3):
            whole.step(index, 0.01)
        whole.begin_epoch(2)
        whole.step(0, 0.01)
        state = whole.state()
        other = trainer()
        other.load_state(state)
        for one in (whole, other):
            one.step(1, 0.01)
            one.step(2, 0.01)
        for key, value in whole.state().items():
            assert value.tobytes() == other.state()[key].tobytes(), key
        assert whole.totals() == other.totals()


def test_shares_of_a_batch_have_the_gradient_of_the_whole_batch() -> None:
    network = catalog.load("networks", "lenet5")()
    arrays = initial_weights(network, (28, 28, 1), seed=0)
    x, labels = np.random.default_rng(0).standard_normal((7, 1, 28, 28)), np.arange(7)
    found = []
    for count in (1, 2, 3):
        module = build(network, (28, 28, 1), arrays, dtype=np.float64)
        team = Team(module, count)
        assert len(team.members) == count
        loss, logits = team.learn(Recipe(), lambda share: x[share], labels)
        found.append((loss, logits, module.gradient.copy()))
    for loss, logits, gradient in found[1:]:
        assert loss == pytest.approx(found[0][0])
        np.testing.assert_allclose(logits, found[0][1], atol=1e-12)
        np.testing.assert_allclose(gradient, found[0][2], atol=1e-12)
    assert len(Team(build(NORMED, (8, 8, 1), initial_weights(NORMED, (8, 8, 1), seed=0)), 2).members) == 1


def test_weights_of_one_engine_give_the_same_answers_in_the_other() -> None:
    for engine, other in ((scratch, pytorch), (pytorch, scratch)):
        for network in (SMALL, NORMED):
            trained = engine.trainer(network, some(), SCALING, Recipe(batch_size=8), seed=1)
            for index in range(trained.steps_per_epoch):
                trained.step(index, 0.01)
            answers = other.model(network, (8, 8, 1), SCALING, trained.weights()).logits(some())
            np.testing.assert_allclose(answers, trained.logits(some()), atol=1e-5)
            assert (answers.argmax(1) == trained.logits(some()).argmax(1)).all()


def test_bad_batches_are_refused_in_words() -> None:
    module = build(NORMED, (8, 8, 1), initial_weights(NORMED, (8, 8, 1), seed=0))
    for x, words in (
        (np.zeros((2, 1, 8, 8), np.float16), "found float16"),
        (np.zeros((2, 1, 8, 8), np.int64), "found int64"),
        (np.zeros((0, 1, 8, 8), np.float32), "found an empty batch"),
        (np.full((2, 1, 8, 8), np.nan, np.float32), "found NaN"),
    ):
        with pytest.raises(DataError, match=re.escape(words)):
            module.forward(x)  # type: ignore[arg-type]
    vectors = Network("vectors", (Flatten(), DenseSpec(4), BatchNormSpec(), DenseSpec(3)))
    module = build(vectors, (8, 8, 1), initial_weights(vectors, (8, 8, 1), seed=0))
    with pytest.raises(DataError, match="batch norm: expected two values a channel or more"):
        module.forward(np.zeros((1, 1, 8, 8), np.float32))


def test_what_this_engine_lacks_is_named_with_the_way_out() -> None:
    with pytest.raises(UsageError, match=r"precision: expected fp32.*engine scratch.*engines/scratch/model.py"):
        scratch.trainer(SMALL, some(), SCALING, Recipe(), seed=0, precision="bf16")
    with pytest.raises(UsageError, match=r"device: expected cpu.*engine scratch.*--engine pytorch"):
        scratch.trainer(SMALL, some(), SCALING, Recipe(), seed=0, device="cuda")
    with pytest.raises(UsageError, match="Modules of PyTorch need --engine pytorch"):
        scratch.trainer(nn.Linear(2, 2), some(), SCALING, Recipe(), seed=0)
    with pytest.raises(SpecError, match=r"weights, conv1\.weight: expected shape"):
        arrays = initial_weights(SMALL, (8, 8, 1), seed=0)
        arrays["conv1.weight"] = arrays["conv1.weight"][:, :, :2]
        scratch.model(SMALL, (8, 8, 1), SCALING, arrays)


def test_a_loss_that_breaks_stops_within_the_step() -> None:
    trained = scratch.trainer(SMALL, some(), SCALING, Recipe(batch_size=8, optimizer="sgd"), seed=0)
    with pytest.raises(DivergedError, match=r"epoch 1, step 3: the loss is"):
        for index in range(3):
            trained.step(index, 1e30 if index else 0.1)


def test_training_needs_no_torch() -> None:
    words = """
import sys
from pellucid.verbs.train import train
import tempfile
run = train("one_conv", "digits", engine="scratch", size=16, epochs=2, subset=400, pictures=False,
            runs=tempfile.mkdtemp())
assert run.result["test_accuracy"] > 0.5, run.result
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

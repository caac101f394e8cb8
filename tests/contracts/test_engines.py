"""Every engine gives what `pellucid.engines.engine` promises, in names, arguments and numbers."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from pellucid.engines.engine import Engine, Model, Trainer, engine
from pellucid.engines.initial_weights import initial_weights
from pellucid.errors import SpecError, UsageError
from pellucid.images import Images, Scaling
from pellucid.spec import (
    Activation,
    Augmentation,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    GlobalPool,
    MaxPool,
    Network,
    Recipe,
    Whitening,
)
from pellucid.spec.run import ENGINES
from pellucid.spec.shapes import parameter_shapes

NETWORK = Network("small", (Conv(3, 3), BatchNorm(), Activation("relu"), MaxPool(2), Flatten(), Dense(2)))
SHAPE, SCALING = (8, 8, 1), Scaling((1 / 100,), (-0.5,))
every_engine = pytest.mark.parametrize("name", ENGINES)


def images(count: int = 12) -> Images:
    pixels = np.random.default_rng(0).integers(0, 256, (count, *SHAPE), dtype=np.uint8)
    return Images(pixels, np.arange(count, dtype=np.int64) % 2, ("a", "b"))


def trainer(name: str, **options: Any) -> Trainer:
    return engine(name).trainer(NETWORK, images(), SCALING, Recipe(batch_size=4, **options), seed=3)


def promised(protocol: type) -> dict[str, Any]:
    return {name: value for name, value in vars(protocol).items() if inspect.isfunction(value) and name[0] != "_"}


def parameters(function: Any) -> list[tuple[str, Any, bool]]:
    return [
        (name, parameter.kind, parameter.default is parameter.empty)
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "self"
    ]


@every_engine
def test_an_engine_has_the_functions_of_the_protocol_with_their_arguments(name: str) -> None:
    found = engine(name)
    model = found.model(NETWORK, SHAPE, SCALING)
    for protocol, holder in ((Engine, found), (Trainer, trainer(name)), (Model, model)):
        for function, signature in promised(protocol).items():
            assert parameters(getattr(holder, function)) == parameters(signature), function


@every_engine
def test_alternating_flips_show_each_image_once_each_way_in_two_epochs(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.zeros((20, *SHAPE), np.uint8)
    pixels[:, :, 0] = np.arange(1, 21, dtype=np.uint8)[:, None, None]  # which image it is, at its left
    labelled = Images(pixels, np.arange(20, dtype=np.int64) % 2, ("a", "b"))
    recipe = Recipe(batch_size=6, augmentation=Augmentation(alternating_flip=True))
    trained: Any = engine(name).trainer(NETWORK, labelled, SCALING, recipe, seed=3)
    shown: list[Any] = []
    given = trained.model.input
    monkeypatch.setattr(trained.model, "input", lambda seen: (shown.append(np.asarray(seen)), given(seen))[1])
    for epoch in (1, 2):
        trained.begin_epoch(epoch)
        for index in range(trained.steps_per_epoch):
            trained.step(index, 0.01)
    every = np.concatenate(shown)[:, 0, :, 0]
    for column in (0, -1):
        sides = every[:, column][every[:, column] > 0]
        assert sorted(sides.tolist()) == list(range(1, 21))
    first = every[:20]
    assert 0 < (first[:, 0] > 0).sum() < 20, "some of them mirrored in each epoch"


@every_engine
def test_the_first_epochs_show_smaller_images_where_asked_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network("sizes", (Conv(3, 3), BatchNorm(), Activation("relu"), MaxPool(2), GlobalPool(), Dense(2)))
    recipe = Recipe(epochs=4, batch_size=5, progressive_size=5, progressive_share=0.5)
    trained: Any = engine(name).trainer(network, images(), SCALING, recipe, seed=3)
    shown: list[Any] = []
    given = trained.model.input
    monkeypatch.setattr(trained.model, "input", lambda seen: (shown.append(np.asarray(seen)), given(seen))[1])
    sizes = []
    for epoch in (1, 2, 3, 4):
        trained.begin_epoch(epoch)
        for index in range(trained.steps_per_epoch):
            trained.step(index, 0.01)
        sizes.append({one.shape[1:] for one in shown})
        shown.clear()
    assert sizes == [{(5, 5, 1)}, {(5, 5, 1)}, {SHAPE}, {SHAPE}]
    assert trained.logits(images()).shape == (12, 2)


@every_engine
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_the_bias_behind_a_whitening_rests_after_its_epochs(name: str, optimizer: str) -> None:
    network = Network("whitened", (Whitening(2), Activation("relu"), Conv(3, 3), GlobalPool(), Dense(2)))
    recipe = Recipe(
        epochs=3, batch_size=5, whitening_epochs=1, optimizer=optimizer, momentum=0.9 * (optimizer == "sgd"),
        weight_decay=0.1,
    )  # fmt: skip

    def begun() -> Trainer:
        return engine(name).trainer(network, images(), SCALING, recipe, seed=3)

    trained, weights = begun(), []
    for epoch in (1, 2, 3):
        trained.begin_epoch(epoch)
        trained.step(0, 0.1)
        if epoch == 3:  # one that goes on from here
            other = begun()
            other.load_state(trained.state())
            other.step(1, 0.1)
        trained.step(1, 0.1)
        weights.append(trained.weights())
    bias = [one["whitening1.bias"] for one in (begun().weights(), *weights)]
    assert (bias[0] != bias[1]).any() and (bias[1] == bias[2]).all() and (bias[1] == bias[3]).all()
    assert (weights[1]["conv1.weight"] != weights[2]["conv1.weight"]).any()
    assert all((array == other.weights()[key]).all() for key, array in weights[2].items())


@every_engine
def test_weights_begin_as_the_spec_names_and_draws_them(name: str) -> None:
    weights, expected = trainer(name).weights(), initial_weights(NETWORK, SHAPE, seed=3)
    trainable, buffers = parameter_shapes(NETWORK, SHAPE)
    assert {key: array.shape for key, array in weights.items()} == trainable | buffers
    for key, array in expected.items():
        np.testing.assert_array_equal(weights[key], array)
        assert weights[key].dtype == np.float32


@every_engine
def test_weights_and_states_are_copies(name: str) -> None:
    trained = trainer(name)
    weights, state = trained.weights(), trained.state()
    before = {key: array.copy() for key, array in weights.items()}
    whole = {key: array.copy() for key, array in state.items()}
    trained.step(0, 0.1)
    assert all((weights[key] == before[key]).all() for key in weights)
    assert all((state[key] == whole[key]).all() for key in state)
    assert any((array != before[key]).any() for key, array in trained.weights().items())


@every_engine
def test_a_model_with_a_trainers_weights_answers_as_the_trainer_does(name: str) -> None:
    trained = trainer(name)
    for index in range(trained.steps_per_epoch):
        trained.step(index, 0.05)
    model = engine(name).model(NETWORK, SHAPE, SCALING, trained.weights())
    logits = model.logits(images())
    assert logits.dtype == np.float32
    assert logits.shape == (12, 2)
    np.testing.assert_array_equal(logits, trained.logits(images()))
    score = trained.score(images())
    assert score.accuracy == (logits.argmax(1) == images().labels).mean()
    spread = np.log(np.exp(logits.astype(np.float64)).sum(1))
    assert score.loss == pytest.approx((spread - logits[np.arange(12), images().labels]).mean(), rel=1e-5)


@every_engine
def test_logits_are_those_of_the_scaled_pixels(name: str) -> None:
    network = Network("dense", (Flatten(), Dense(2)))
    weights = initial_weights(network, SHAPE, seed=1)
    logits = engine(name).model(network, SHAPE, SCALING, dict(weights)).logits(images())
    x = (images().pixels / 100 - 0.5).transpose(0, 3, 1, 2).reshape(12, -1)
    np.testing.assert_allclose(logits, x @ weights["fc1.weight"].T + weights["fc1.bias"], rtol=1e-5, atol=1e-5)


@every_engine
def test_logits_do_not_depend_on_the_images_beside(name: str) -> None:
    model = engine(name).model(NETWORK, SHAPE, SCALING, initial_weights(NETWORK, SHAPE, seed=1))
    many = images(1201)  # more than one batch of evaluation
    np.testing.assert_allclose(model.logits(many)[-5:], model.logits(many.take(np.arange(1196, 1201))), atol=1e-5)


@every_engine
def test_weights_of_another_network_are_refused(name: str) -> None:
    arrays = initial_weights(Network("other", (Flatten(), Dense(2, name="last"))), SHAPE, seed=0)
    with pytest.raises(SpecError, match="weights: expected the arrays of this network"):
        engine(name).model(NETWORK, SHAPE, SCALING, arrays)


@every_engine
def test_images_read_only_from_a_cache_are_trained_on_and_left_alone(name: str) -> None:
    held = images()
    held.pixels.flags.writeable = False
    held.labels.flags.writeable = False
    trained = engine(name).trainer(NETWORK, held, SCALING, Recipe(batch_size=4), seed=3)
    trained.step(0, 0.1)
    trained.score(held)
    assert held.fingerprint() == images().fingerprint()


@every_engine
def test_threads_are_given_back(name: str) -> None:
    found = engine(name)
    with found.threads(None) as before:
        pass
    with pytest.raises(ZeroDivisionError), found.threads(1) as count:
        assert count == 1
        raise ZeroDivisionError
    with found.threads(None) as after:
        assert after == before


@every_engine
def test_the_choice_of_precision_is_told_with_its_seconds_and_touches_nothing(name: str) -> None:
    precision, seconds = engine(name).choose_precision(NETWORK, SHAPE, 2, Recipe(batch_size=4), device="cpu")
    if name == "scratch":
        assert (precision, seconds) == ("fp32", {}), "nothing to choose between"
        return
    assert set(seconds) == {"fp32", "bf16"}
    assert all(value > 0 for value in seconds.values())
    assert precision == ("bf16" if seconds["bf16"] <= 0.9 * seconds["fp32"] else "fp32")


@every_engine
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    assert engine(name).choose_device("cpu") == "cpu"
    if engine(name).choose_device("auto") == "cuda":
        pytest.skip("there is a CUDA device here")
    words = "expected a CUDA device, found none" if name == "pytorch" else "expected cpu, the one device"
    with pytest.raises(UsageError, match=f"device: {words}"):
        engine(name).choose_device("cuda")
    with pytest.raises(UsageError, match=f"device: {words}"):
        engine(name).check(NETWORK, "cuda", "auto")
    engine(name).check(NETWORK, "auto", "auto")


def test_an_unknown_engine_lists_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"unknown engine 'torch'\. Did you mean pytorch"):
        engine("torch")

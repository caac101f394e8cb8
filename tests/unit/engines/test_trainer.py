"""The training step: what it computes, and that it can be left and taken up again to the bit."""

from __future__ import annotations

import sys
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid import catalog
from pellucid.engines.pytorch import trainer
from pellucid.engines.pytorch.build import build
from pellucid.engines.pytorch.losses import loss_function
from pellucid.engines.pytorch.trainer import CHECK_EVERY, TorchTrainer
from pellucid.errors import DivergedError, SpecError
from pellucid.images import Images, Scaling
from pellucid.spec import (
    Activation,
    Augmentation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    MaxPool,
    Network,
    Recipe,
    Residual,
)
from pellucid.spec.recipe import OPTIMIZERS


def images(count: int = 40, size: int = 12) -> Images:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (count, size, size, 1), dtype=np.uint8)
    return Images(pixels, np.arange(count, dtype=np.int64) % 3, ("a", "b", "c"))


def make(name: str, recipe: Recipe, **options: object) -> TorchTrainer:
    network = catalog.load("networks", name)(input_shape=(12, 12, 1), classes=3, **options)
    return trainer(network, images(), Scaling.unit(1), recipe, seed=5)


def convolutional(recipe: Recipe, *, seed: int = 5) -> TorchTrainer:
    """With everything that keeps a state of its own: convolutions, batch norm, dropout, a residual block."""
    network = Network(
        "small",
        (
            Conv(6, 3, stride=2),
            BatchNorm(),
            Activation("relu"),
            Residual((Conv(6, 3, padding="same", bias=False), BatchNorm())),
            MaxPool(2),
            Dropout(0.3),
            Flatten(),
            Dense(9),
            Dropout(0.5),
            Dense(3),
        ),
    )
    return trainer(network, images(), Scaling.unit(1), recipe, seed=seed)


def bits(arrays: dict[str, np.ndarray]) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in arrays.items()}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", ["convolutional", "row_rnn", "row_lstm", "row_gru"])
def test_a_state_taken_in_mid_epoch_goes_on_to_the_same_bits(name: str, optimizer: str) -> None:
    changes = Augmentation(shift=1, horizontal_flip=True, brightness=0.2, cutout=2)
    recipe = Recipe(
        optimizer=optimizer, momentum=0.5, nesterov=True, batch_size=8, l2=0.1, weight_decay=0.1, augmentation=changes
    )

    def fresh() -> TorchTrainer:
        return convolutional(recipe) if name == "convolutional" else make(name, recipe, hidden_size=8)

    whole, first, second = fresh(), fresh(), fresh()
    for epoch, steps in ((1, 5), (2, 5)):
        whole.begin_epoch(epoch)
        for index in range(steps):
            whole.step(index, 0.01 / epoch)
    for epoch, steps in ((1, 5), (2, 2)):
        first.begin_epoch(epoch)
        for index in range(steps):
            first.step(index, 0.01 / epoch)
    taken = first.state()
    first.step(2, 1.0)  # what was taken is a copy
    second.load_state(taken)
    torch.rand(7)
    for index in range(2, 5):
        second.step(index, 0.01 / 2)
    assert bits(second.state()) == bits(whole.state())
    assert second.totals() == whole.totals()


@pytest.mark.parametrize("size", [1, 2 * 8, 1_000])
def test_images_made_ready_for_several_steps_are_those_of_each_step(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    each = 4 * images().pixels[0].size
    monkeypatch.setattr(sys.modules[TorchTrainer.__module__], "READY", size * each)
    trained = make("row_rnn", Recipe(batch_size=8), hidden_size=8)
    seen: list[Tensor] = []
    trained.module.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    for epoch, steps in ((1, range(5)), (2, (3, 1, 2))):  # as one that is gone back to, too
        trained.begin_epoch(epoch)
        seen.clear()
        for index in steps:
            trained.step(index, 0.01)
            rows = trained._order[trained._rows[index]]
            assert torch.equal(seen[-1], trained.model.input(trained._pixels[rows]))


def test_the_totals_so_far_come_back_with_the_state() -> None:
    first, second = (convolutional(Recipe(batch_size=8)) for _ in range(2))
    first.begin_epoch(4)
    for index in range(3):
        first.step(index, 0.01)
    second.load_state(first.state())
    assert second.totals() == first.totals()
    assert second.totals().images == 24


@pytest.mark.parametrize("change", ["seed", "epoch", "step"])
def test_a_step_differs_by_seed_epoch_and_place(change: str) -> None:
    recipe = Recipe(batch_size=40, optimizer="sgd", augmentation=Augmentation(shift=1))
    one, two = convolutional(recipe), convolutional(recipe, seed=6 if change == "seed" else 5)
    two.load_weights(one.weights())
    two.begin_epoch(2 if change == "epoch" else 1)
    for trained in (one, two):  # the same forty images in each step
        trained._order, trained._rows = torch.arange(40), [slice(0, 40)] * 2
        trained._answers = trained._labels
        trained._losses = torch.zeros(2)
    one.step(0, 0.01)
    two.step(1 if change == "step" else 0, 0.01)
    assert bits(one.weights()) != bits(two.weights())


def test_training_leaves_the_users_generator_as_it_was() -> None:
    trained = convolutional(Recipe(batch_size=8))
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    trained.step(0, 0.01)
    trained.score(images())
    assert torch.equal(torch.rand(4), expected)
    trained.module.register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(ZeroDivisionError))
    torch.manual_seed(3)
    with pytest.raises(ZeroDivisionError):
        trained.step(1, 0.01)
    assert torch.equal(torch.rand(4), expected)


class Drawing(nn.Module):
    """A stranger's module that draws in ways that no layer of ours does, and holds a single number."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(1.5))
        self.dense = nn.Linear(144, 3)
        self.channels = nn.Dropout2d(0.5)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.dropout(self.channels(x), 0.5, self.training)
        logits: Tensor = self.dense(x.flatten(1) * self.gain)
        return logits


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "muon"])
def test_a_strangers_module_goes_on_to_the_same_bits_whatever_it_draws(optimizer: str) -> None:
    recipe = Recipe(optimizer=optimizer, momentum=0.5, batch_size=8)
    given = deepcopy(Drawing())
    whole, first, second = (trainer(deepcopy(given), images(), Scaling.unit(1), recipe, seed=1) for _ in range(3))
    for index in range(4):
        whole.step(index, 0.01)
    for index in range(2):
        first.step(index, 0.01)
    second.load_state(first.state())
    for index in (2, 3):
        second.step(index, 0.01)
    assert bits(second.state()) == bits(whole.state())


def test_a_frozen_parameter_stays() -> None:
    module = Drawing()
    module.dense.weight.requires_grad_(False)
    before = module.dense.weight.clone()
    trained = trainer(module, images(), Scaling.unit(1), Recipe(batch_size=8, l2=1.0), seed=1)
    trained.step(0, 0.1)
    assert torch.equal(module.dense.weight, before)
    assert not any(name.startswith("optimizer/dense.weight") for name in trained.state())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_state_taken_on_cuda_goes_on_there() -> None:
    network = catalog.load("networks", "mlp")(input_shape=(12, 12, 1), classes=3, dropout=0.5)
    for optimizer in OPTIMIZERS:
        recipe = Recipe(optimizer=optimizer, momentum=0.5, batch_size=8)
        whole, first, second = (
            trainer(network, images(), Scaling.unit(1), recipe, seed=1, device="cuda") for _ in range(3)
        )
        for index in range(4):
            whole.step(index, 0.01)
        for index in range(2):
            first.step(index, 0.01)
        second.load_state(first.state())
        for index in (2, 3):
            second.step(index, 0.01)
        for name, array in whole.state().items():
            np.testing.assert_allclose(second.state()[name], array, rtol=1e-4, atol=1e-6, err_msg=optimizer)


def test_totals_are_those_of_the_steps() -> None:
    recipe = Recipe(optimizer="sgd", batch_size=16, lr=0.1)
    trained = make("mlp", recipe)
    losses, right = [], 0
    for index, rows in enumerate(trained._order[part] for part in trained._rows):
        with torch.no_grad():
            logits = trained.module(trained.model.input(trained._pixels[rows]))
            labels = trained._labels[rows]
            losses.append((len(rows), float(functional.cross_entropy(logits, labels))))
            right += int((logits.argmax(1) == labels).sum())
        trained.step(index, 0.1)
    totals = trained.totals()
    assert [n for n, _ in losses] == [16, 16, 8]
    assert totals.images == 40
    assert totals.loss == pytest.approx(sum(n * loss for n, loss in losses) / 40, rel=1e-6)
    assert totals.accuracy == right / 40


def test_logits_that_a_score_has_left_are_those_of_the_weights_as_they_are() -> None:
    training, seen = make("lenet5", Recipe(batch_size=10)), images(20)
    first = training.weights()
    for change in (lambda: None, lambda: training.step(0, 0.1), lambda: training.load_weights(first)):
        training.score(seen)
        change()
        for _ in range(2):
            found = training.logits(seen)
            assert np.array_equal(found, training.model.logits(seen))
            found[:] = 0


def test_a_single_image_left_over_joins_the_batch_before_it() -> None:
    trained = make("mlp", Recipe(batch_size=13))
    assert [rows.stop - rows.start for rows in trained._rows] == [13, 13, 14]


def test_the_penalty_has_the_gradient_of_its_formula() -> None:
    recipe = Recipe(optimizer="sgd", lr=1.0, batch_size=40, l2=0.7)
    trained = make("mlp", recipe)
    before = {name: parameter.detach().clone() for name, parameter in trained.module.named_parameters()}
    rows = trained._order[trained._rows[0]]
    module = build(catalog.load("networks", "mlp")(input_shape=(12, 12, 1), classes=3), (12, 12, 1), seed=5)
    loss = functional.cross_entropy(module(trained.model.input(trained._pixels[rows])), trained._labels[rows])
    squares = sum(parameter.square().sum() for parameter in module.parameters() if parameter.ndim >= 2)
    (loss + 0.7 / (2 * 40) * squares).backward()
    trained.step(0, 1.0)
    for name, parameter in module.named_parameters():
        moved = before[name] - trained.module.get_parameter(name).detach()
        torch.testing.assert_close(moved, parameter.grad, rtol=1e-4, atol=1e-6)


def test_a_loss_that_is_not_finite_names_epoch_and_step() -> None:
    trained = make("mlp", Recipe(optimizer="sgd", batch_size=8))
    trained.begin_epoch(3)
    trained.step(0, 1e38)
    trained.step(1, 0.1)
    with pytest.raises(DivergedError, match="epoch 3, step 2: the loss is nan"):
        trained.totals()


def test_a_loss_that_is_not_finite_ends_the_epoch_early_and_leaves_no_state() -> None:
    trained = make("mlp", Recipe(optimizer="sgd", batch_size=1))
    trained._loss = lambda logits, labels: logits.sum() * float("nan")
    with pytest.raises(DivergedError, match="epoch 1, step 1: the loss is nan"):
        for index in range(CHECK_EVERY):
            trained.step(index, 0.1)
    trained.begin_epoch(2)
    trained.step(0, 0.1)
    with pytest.raises(DivergedError, match="epoch 2, step 1"):
        trained.state()


def test_large_finite_losses_are_no_divergence() -> None:
    trained = make("mlp", Recipe(optimizer="sgd", batch_size=8))
    trained._loss = lambda logits, labels: logits.sum() * 0 + 3e38
    for index in range(2):
        trained.step(index, 0.0)
    assert trained.totals().loss == pytest.approx(3e38)
    trained._loss = lambda logits, labels: logits.sum() * 0 - float("inf")
    with pytest.raises(DivergedError, match="epoch 1, step 3: the loss is -inf"):
        trained.step(2, 0.0)
        trained.totals()


def test_dropout_is_a_function_of_seed_epoch_and_step_whatever_was_drawn_before() -> None:
    recipe = Recipe(batch_size=8)
    one, two = make("mlp", recipe, dropout=0.5), make("mlp", recipe, dropout=0.5)
    one.step(0, 0.01)
    torch.rand(100)
    two.step(0, 0.01)
    assert bits(one.state()) == bits(two.state())


def test_asking_a_model_leaves_its_modes_as_they_were() -> None:
    trained = make("mlp", Recipe(), dropout=0.5)
    trained.module.train()
    trained.module.get_submodule("dropout1").eval()
    modes = {name: part.training for name, part in trained.module.named_modules()}
    trained.score(images())
    assert {name: part.training for name, part in trained.module.named_modules()} == modes
    with pytest.raises(ZeroDivisionError), trained.model.evaluating():
        assert not any(part.training for part in trained.module.modules())
        raise ZeroDivisionError
    assert {name: part.training for name, part in trained.module.named_modules()} == modes


def test_weights_of_another_network_are_refused() -> None:
    trained = make("mlp", Recipe())
    arrays = trained.weights()
    with pytest.raises(SpecError, match=r"1 missing \(fc1.weight\)"):
        trained.load_weights({name: array for name, array in arrays.items() if name != "fc1.weight"})
    with pytest.raises(SpecError, match="expected shape"):
        trained.load_weights({**arrays, "fc1.bias": np.zeros(3, np.float32)})


def test_losses_follow_their_formulas() -> None:
    generator = np.random.default_rng(0)
    logits, labels = generator.standard_normal((6, 4)), np.array([0, 1, 2, 3, 0, 1])
    hot = np.eye(4)[labels]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    s = 1 / (1 + np.exp(-logits))
    smooth = 0.9 * hot + 0.1 / 4
    expected = {
        "cross_entropy": -(smooth * np.log(p)).sum(1).mean(),
        "mse": ((p - hot) ** 2).mean(),
        "l1": np.abs(p - hot).mean(),
        "bce": -(hot * np.log(s) + (1 - hot) * np.log(1 - s)).mean(),
    }
    for name, value in expected.items():
        recipe = Recipe(loss=name, label_smoothing=0.1 if name == "cross_entropy" else 0.0)
        found = loss_function(recipe)(torch.from_numpy(logits), torch.from_numpy(labels))
        assert float(found) == pytest.approx(value, rel=1e-12)

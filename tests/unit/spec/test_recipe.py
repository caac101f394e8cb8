"""Recipes and runs as data: each field is checked in words, comes back, and changes the run's name."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from pellucid.errors import UsageError
from pellucid.spec import Augmentation, Conv, DataSpec, Dense, Flatten, ForeignModule, Network, Recipe, RunSpec
from pellucid.spec.recipe import METRICS, higher_is_better

NETWORK = Network("net", (Conv(2, 3), Flatten(), Dense(3)))
SPEC = RunSpec(
    network=NETWORK,
    data=DataSpec(name="mnist", views=("negative", "centre_crop=20"), subset=50),
    recipe=Recipe(patience=3, betas=(0.8, 0.9), augmentation=Augmentation(shift=2)),
    seed=7,
    threads=2,
)
WHOLE, ABOVE, NOT_BELOW = "a whole number of 1 or more", "a number above 0", "a number of 0 or more"
SHARE, FACTOR = "a number from 0 to below 1", "a number above 0, at most 1"


@pytest.mark.parametrize(
    ("what", "value", "expected"),
    [
        ("epochs", 0, WHOLE),
        ("batch_size", 0, WHOLE),
        ("step_size", 0, WHOLE),
        ("epochs", 2.5, WHOLE),
        ("epochs", True, WHOLE),
        ("lr", 0, ABOVE),
        ("lr", float("nan"), ABOVE),
        ("eps", 0, ABOVE),
        ("div_factor", 0, ABOVE),
        ("final_div_factor", -1, ABOVE),
        ("l2", -1, NOT_BELOW),
        ("weight_decay", -0.1, NOT_BELOW),
        ("min_lr", -1, NOT_BELOW),
        ("min_delta", -1, NOT_BELOW),
        ("plateau_patience", -1, "a whole number of 0 or more"),
        ("plateau_patience", 1.5, "a whole number of 0 or more"),
        ("momentum", 1, SHARE),
        ("alpha", -0.1, SHARE),
        ("label_smoothing", 1.0, SHARE),
        ("betas", (0.9, 1.0), "two numbers, 0 to below 1"),
        ("betas", (0.9,), "two numbers, 0 to below 1"),
        ("gamma", 0, FACTOR),
        ("plateau_factor", 1.5, FACTOR),
        ("pct_start", 1, "a number between 0 and 1"),
        ("patience", 0, WHOLE),
        ("patience", 2.5, WHOLE),
        ("time_budget", 0, ABOVE),
        ("nesterov", True, "a momentum above 0 with nesterov"),
        ("stop_at", 1.01, "a share such as 0.99, at most 1"),
        ("stop_at", 90, "a share such as 0.99, at most 1"),
        ("stop_at", 0, "a share such as 0.99, at most 1"),
    ],
)
def test_a_value_outside_its_range_is_refused_by_name(what: str, value: Any, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        Recipe(**{what: value})
    assert str(caught.value) == f"{what}: expected {expected}, found {value}."


def test_a_loss_may_be_stopped_at_above_1() -> None:
    assert Recipe(stop_at=1.5, stop_metric="validation_loss").stop_at == 1.5
    assert Recipe(stop_at=1).stop_at == 1


@pytest.mark.parametrize("schedule", ["cosine", "linear", "plateau"])
def test_a_rate_does_not_fall_to_a_higher_one(schedule: str) -> None:
    with pytest.raises(UsageError, match=r"^min_lr: expected at most lr, 0\.01, found 0\.1\.$"):
        Recipe(lr=0.01, min_lr=0.1, schedule=schedule)
    assert Recipe(lr=0.01, min_lr=0.1).min_lr == 0.1  # which no other schedule reads


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("loss", "loss"),
        ("optimizer", "optimizer"),
        ("schedule", "schedule"),
        ("monitor", "metric"),
        ("stop_metric", "metric"),
    ],
)
def test_an_unknown_name_is_refused_with_the_valid_ones(what: str, kind: str) -> None:
    with pytest.raises(UsageError) as caught:
        Recipe(**{what: "xyz"})
    assert str(caught.value).startswith(f"unknown {kind} 'xyz'. Valid: ")


def test_labels_are_smoothed_for_cross_entropy_alone() -> None:
    assert Recipe(label_smoothing=0.1).label_smoothing == 0.1
    with pytest.raises(UsageError, match=r"label_smoothing: expected 0 unless the loss is cross_entropy, found 0\.1"):
        Recipe(loss="mse", label_smoothing=0.1)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"shift": -1}, "shift: expected a whole number of pixels, 0 or more, found -1."),
        ({"crop_padding": 1.5}, "crop_padding: expected a whole number of pixels, 0 or more, found 1.5."),
        ({"cutout": True}, "cutout: expected a whole number of pixels, 0 or more, found True."),
        ({"brightness": 1.1}, "brightness: expected a number from 0 to 1, found 1.1."),
        ({"contrast": float("nan")}, "contrast: expected a number from 0 to 1, found nan."),
    ],
)
def test_augmentation_outside_its_range_is_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Augmentation(**options)
    assert str(caught.value) == text


@pytest.mark.parametrize("name", [item.name for item in fields(Augmentation)])
def test_any_change_makes_an_augmentation_active(name: str) -> None:
    assert Augmentation(**{name: 1}).active
    assert not Augmentation().active


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"size": 0}, "size: expected a whole number of 1 or more, found 0."),
        ({"subset": -5}, "subset: expected a whole number of 1 or more, found -5."),
        ({"validation_size": 0}, "validation_size: expected a whole number of 1 or more, found 0."),
        ({"test_size": 0}, "test_size: expected a whole number of 1 or more, found 0."),
        ({"channels": 2}, "channels: expected 1 (gray) or 3 (colour), found 2."),
        ({"unreadable": "drop"}, "unreadable: expected refuse or skip, found 'drop'."),
    ],
)
def test_data_outside_their_range_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        DataSpec(name="mnist", **options)
    assert str(caught.value) == text


def test_one_view_needs_no_list() -> None:
    assert DataSpec(name="mnist", views="negative") == DataSpec(name="mnist", views=("negative",))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"engine": "pytorhc"}, "unknown engine 'pytorhc'. Did you mean pytorch? Valid: pytorch, scratch."),
        ({"device": "gpu"}, "unknown device 'gpu'. Did you mean cpu? Valid: auto, cpu, cuda."),
        ({"precision": "fp16"}, "unknown precision 'fp16'. Did you mean bf16, fp32? Valid: auto, fp32, bf16."),
        ({"seed": -1}, "seed: expected a whole number of 0 or more, found -1."),
        ({"threads": 0}, "threads: expected a whole number of 1 or more, found 0."),
    ],
)
def test_a_run_outside_its_range_is_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        RunSpec(network=NETWORK, data=DataSpec(name="mnist"), **options)
    assert str(caught.value) == text


@pytest.mark.parametrize("spec", [SPEC, replace(SPEC, network=ForeignModule("Theirs", "00ff"))])
def test_a_run_comes_back_from_json_with_its_name(spec: RunSpec) -> None:
    again = RunSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert again.id == spec.id


def test_a_runs_name_tells_network_data_and_seed() -> None:
    assert SPEC.id.rpartition("-")[0] == "net-mnist-s7"
    assert len(SPEC.id.rpartition("-")[2]) == 8
    odd = replace(SPEC, network=ForeignModule("../Net é/x", "00"))
    assert odd.id.rpartition("-")[0] == "___net__x-mnist-s7"


#: For each field a value other than that in `SPEC`.
OTHERS: dict[type, dict[str, Any]] = {
    Recipe: {
        "epochs": 6,
        "batch_size": 32,
        "loss": "mse",
        "label_smoothing": 0.1,
        "l2": 0.1,
        "optimizer": "sgd",
        "lr": 0.1,
        "momentum": 0.5,
        "nesterov": True,
        "betas": (0.7, 0.9),
        "alpha": 0.9,
        "eps": 1e-3,
        "weight_decay": 0.1,
        "schedule": "cosine",
        "step_size": 3,
        "gamma": 0.5,
        "min_lr": 1e-5,
        "pct_start": 0.5,
        "div_factor": 10.0,
        "final_div_factor": 10.0,
        "plateau_factor": 0.5,
        "plateau_patience": 2,
        "monitor": "validation_loss",
        "min_delta": 0.1,
        "patience": 4,
        "stop_at": 0.9,
        "stop_metric": "test_accuracy",
        "time_budget": 9.0,
        "progressive_size": 8,
        "progressive_share": 0.5,
        "whitening_epochs": 2,
        "augmentation": Augmentation(),
    },
    DataSpec: {
        "name": "cifar10",
        "path": "x",
        "size": 9,
        "channels": 3,
        "unreadable": "skip",
        "group": "x",
        "views": ("negative",),
        "validation_size": 9,
        "test_size": 9,
        "subset": 9,
        "split_seed": 1,
    },
    Augmentation: {
        "horizontal_flip": True,
        "alternating_flip": True,
        "shift": 1,
        "crop_padding": 1,
        "reflect_padding": 1,
        "brightness": 0.1,
        "contrast": 0.1,
        "cutout": 1,
    },
    RunSpec: {
        "network": Network("net", NETWORK.layers, "xavier"),
        "data": DataSpec(name="mnist"),
        "recipe": Recipe(),
        "seed": 8,
        "engine": "scratch",
        "threads": 1,
        "device": "cpu",
        "precision": "fp32",
    },
}


@pytest.mark.parametrize(
    ("owner", "name"), [(owner, item.name) for owner in OTHERS for item in fields(owner)], ids=str
)
def test_every_field_changes_the_runs_name(owner: type, name: str) -> None:
    value = OTHERS[owner][name]
    # nesterov needs a momentum; the pair differs from the run with the momentum alone
    base = replace(SPEC, recipe=replace(SPEC.recipe, momentum=0.9)) if name == "nesterov" else SPEC
    changed = {
        Recipe: lambda: replace(base, recipe=replace(base.recipe, **{name: value})),
        DataSpec: lambda: replace(base, data=replace(base.data, **{name: value})),
        Augmentation: lambda: replace(
            base, recipe=replace(base.recipe, augmentation=replace(base.recipe.augmentation, **{name: value}))
        ),
        RunSpec: lambda: replace(base, **{name: value}),
    }[owner]()
    assert changed.id != base.id
    assert RunSpec.from_dict(json.loads(json.dumps(changed.to_dict()))) == changed


def test_a_run_keeps_its_name_when_options_are_added() -> None:
    # names of folders that users have: none of these may ever change
    assert SPEC.id == "net-mnist-s7-e8f1a1bf"
    assert (
        replace(SPEC, recipe=Recipe(augmentation=Augmentation(alternating_flip=True))).id == "net-mnist-s7-47e6ffa4"
    )
    later = Recipe(progressive_size=8, progressive_share=0.5, whitening_epochs=2)
    assert replace(SPEC, recipe=later).id == "net-mnist-s7-2b0bbc4b"
    older = SPEC.to_dict()
    assert {"progressive_size", "progressive_share", "whitening_epochs"} & older["recipe"].keys() == set()
    assert {"alternating_flip", "reflect_padding"} & older["recipe"]["augmentation"].keys() == set()
    assert RunSpec.from_dict(older) == SPEC


def test_smaller_images_come_first_and_the_whitenings_bias_rests_last() -> None:
    recipe = Recipe(epochs=12, progressive_size=24, progressive_share=5 / 12, whitening_epochs=3)
    assert [recipe.side(epoch) for epoch in (1, 5, 6, 12)] == [24, 24, 0, 0]
    assert [recipe.trains_whitening(epoch) for epoch in (1, 3, 4)] == [True, True, False]
    assert Recipe(epochs=2, progressive_size=24).side(1) == 0, "less than one epoch is none"
    assert Recipe().side(1) == 0 and Recipe().trains_whitening(99)


def test_accuracies_rise_and_losses_fall() -> None:
    assert {metric: higher_is_better(metric) for metric in METRICS} == {
        "validation_accuracy": True,
        "validation_loss": False,
        "train_accuracy": True,
        "train_loss": False,
        "test_accuracy": True,
        "test_loss": False,
    }

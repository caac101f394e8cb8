"""The engine on PyTorch: what `pellucid.engines.engine.Engine` promises, by the functions of this package."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from torch import nn

from pellucid.engines.engine import Arrays
from pellucid.engines.initial_weights import seen_images
from pellucid.engines.pytorch.build import build
from pellucid.engines.pytorch.machine import (
    WORTHWHILE,
    choose_device,
    environment,
    has_fast_bf16,
    probe,
    threads,
)
from pellucid.engines.pytorch.model import Model
from pellucid.engines.pytorch.trainer import TorchTrainer
from pellucid.images import Images, Scaling
from pellucid.spec.layer import Shape
from pellucid.spec.network import Network
from pellucid.spec.recipe import Recipe

#: Images of a batch that a probe on a processor takes, at most: with 128 `compact` seemed no faster in bf16.
PROBED = 256

__all__ = ["check", "choose_device", "choose_precision", "environment", "model", "threads", "trainer"]


def check(network: Network | nn.Module, device: str, precision: str) -> None:
    """Raises UsageError for a device that is not there."""
    choose_device(device)


def trainer(
    network: Network | nn.Module,
    images: Images,
    scaling: Scaling,
    recipe: Recipe,
    *,
    seed: int,
    device: str = "cpu",
    precision: str = "fp32",
) -> TorchTrainer:
    """`network` ready for its first step on `images`. A module of the user's own is trained in place."""
    if isinstance(network, Network):
        seen = seen_images(network, images, scaling)
        module: nn.Module = build(network, images.shape, seed=seed, images=seen)
    else:
        module = network
    draws = module is network or any(isinstance(layer, nn.Dropout) for layer in module.modules())
    return TorchTrainer(module, images, scaling, recipe, seed=seed, device=device, precision=precision, draws=draws)


def model(
    network: Network | nn.Module,
    shape: Shape,
    scaling: Scaling,
    weights: Arrays | None = None,
    *,
    device: str = "cpu",
) -> Model:
    """`network` for images of `shape`, to be asked for logits; with `weights`, or as it is."""
    found = Model(build(network, shape) if isinstance(network, Network) else network, scaling, device=device)
    if weights is not None:
        found.load_weights(weights)
    return found


def choose_precision(
    network: Network | nn.Module, shape: Shape, classes: int, recipe: Recipe, *, device: str
) -> tuple[str, dict[str, float]]:
    """ "fp32" or "bf16", whichever trains faster here, and the seconds of a step of each.

    bf16 is chosen only if it takes at most `WORTHWHILE` of the time. Takes up to two dozen steps on made-up images,
    on a processor with no more than `PROBED` of a batch: large ones would take longer than a short training. The
    network itself is not touched. Where the machine only emulates bf16 no step is taken, and no seconds are given;
    nor where a module of the user's own takes a step in float32 and cannot in bf16.
    """
    if not has_fast_bf16(device):
        return "fp32", {}
    generator = np.random.default_rng(0)
    count = min(recipe.batch_size, PROBED) if device == "cpu" else recipe.batch_size
    images = Images(
        generator.integers(0, 256, (count, *shape), dtype=np.uint8),
        generator.integers(0, classes, count, dtype=np.int64),
        tuple(map(str, range(classes))),
    )
    scaling = Scaling.unit(shape[2])
    recipe = replace(recipe, progressive_size=0)  # most of the time goes to the images in full

    def start(precision: str) -> TorchTrainer:
        own = network if isinstance(network, Network) else deepcopy(network)
        return trainer(own, images, scaling, recipe, seed=0, device=device, precision=precision)

    trainers = {precision: start(precision) for precision in ("fp32", "bf16")}
    steps: dict[str, Callable[[], Any]] = {name: partial(found.step, 0, 1e-6) for name, found in trainers.items()}
    steps["fp32"]()  # what is wrong with the module is told as it is
    try:
        seconds = probe(steps)
    except RuntimeError:
        return "fp32", {}
    return ("bf16" if seconds["bf16"] <= WORTHWHILE * seconds["fp32"] else "fp32"), seconds

"""What every engine gives to training: a model in training, one step at a time.

Arrays cross this border as NumPy, named by the spec, so that storage needs no engine and weights need no format of
one.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import unknown_name
from pellucid.images import Images, Scaling
from pellucid.spec.layer import Shape
from pellucid.spec.recipe import Recipe
from pellucid.spec.run import ENGINES

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Totals:
    """What the training steps of an epoch so far add up to.

    loss: mean over the images; accuracy: share of images classified right in the step that learned from them;
    gradient_norm: mean of the gradient's L2 norm over the steps at which it was measured; None before the first step.
    """

    images: int
    loss: float
    accuracy: float
    gradient_norm: float


@dataclass(frozen=True)
class Score:
    """Loss and accuracy over a split; None for an empty one."""

    loss: float
    accuracy: float


class Trainer(Protocol):
    """A network in training on one split's images."""

    #: Training steps of one epoch.
    steps_per_epoch: int

    def begin_epoch(self, epoch: int) -> None:
        """Puts the images in the epoch's order and forgets the totals; epochs count from 1."""

    def step(self, index: int, lr: float) -> None:
        """Forward, backward and update on batch `index` (from 0) of the epoch.

        Raises DivergedError if the loss is not finite.
        """

    def totals(self) -> Totals:
        """The epoch so far. Raises DivergedError if one of its losses is not finite."""

    def score(self, images: Images) -> Score:
        """Loss and accuracy in evaluation mode."""

    def logits(self, images: Images) -> NDArray[np.float32]:
        """Logits N x classes in evaluation mode."""

    def weights(self) -> Arrays:
        """Parameters and buffers by name; copies."""

    def load_weights(self, arrays: Arrays) -> None:
        """Raises SpecError where names or shapes are not the network's."""

    def state(self) -> Arrays:
        """Everything that the next step depends on, the epoch's totals included; copies."""

    def load_state(self, arrays: Arrays) -> None:
        """Takes back what `state` gave."""


class Model(Protocol):
    """A trained network that can be asked."""

    def logits(self, images: Images) -> NDArray[np.float32]:
        """Logits N x classes in evaluation mode."""

    def weights(self) -> Arrays:
        """Parameters and buffers by name; copies."""


class Engine(Protocol):
    """The functions of an engine's package."""

    def trainer(
        self,
        network: Any,
        images: Images,
        scaling: Scaling,
        recipe: Recipe,
        *,
        seed: int,
        device: str = ...,
        precision: str = ...,
    ) -> Trainer:
        """A `Network` (or a module of the engine's own kind) ready for its first step on `images`."""

    def model(
        self, network: Any, shape: Shape, scaling: Scaling, weights: Arrays | None = ..., *, device: str = ...
    ) -> Model:
        """A network for images of `shape`, with `weights`."""

    def check(self, network: Any, device: str, precision: str) -> None:
        """Raises UsageError for what the engine does not have; "auto" it always has."""

    def choose_device(self, wanted: str) -> str:
        """The device for "auto" or a name; UsageError if there is none of that name."""

    def choose_precision(
        self, network: Any, shape: Shape, classes: int, recipe: Recipe, *, device: str
    ) -> tuple[str, dict[str, float]]:
        """The faster precision, and the seconds of a step that say so."""

    def threads(self, count: int | None) -> AbstractContextManager[int]:
        """Computes with `count` threads while it is open; gives the number."""

    def environment(self) -> dict[str, Any]:
        """Versions and devices on which a run's bits depend."""


def engine(name: str) -> Engine:
    """The engine of a name in `pellucid.spec.run.ENGINES`. Raises UsageError for any other."""
    if name not in ENGINES:
        raise unknown_name("engine", name, ENGINES)
    return cast(Engine, import_module(f"pellucid.engines.{name}"))

"""The training step without autograd: forward, loss, backward, update."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets._batches import permutation
from pellucid.datasets._shown import shown
from pellucid.engines.batch_rows import batch_rows
from pellucid.engines.engine import Arrays, Score, Totals
from pellucid.engines.scratch.conv import Conv
from pellucid.engines.scratch.losses import loss_and_gradient
from pellucid.engines.scratch.model import Model
from pellucid.engines.scratch.network import Sequential
from pellucid.engines.scratch.optimizers import optimizer
from pellucid.engines.scratch.team import Team
from pellucid.engines.seeds import DROPOUT, mix
from pellucid.errors import DivergedError
from pellucid.images import Images, Scaling
from pellucid.spec.recipe import Recipe

#: The gradient's norm is measured at every so many steps.
NORM_EVERY = 10


class Masks:
    """Where dropout's masks come from: a function of seed, epoch, step, layer, and of the share of the batch."""

    def __init__(self, seed: int) -> None:
        self.seed, self.epoch, self.step = seed, 1, 0

    def generator(self, name: str, share: int) -> np.random.Generator:
        """Of the next mask of the layer `name` for a member's share of the batch."""
        return np.random.default_rng(mix(self.seed, DROPOUT, self.epoch, self.step, share, *name.encode()))


class ScratchTrainer:
    """Layers in training on `images`; see `pellucid.engines.engine.Trainer` for what the methods promise."""

    def __init__(
        self,
        module: Sequential,
        images: Images,
        scaling: Scaling,
        recipe: Recipe,
        *,
        seed: int,
        masks: Masks,
        threads: int = 1,
    ) -> None:
        self.module, self.recipe, self.seed = module, recipe, seed
        self.model = Model(module, scaling)
        self._pixels, self._labels = images.pixels, images.labels
        self._rows = batch_rows(len(images), recipe.batch_size)
        self.steps_per_epoch = len(self._rows)
        self._team = Team(module, threads)
        self._optimizer = optimizer(recipe, module.vector, module.gradient, module.shapes)
        self._parts = module.parts()
        self._penalised = [
            part for part, shape in zip(self._parts.values(), module.shapes, strict=True) if len(shape) >= 2
        ]
        fixed = [
            name for name, layer in module.named.items() if isinstance(layer, Conv) and "weight" in layer.buffers
        ]
        self._whitening = [part for name, part in self._parts.items() if name.rpartition(".")[0] in fixed]
        self._masks = masks
        self.begin_epoch(1)

    def begin_epoch(self, epoch: int) -> None:
        """Puts the images in the epoch's order and forgets the totals; epochs count from 1."""
        self._epoch, self._done = epoch, 0
        self._order = permutation(len(self._labels), seed=self.seed, epoch=epoch)
        self._losses = np.zeros(self.steps_per_epoch)
        self._guesses = np.zeros(len(self._labels), np.int64)
        self._norms = np.zeros(-(-self.steps_per_epoch // NORM_EVERY))

    def step(self, index: int, lr: float) -> None:
        """Forward, backward and update on batch `index` of the epoch. Raises DivergedError for a loss not finite."""
        self._masks.epoch, self._masks.step = self._epoch, index
        rows = self._order[self._rows[index]]
        labels = self._labels[rows]
        pixels = shown(self._pixels[rows], self.recipe, images=rows, seed=self.seed, epoch=self._epoch, step=index)
        loss, logits = self._team.learn(self.recipe, lambda share: self.model.input(pixels[share]), labels)
        if not np.isfinite(loss):
            raise DivergedError(f"epoch {self._epoch}, step {index + 1}: the loss is {loss}", index + 1)
        if self.recipe.l2:
            for part in self._penalised:
                self.module.gradient[part] += (self.recipe.l2 / self.recipe.batch_size) * self.module.vector[part]
        still = [] if self.recipe.trains_whitening(self._epoch) else self._whitening
        for part in still:
            self.module.gradient[part] = 0
        if index % NORM_EVERY == 0:
            self._norms[index // NORM_EVERY] = np.linalg.norm(self.module.gradient)
        before = [self.module.vector[part].copy() for part in still]
        self._optimizer.step(lr, self._team.all)
        for part, values in zip(still, before, strict=True):  # whose momentum would move it without a gradient too
            self.module.vector[part] = values
        self._losses[index] = loss
        self._guesses[self._rows[index]] = logits.argmax(1)
        self._done = index + 1

    def totals(self) -> Totals:
        """The epoch so far."""
        if not self._done:
            return Totals(0, 0.0, 0.0, 0.0)
        sizes = np.array([rows.stop - rows.start for rows in self._rows[: self._done]])
        images = self._rows[self._done - 1].stop
        right = self._guesses[:images] == self._labels[self._order[:images]]
        norms = self._norms[: -(-self._done // NORM_EVERY)]
        return Totals(
            images=images,
            loss=float((self._losses[: self._done] * sizes).sum() / images),
            accuracy=int(right.sum()) / images,
            gradient_norm=float(norms.mean()),
        )

    def score(self, images: Images) -> Score:
        """Loss and accuracy in evaluation mode."""
        logits = self.model.logits(images)
        loss, _ = loss_and_gradient(self.recipe, logits, images.labels)
        return Score(loss=loss, accuracy=float((logits.argmax(1) == images.labels).mean()))

    def logits(self, images: Images) -> NDArray[np.float32]:
        """Logits N x classes in evaluation mode."""
        return self.model.logits(images)

    def weights(self) -> Arrays:
        """Parameters and buffers by name; copies."""
        return self.module.weights()

    def load_weights(self, arrays: Arrays) -> None:
        """Raises SpecError where names or shapes are not the network's."""
        self.module.load(arrays)

    def state(self) -> Arrays:
        """Everything that the next step depends on, the epoch's totals included; copies.

        Keys begin with ``weights/``, ``optimizer/<parameter>/`` and ``epoch/``, as the other engine's do.
        """
        found = {f"weights/{name}": array for name, array in self.weights().items()}
        for key, kept in self._optimizer.kept.items():
            for name, part in self._parts.items():
                found[f"optimizer/{name}/{key}"] = kept[part].copy()
        found["epoch/steps"] = np.array(self._optimizer.t, np.int64)
        for key in ("losses", "guesses", "norms"):
            found[f"epoch/{key}"] = getattr(self, f"_{key}").copy()
        found["epoch/done"] = np.array([self._epoch, self._done], np.int64)
        return found

    def load_state(self, arrays: Arrays) -> None:
        """Takes back what `state` gave."""
        prefix = "weights/"
        self.load_weights({name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)})
        epoch, done = (int(value) for value in arrays["epoch/done"])
        self.begin_epoch(epoch)
        self._done = done
        for key in ("losses", "guesses", "norms"):
            getattr(self, f"_{key}")[...] = arrays[f"epoch/{key}"]
        self._optimizer.t = int(arrays["epoch/steps"])
        for key, kept in self._optimizer.kept.items():
            for name, part in self._parts.items():
                kept[part] = arrays[f"optimizer/{name}/{key}"]

"""The training step on PyTorch: images resident as bytes, batches by index, little Python a step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.datasets._batches import permutation
from pellucid.datasets._shown import shown
from pellucid.engines.batch_rows import batch_rows
from pellucid.engines.engine import Arrays, Score, Totals
from pellucid.engines.pytorch.build import Whitening
from pellucid.engines.pytorch.losses import loss_function
from pellucid.engines.pytorch.machine import generator_of
from pellucid.engines.pytorch.model import Model
from pellucid.engines.pytorch.optimizers import optimizers
from pellucid.engines.seeds import DROPOUT, mix
from pellucid.errors import DivergedError
from pellucid.images import Images, Scaling
from pellucid.spec.recipe import Recipe

#: The gradient's norm is measured at every so many steps: reading all gradients again costs time on large networks.
NORM_EVERY = 10
#: Losses are looked at together at every so many steps: a look costs calls, and on an accelerator a wait.
CHECK_EVERY = 25
#: Bytes of images that are made ready at once, for several steps of small batches: few enough to stay in the caches.
READY = 2**21


class TorchTrainer:
    """A module in training on `images`; see `pellucid.engines.engine.Trainer` for what the methods promise.

    precision: "fp32", or "bf16" for autocast of the forward pass (weights, losses and evaluation stay float32).
    draws: whether the network draws random numbers, as dropout does.
    """

    def __init__(
        self,
        module: nn.Module,
        images: Images,
        scaling: Scaling,
        recipe: Recipe,
        *,
        seed: int,
        device: str = "cpu",
        precision: str = "fp32",
        draws: bool = True,
    ) -> None:
        self.model = Model(module, scaling, device=device)
        self.module = self.model.module
        self.recipe, self.seed, self.precision, self._draws = recipe, seed, precision, draws
        self._rows = batch_rows(len(images), recipe.batch_size)
        self.steps_per_epoch = len(self._rows)
        self._pixels, self._labels = self.model.resident(images)
        self._loss = loss_function(recipe)
        self._optimizers = optimizers(recipe, self.module)
        self._parameters = [parameter for parameter in self.module.parameters() if parameter.requires_grad]
        self._penalised = [parameter for parameter in self._parameters if parameter.ndim >= 2]
        self._generator = generator_of(self.model.device)
        self._resident: dict[int, tuple[Images, Tensor, Tensor]] = {}
        self._scored: dict[int, Tensor] = {}  # logits of resident images by the weights as they are
        size = 4 * self._pixels[0].numel() * recipe.batch_size
        self._at_once = max(1, READY // size)
        rest = recipe.whitening_epochs is not None
        self._whitenings = [layer for layer in self.module.modules() if rest and isinstance(layer, Whitening)]
        self.begin_epoch(1)

    def begin_epoch(self, epoch: int) -> None:
        """Puts the images in the epoch's order and forgets the totals; epochs count from 1."""
        self._epoch = epoch
        steps, device = self.steps_per_epoch, self.model.device
        self._places = permutation(len(self._labels), seed=self.seed, epoch=epoch)
        self._order = torch.from_numpy(self._places).to(device)
        self._answers = self._labels[self._order]
        self._done = self._looked = 0
        self._ready = torch.empty(0)
        self._ready_from = -1
        # written in place: tensors that outlive a step would move the next step's memory out of the caches
        self._losses = torch.zeros(steps, device=device)
        self._guesses = torch.zeros(len(self._labels), dtype=torch.int64, device=device)
        self._norms = torch.zeros(-(-steps // NORM_EVERY), device=device)
        for layer in self._whitenings:  # one that is not trained needs no gradient of its images' features
            layer.bias.requires_grad_(self.recipe.trains_whitening(epoch))
        self.module.train()

    def step(self, index: int, lr: float) -> None:
        """Forward, backward and update on batch `index` of the epoch.

        Raises DivergedError where this loss, or one of the last `CHECK_EVERY`, is not finite.
        """
        self._scored.clear()
        rows = self._rows[index]
        x, labels = self._seen(index), self._answers[rows]
        with self._own_randomness(index), self._autocast():
            logits = self.module(x)
        logits = logits.float()
        loss = self._loss(logits, labels)
        for parameter in self._parameters:
            parameter.grad = None
        loss.backward()
        if self.recipe.l2:
            self._add_penalty()
        if index % NORM_EVERY == 0:
            gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
            self._norms[index // NORM_EVERY] = nn.utils.get_total_norm(gradients)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = lr
            optimizer.step()
        self._losses[index] = loss.detach()
        torch.argmax(logits.detach(), 1, out=self._guesses[rows])
        self._done = index + 1
        if self._done - self._looked == CHECK_EVERY:
            self._look()

    def _own_randomness(self, index: int) -> AbstractContextManager[None]:
        return self._seeded(index) if self._draws else nullcontext()

    @contextmanager
    def _seeded(self, index: int) -> Iterator[None]:
        """What the network draws, dropout's masks, is the step's own; the user's generator is left as it was."""
        before = self._generator.get_state()
        self._generator.manual_seed(mix(self.seed, DROPOUT, self._epoch, index))
        try:
            yield
        finally:
            self._generator.set_state(before)

    def _autocast(self) -> Any:
        if self.precision == "bf16":
            return torch.autocast(self.model.device.type, torch.bfloat16)
        return nullcontext()

    def _seen(self, index: int) -> Tensor:
        """What the network sees in a step; of images that nothing changes, those of the next steps are made too.

        Always the same steps together, wherever a training goes on: a batch lies at the same place in memory.
        """
        recipe, epoch, rows = self.recipe, self._epoch, self._rows[index]
        if self._at_once == 1 or recipe.augmentation.active or recipe.side(epoch):
            pixels = self._pixels.index_select(0, self._order[rows])
            changed = shown(pixels, recipe, images=self._places[rows], seed=self.seed, epoch=epoch, step=index)
            return self.model.input(changed)
        first = index - index % self._at_once
        start = self._rows[first].start
        if first != self._ready_from:
            stop = self._rows[min(first + self._at_once, self.steps_per_epoch) - 1].stop
            self._ready = self.model.input(self._pixels.index_select(0, self._order[start:stop]))
            self._ready_from = first
        return self._ready[rows.start - start : rows.stop - start]

    def _add_penalty(self) -> None:
        """The gradient of ``l2 / (2 * batch) * sum of squared weights``, added without a graph."""
        factor = self.recipe.l2 / self.recipe.batch_size
        with torch.no_grad():
            for parameter in self._penalised:
                if parameter.grad is not None:
                    parameter.grad.add_(parameter, alpha=factor)

    def _look(self) -> None:
        """Raises DivergedError where a loss since the last look is not finite."""
        losses, first = self._losses[self._looked : self._done], self._looked
        self._looked = self._done
        wrong = (~torch.isfinite(losses)).nonzero()
        if len(wrong):
            at = int(wrong[0])
            step = first + at + 1
            raise DivergedError(f"epoch {self._epoch}, step {step}: the loss is {losses[at].item()}", step)

    def totals(self) -> Totals:
        """The epoch so far. Raises DivergedError if one of its losses is not finite."""
        self._look()
        if not self._done:
            return Totals(0, 0.0, 0.0, 0.0)
        sizes = torch.tensor([rows.stop - rows.start for rows in self._rows[: self._done]], dtype=torch.float64)
        images = self._rows[self._done - 1].stop
        right = self._guesses[:images] == self._answers[:images]
        norms = self._norms[: -(-self._done // NORM_EVERY)].double()
        return Totals(
            images=images,
            loss=float((self._losses[: self._done].cpu().double() * sizes).sum()) / images,
            accuracy=int(right.sum()) / images,
            gradient_norm=float(norms.mean()),
        )

    def score(self, images: Images) -> Score:
        """Loss and accuracy in evaluation mode."""
        if id(images) not in self._resident:
            self._resident[id(images)] = (images, *self.model.resident(images))
        _, pixels, labels = self._resident[id(images)]
        logits = self._scored[id(images)] = self.model.logits_of(pixels)
        return Score(
            loss=float(self._loss(logits, labels)), accuracy=int((logits.argmax(1) == labels).sum()) / len(labels)
        )

    def logits(self, images: Images) -> NDArray[np.float32]:
        """Logits N x classes in evaluation mode; those of the last score, where no step came after it."""
        kept = self._scored.get(id(images))
        return self.model.logits(images) if kept is None else kept.cpu().numpy().copy()

    def weights(self) -> Arrays:
        """Parameters and buffers by name; copies."""
        return self.model.weights()

    def load_weights(self, arrays: Arrays) -> None:
        """Raises SpecError where names or shapes are not the network's."""
        self._scored.clear()
        self.model.load_weights(arrays)

    def state(self) -> Arrays:
        """Everything that the next step depends on, the epoch's totals included; copies.

        Keys begin with ``weights/``, ``optimizer/<parameter>/`` and ``epoch/``. There is no generator's state:
        what is random is a function of seed, epoch and step. Raises DivergedError: such a state is worth nothing.
        """
        self._look()
        found = {f"weights/{name}": array for name, array in self.weights().items()}
        for name, values in self._optimizer_states():
            for key, value in values.items():
                found[f"optimizer/{name}/{key}"] = value.detach().cpu().contiguous().numpy().copy()
        for key in ("losses", "guesses", "norms"):
            found[f"epoch/{key}"] = getattr(self, f"_{key}").cpu().numpy().copy()
        found["epoch/done"] = np.array([self._epoch, self._done], np.int64)
        return found

    def load_state(self, arrays: Arrays) -> None:
        """Takes back what `state` gave."""
        groups: dict[str, Arrays] = {"weights": {}, "optimizer": {}, "epoch": {}}
        for name, array in arrays.items():
            group, _, rest = name.partition("/")
            groups[group][rest] = array
        self.load_weights(groups["weights"])
        epoch, done = (int(value) for value in groups["epoch"]["done"])
        self.begin_epoch(epoch)
        self._done = self._looked = done
        for key in ("losses", "guesses", "norms"):
            getattr(self, f"_{key}").copy_(torch.from_numpy(np.array(groups["epoch"][key])))
        names = dict(self.module.named_parameters())
        for path, array in groups["optimizer"].items():
            name, _, key = path.rpartition("/")
            parameter = names[name]
            value, optimizer = torch.from_numpy(np.array(array)), self._optimizer_of(parameter)
            if key != "step":
                value = torch.empty_like(parameter).copy_(value)  # in the parameter's memory format and device
            elif optimizer.defaults.get("fused"):
                value = value.to(parameter.device)  # fused optimizers count there, the others on the processor
            optimizer.state[parameter][key] = value

    def _optimizer_states(self) -> list[tuple[str, dict[str, Tensor]]]:
        return [
            (
                name,
                {
                    key: value
                    for key, value in self._optimizer_of(parameter).state[parameter].items()
                    if value is not None
                },
            )
            for name, parameter in self.module.named_parameters()
            if parameter.requires_grad and parameter in self._optimizer_of(parameter).state
        ]

    def _optimizer_of(self, parameter: nn.Parameter) -> torch.optim.Optimizer:
        for optimizer in self._optimizers:
            if any(parameter is own for group in optimizer.param_groups for own in group["params"]):
                return optimizer
        raise LookupError("a parameter that no optimizer trains")

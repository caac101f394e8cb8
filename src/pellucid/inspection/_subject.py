"""What is looked at: a module with the scaling of its images, in evaluation mode meanwhile, left as it was.

Nothing here changes the module: hooks live inside `with`, gradients are asked of the input alone, and mode, random
state and weights are as before afterwards, also where the forward pass fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.engines.pytorch.model import Model
from pellucid.errors import DataError, SpecError, UsageError, unknown_name
from pellucid.images import Images, Scaling

#: Images of one batch where a whole split is passed through.
BATCH = 250


@dataclass(frozen=True, eq=False)
class Subject:
    """module: N C H W floats to logits. scaling: from bytes to these floats; None divides bytes by 255."""

    module: nn.Module
    scaling: Scaling | None = None

    @classmethod
    def of(cls, model: Any) -> Subject:
        """Of a model of the engine, a `torch.nn.Module`, or a subject as it is.

        Raises UsageError for anything else, and for compiled modules, whose functions cannot be met one by one.
        """
        if isinstance(model, Subject):
            return model
        if isinstance(model, Model):
            return cls(model.module, model.scaling)
        if not isinstance(model, nn.Module):
            raise UsageError(
                f"model: expected a torch.nn.Module or a run's model (run.model()), found {type(model).__name__}."
            )
        for name, part in model.named_modules():
            if isinstance(part, torch.jit.ScriptModule) or type(part).__name__ == "OptimizedModule":
                raise UsageError(
                    f"model: expected a module that runs in Python, found {name or 'a module'} compiled by "
                    f"{type(part).__name__}. Give the module from which it was compiled."
                )
        return cls(model)

    @property
    def device(self) -> torch.device:
        """Where the parameters are; the processor if there are none."""
        return next((value.device for value in self.module.parameters()), torch.device("cpu"))

    def floats(self, images: Any) -> Tensor:
        """What the module sees, N C H W: of `Images`, scaled; of an array or tensor of floats, as it is.

        Raises DataError for another shape, or bytes without `Images`, whose scaling would be a guess.
        """
        if isinstance(images, Images):
            scaled = (self.scaling or Scaling.unit(images.shape[2])).apply(images.pixels)
            first = next(self.module.parameters(), torch.zeros(()))
            return torch.from_numpy(np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))).to(first)
        found = torch.as_tensor(images)
        if found.ndim != 4 or not found.is_floating_point():
            raise DataError(
                f"images: expected floats N x C x H x W as the network sees them, or Images, found shape "
                f"{tuple(found.shape)} of {str(found.dtype).removeprefix('torch.')}."
            )
        return found.detach().to(self.device)

    def batches(self, images: Any, size: int = BATCH) -> Iterator[tuple[int, Tensor]]:
        """First index and floats of each batch. Raises DataError for no image at all."""
        count = len(images)
        if not count:
            raise DataError("images: expected at least one image, found none. Choose another split.")
        for start in range(0, count, size):
            rows = np.arange(start, min(start + size, count))
            yield (
                start,
                self.floats(images.take(rows) if isinstance(images, Images) else images[start : start + size]),
            )

    def bytes(self, images: Any) -> NDArray[np.uint8]:
        """The images to be drawn, uint8 N H W C; floats are unscaled, or stretched where no scaling is known."""
        if isinstance(images, Images):
            return images.pixels
        floats = torch.as_tensor(images).detach().cpu().double().numpy().transpose(0, 2, 3, 1)
        if self.scaling is not None:
            values = (floats - np.asarray(self.scaling.shift)) / np.asarray(self.scaling.scale)
        else:
            low, high = floats.min(initial=0), floats.max(initial=0)
            values = (floats - low) * (255 / (high - low) if high > low else 0)
        found: NDArray[np.uint8] = np.rint(values.clip(0, 255)).astype(np.uint8)
        return found[..., :1] if found.shape[3] not in (1, 3) else found

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Evaluation mode; mode and random state are restored."""
        modes = {part: part.training for part in self.module.modules()}
        devices = [self.device] if self.device.type == "cuda" else []
        try:
            self.module.eval()
            # cuDNN has no backward pass of recurrent layers in evaluation mode
            with torch.random.fork_rng(devices), torch.backends.cudnn.flags(enabled=not devices):
                yield
        finally:
            for part, training in modes.items():
                part.training = training


class _Reached(Exception):  # noqa: N818
    """The layer that was asked for has been computed: the rest of the forward pass is not needed."""


@contextmanager
def watched(module: nn.Module, see: Any) -> Iterator[None]:
    """Calls ``see(name, output)`` after each call of each module; what it returns, if anything, goes on instead.

    A module called more than once in a forward pass has its calls numbered: ``relu``, ``relu#2``, ``relu#3``.
    """
    calls: dict[str, int] = {}
    handles = []

    def hook_of(name: str) -> Any:
        def hook(_: nn.Module, __: Any, output: Any) -> Any:
            calls[name] = calls.get(name, 0) + 1
            value = tensor_of(output)
            if value is None:
                return None
            changed = see(name if calls[name] == 1 else f"{name}#{calls[name]}", value)
            return None if changed is None or not isinstance(output, Tensor) else changed

        return hook

    try:
        handles.append(module.register_forward_pre_hook(lambda *_: calls.clear()))
        for name, part in module.named_modules():
            if name:
                handles.append(part.register_forward_hook(hook_of(name)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def tensor_of(output: Any) -> Tensor | None:
    """The tensor of a module's output: itself, or the first of a tuple (recurrent layers give states beside it)."""
    if isinstance(output, (tuple, list)) and output:
        output = output[0]
    return output if isinstance(output, Tensor) and output.is_floating_point() and output.ndim >= 2 else None


def output_at(subject: Subject, x: Tensor, layer: str | None) -> Tensor:
    """The output of `layer` on x, with x's graph; None is the whole network's. What comes after it is not computed.

    Raises UsageError naming the layers where there is no such one.
    """
    if layer is None:
        return forward(subject, x)
    found: list[Tensor] = []

    def see(name: str, value: Tensor) -> None:
        if name == layer:
            found.append(value)
            raise _Reached

    try:
        with watched(subject.module, see):
            forward(subject, x)
    except _Reached:
        return found[0]
    from pellucid.inspection._layers import layers

    raise unknown_name("layer", layer, [f"{one.name} ({one.shape_text})" for one in layers(subject, x[:1])])


def forward(subject: Subject, x: Tensor) -> Tensor:
    """The network's output N x classes, or of any shape that begins with N.

    Raises SpecError in the network's own words where it does not take such images.
    """
    try:
        output = subject.module(x)
    except (RuntimeError, ValueError, IndexError, AssertionError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise SpecError(
            f"{type(subject.module).__name__}: expected to take images {' x '.join(map(str, x.shape[1:]))} "
            f"(channels x height x width), found that it cannot: {str(error).splitlines()[0][:200]}. "
            "Give images of the size and channels it was made for."
        ) from error
    found = tensor_of(output)
    if found is None:
        raise SpecError(
            f"{type(subject.module).__name__}: expected an output of floats N x classes, found "
            f"{type(output).__name__}."
        )
    return found


def probabilities_of(model: Any, images: Images) -> NDArray[np.float64]:
    """Class probabilities N x classes, float64."""
    subject = Subject.of(model)
    with subject.quiet(), torch.inference_mode():
        logits = [forward(subject, x).double().softmax(1).cpu() for _, x in subject.batches(images)]
    found: NDArray[np.float64] = torch.cat(logits).numpy()
    return found


def spread(count: int, most: int) -> list[int]:
    """Up to `most` numbers below `count`, first and last among them, closer together at the beginning."""
    if count <= most:
        return list(range(count))
    found = np.unique(np.geomspace(1, count, most).round().astype(int) - 1)
    missing = [k for k in range(count) if k not in found][: most - len(found)]  # where rounding made two into one
    return sorted({*found.tolist(), *missing})


def by_channel(values: Tensor) -> Tensor:
    """N C H W of a layer's output: units of a vector have one place, sequences N T F have T places of F channels."""
    if values.ndim == 2:
        return values[:, :, None, None]
    if values.ndim == 3:
        return values.transpose(1, 2)[..., None]
    return values if values.ndim == 4 else values.flatten(3)

"""A network that can be asked: weights in, logits out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.engines.engine import Arrays
from pellucid.errors import SpecError
from pellucid.images import Images, Scaling

#: Images of one evaluation batch; small enough for the caches of a laptop, large enough to hide the calls.
EVALUATION_BATCH = 500


class Model:
    """A module with the scaling of its images, on a device.

    module: takes float batches N C H W, gives logits N x classes. It stays the caller's: its mode is as before after
    every call here.
    """

    def __init__(self, module: nn.Module, scaling: Scaling, *, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.module = module.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.scaling = scaling
        plain = len(set(scaling.scale)) == 1 and not any(scaling.shift)
        self._one_factor = scaling.scale[0] if plain else None
        as_image = (1, len(scaling.scale), 1, 1)
        self._scale = torch.tensor(scaling.scale, device=self.device).view(as_image)
        self._shift = torch.tensor(scaling.shift, device=self.device).view(as_image)

    def resident(self, images: Images) -> tuple[Tensor, Tensor]:
        """Pixels (uint8 N H W C) and labels (int64 N) as tensors on the device, for good."""
        pixels, labels = images.pixels, images.labels
        if not pixels.flags.writeable:
            pixels = pixels.copy()  # torch has no read-only tensors
        return torch.from_numpy(pixels).to(self.device), torch.from_numpy(np.array(labels)).to(self.device)

    def input(self, pixels: Tensor) -> Tensor:
        """What the network sees of uint8 pixels N H W C: float32 N C H W, channels last in memory."""
        floats = pixels.permute(0, 3, 1, 2).float()
        if self._one_factor is not None:  # the usual case, four times as fast as by channel
            return floats.mul_(self._one_factor)
        return torch.addcmul(self._shift, floats, self._scale)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Evaluation mode without gradients; the module's mode is restored."""
        modes = {name: module.training for name, module in self.module.named_modules()}
        self.module.eval()
        try:
            with torch.inference_mode():
                yield
        finally:
            for name, module in self.module.named_modules():
                module.training = modes[name]

    def logits_of(self, pixels: Tensor) -> Tensor:
        """Logits N x classes, float32, of uint8 pixels N H W C, batch by batch."""
        with self.evaluating():
            batches = [self.module(self.input(batch)).float() for batch in pixels.split(EVALUATION_BATCH)]
        return torch.cat(batches)

    def logits(self, images: Images) -> NDArray[np.float32]:
        """Logits N x classes, float32, in evaluation mode."""
        found: NDArray[np.float32] = self.logits_of(self.resident(images)[0]).cpu().numpy()
        return found

    def weights(self) -> Arrays:
        """Parameters and buffers by name; copies."""
        return {
            name: tensor.detach().cpu().contiguous().numpy().copy()
            for name, tensor in self.module.state_dict().items()
        }

    def load_weights(self, arrays: Arrays) -> None:
        """Raises SpecError where names or shapes are not the network's."""
        own = self.module.state_dict()
        missing, extra = sorted(own.keys() - arrays.keys()), sorted(arrays.keys() - own.keys())
        if missing or extra:
            raise SpecError(
                f"weights: expected the arrays of this network, found {len(missing)} missing "
                f"({', '.join(missing[:3]) or 'none'}) and {len(extra)} unknown ({', '.join(extra[:3]) or 'none'}). "
                "Were they written by another network?"
            )
        for name, tensor in own.items():
            if tuple(tensor.shape) != arrays[name].shape:
                raise SpecError(
                    f"weights, {name}: expected shape {tuple(tensor.shape)}, found {arrays[name].shape}. "
                    "Were they written for images of another size?"
                )
            with torch.no_grad():
                tensor.copy_(torch.from_numpy(np.array(arrays[name])))

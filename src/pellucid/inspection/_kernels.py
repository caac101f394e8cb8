"""The weights of a convolutional layer as kernels that can be drawn and measured."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.errors import UsageError, unknown_name
from pellucid.inspection._layers import LayerInfo, layers
from pellucid.inspection._subject import Subject

#: A filter with less than this share of the median norm is dead.
DEAD = 1e-3


@dataclass(frozen=True, eq=False)
class Kernels:
    """weights: filters x input channels of their group x rows x columns, float64. stride, dilation: along both."""

    layer: LayerInfo
    weights: NDArray[np.float64]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)

    def __len__(self) -> int:
        return len(self.weights)

    @cached_property
    def norms(self) -> NDArray[np.float64]:
        """The root of each filter's sum of squares."""
        found: NDArray[np.float64] = np.sqrt((self.weights**2).sum((1, 2, 3)))
        return found

    @cached_property
    def dead(self) -> NDArray[np.bool_]:
        """Which filters are nothing beside the median one; all of them where that is zero too."""
        found: NDArray[np.bool_] = self.norms <= DEAD * np.median(self.norms)
        return found

    @property
    def size_text(self) -> str:
        """5x5, or 5x5x3 with the input channels where there is more than one."""
        _, channels, height, width = self.weights.shape
        return f"{height}x{width}" + (f"x{channels}" if channels > 1 else "")


def kernels(subject: Subject, images: Any, name: str | None) -> Kernels:
    """Those of the layer called `name`; None takes the first convolution that the forward pass meets.

    Raises UsageError naming the layers where there is no such one, or it has no kernels.
    """
    found = layers(subject, next(subject.batches(images, 1))[1])
    ours = [one for one in found if _weight(subject.module, one.name) is not None]
    if name is None:
        if not ours:
            raise UsageError(
                "layer: expected a network with a convolutional layer, found "
                f"{_listed(found)}. These ways draw the kernels of convolutions; give a network that has some."
            )
        layer = ours[0]
    else:
        chosen = [one for one in found if one.name == name]
        if not chosen:
            raise unknown_name("layer", name, [f"{one.name} ({one.shape_text})" for one in found])
        layer = chosen[0]
        if layer not in ours:
            raise UsageError(
                f"layer: expected a convolutional layer, found {name} ({layer.kind}), which has no kernels. "
                f"Name one of {_listed(ours)}."
            )
    module = subject.module.get_submodule(layer.name.partition("#")[0])
    weight = _weight(subject.module, layer.name)
    assert weight is not None
    return Kernels(
        layer,
        weight.detach().double().cpu().numpy(),
        _both(getattr(module, "stride", 1)),
        _both(getattr(module, "dilation", 1)),
    )


def _weight(module: nn.Module, name: str) -> Tensor | None:
    """Of a convolution, or of what has a weight like one."""
    part = module.get_submodule(name.partition("#")[0])
    if isinstance(part, nn.ConvTranspose2d):  # its stride goes the other way, its axes are turned
        return None
    weight = getattr(part, "weight", None)
    return weight if isinstance(weight, Tensor) and weight.ndim == 4 and torch.is_floating_point(weight) else None


def _both(value: Any) -> tuple[int, int]:
    first, last = (value, value) if isinstance(value, int) else (value[0], value[-1])
    return int(first), int(last)


def _listed(found: list[LayerInfo]) -> str:
    words = [f"{one.name} ({one.kind}, {one.shape_text})" for one in found[:12]]
    return ", ".join([*words, *(["..."] if len(found) > 12 else [])]) or "no layers"

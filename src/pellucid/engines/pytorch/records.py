"""What each layer of a module saw and gave in one forward and backward pass, for comparison with another engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.engines.pytorch.losses import loss_function
from pellucid.spec.recipe import Recipe


@dataclass(eq=False)
class Record:
    """Of one call of a layer: x, y, and the loss's gradients at both and at the parameters."""

    x: NDArray[Any]
    y: NDArray[Any]
    at_x: NDArray[Any] | None = None
    at_y: NDArray[Any] | None = None
    gradients: dict[str, NDArray[Any]] = field(default_factory=dict)


def records(
    module: nn.Module, x: NDArray[Any], labels: NDArray[np.int64], recipe: Recipe, masks: Mapping[str, NDArray[Any]]
) -> tuple[float, dict[str, Record]]:
    """The loss, and each leaf module's record by its name, in the order of the calls.

    masks: factors of dropout layers, used instead of masks of their own. Gradients are left in the module.
    """
    found: dict[str, Record] = {}
    handles = []

    def forward_hook(name: str) -> Any:
        def hook(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
            if isinstance(layer, nn.Dropout):
                output = inputs[0] * torch.from_numpy(np.ascontiguousarray(masks[name])).to(inputs[0])
            found[name] = Record(_array(inputs[0]), _array(output))
            return output if isinstance(layer, nn.Dropout) else None

        return hook

    def backward_hook(name: str) -> Any:
        def hook(layer: nn.Module, at_x: tuple[Tensor | None, ...], at_y: tuple[Tensor, ...]) -> None:
            found[name].at_y = _array(at_y[0])
            found[name].at_x = None if at_x[0] is None else _array(at_x[0])

        return hook

    leaves = {name: one for name, one in module.named_modules() if name and not list(one.children())}
    try:
        for name, layer in leaves.items():
            handles.append(layer.register_full_backward_hook(backward_hook(name)))
            handles.append(layer.register_forward_hook(forward_hook(name)))
        module.zero_grad()
        logits = module(torch.from_numpy(np.ascontiguousarray(x)).requires_grad_())
        loss = loss_function(recipe)(logits, torch.from_numpy(labels))
        loss.backward()
    finally:
        for handle in handles:
            handle.remove()
    for name, layer in leaves.items():
        for key, parameter in layer.named_parameters():
            if parameter.grad is not None:
                found[name].gradients[key] = _array(parameter.grad)
    return float(loss.detach()), found


def _array(tensor: Tensor) -> NDArray[Any]:
    """A copy as NumPy."""
    array: NDArray[Any] = tensor.detach().contiguous().numpy().copy()
    return array

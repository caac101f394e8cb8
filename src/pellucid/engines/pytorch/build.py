"""From a network as data to a `torch.nn.Module` whose parameter names are the spec's."""

from __future__ import annotations

from collections import OrderedDict
from functools import singledispatch
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pellucid import spec
from pellucid.engines.initial_weights import initial_weights
from pellucid.engines.pytorch import recurrence
from pellucid.errors import SpecError
from pellucid.spec import recurrent
from pellucid.spec.layer import Layer, Shape, pair
from pellucid.spec.network import Network
from pellucid.spec.shapes import trace

_ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}
_OURS = {"gru": recurrence.gru, "rnn": recurrence.rnn}
#: Values of a pool's input from which on it is worth a call of 12 microseconds not to keep it.
_LARGE = 2**21


def build(
    network: Network, shape: Shape, *, seed: int = 0, images: NDArray[np.float32] | None = None
) -> nn.Sequential:
    """`network` as a module for batches N C H W of images of `shape` (height, width, channels), with first weights.

    images: N H W C, what the network sees of training images, for layers whose weights come from them.

    Raises SpecError where a layer does not fit. The module's `state_dict` has the names and shapes of
    `pellucid.spec.shapes.parameter_shapes`.
    """
    rows = trace(network, shape)
    try:
        # no default initialisation: it would be thrown away, and draw from the global generator
        with torch.device("meta"):
            module = nn.Sequential(OrderedDict((row.name, _module(row.layer, row.input)) for row in rows))
    except KeyError as error:  # torch: "attribute 'train' already exists"
        raise SpecError(
            f"{network.name}: a layer has a name that torch's modules use: {error.args[0]}. Rename it."
        ) from None
    weights = initial_weights(network, shape, seed=seed, images=images)
    module.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, assign=True)
    for parameter in module.parameters():
        parameter.requires_grad_(True)
    return module


class Recurrent(nn.Module):
    """One recurrent layer over the rows of images N C H W, or the steps of sequences N T F."""

    def __init__(self, layer: recurrent.Recurrent, shape: Shape) -> None:
        super().__init__()
        self.units, self.return_sequences, self.kind = layer.units, layer.return_sequences, layer.kind
        for name, size in layer.parameters(shape).items():
            self.register_parameter(name, nn.Parameter(torch.empty(size)))

    def forward(self, x: Tensor) -> Tensor:
        """N C H W or N T F -> N T units, or N units (the last state)."""
        if x.ndim == 4:
            x = x.permute(0, 2, 3, 1).flatten(2)
        weights: list[Tensor] = list(self.parameters())  # registered in the order that the functions take
        if x.device.type == "cpu" and self.kind in _OURS:  # PyTorch has a fused layer elsewhere, and for the LSTM
            states = _OURS[self.kind](x, *weights)
        else:
            first = x.new_zeros(1, x.shape[0], self.units)
            common = (weights, True, 1, 0.0, self.training, False, True)
            if self.kind == "lstm":
                states = torch.lstm(x, [first, torch.zeros_like(first)], *common)[0]
            else:
                states = (torch.gru if self.kind == "gru" else torch.rnn_tanh)(x, first, *common)[0]
        return states if self.return_sequences else states[:, -1]


class Residual(nn.Module):
    """The sum of two branches."""

    def __init__(self, layer: spec.Residual, shape: Shape) -> None:
        super().__init__()
        self._branches: list[list[str]] = []
        for branch in (layer.named_body(), layer.named_shortcut()):
            inside = shape
            self._branches.append([])
            for name, inner in branch:
                self.add_module(name, _module(inner, inside))
                self._branches[-1].append(name)
                inside = inner.output(inside)

    def forward(self, x: Tensor) -> Tensor:
        """N C H W -> N C' H' W'."""
        body = shortcut = x
        for name in self._branches[0]:
            body = self.get_submodule(name)(body)
        for name in self._branches[1]:
            shortcut = self.get_submodule(name)(shortcut)
        return body + shortcut


class BatchNorm(nn.Module):
    """Batch norm over images or vectors, without PyTorch's count of batches, which nothing here reads."""

    def __init__(self, features: int, *, eps: float, momentum: float, scale: bool) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.empty(features)) if scale else None
        self.bias = nn.Parameter(torch.empty(features))
        self.register_buffer("running_mean", torch.empty(features))
        self.register_buffer("running_var", torch.empty(features))

    def forward(self, x: Tensor) -> Tensor:
        """N C H W or N C, the same shape."""
        statistics = self.get_buffer("running_mean"), self.get_buffer("running_var")
        return functional.batch_norm(x, *statistics, self.weight, self.bias, self.training, self.momentum, self.eps)


class Scale(nn.Module):
    """Values times a fixed number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Any shape, the same."""
        return x * self.factor


class Whitening(nn.Module):
    """A convolution whose filters are fixed and whose bias is trained, in float32 under autocast too.

    Its filters take the small differences of large numbers, and enlarge what bf16 rounds off a pixel
    (docs/decisions/fast-recipes.md).
    """

    def __init__(self, layer: spec.Whitening, shape: Shape) -> None:
        super().__init__()
        self.register_buffer("weight", torch.empty(layer.buffers(shape)["weight"]))
        self.bias = nn.Parameter(torch.empty(layer.parameters(shape)["bias"]))

    def forward(self, x: Tensor) -> Tensor:
        """N C H W -> N 2*size*size*C H' W'."""
        kind, weight = x.device.type, self.get_buffer("weight")
        with torch.autocast(kind, enabled=False):
            y = functional.conv2d(x.to(weight.dtype), weight, self.bias)
        return y.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else y


class _Maximum(torch.autograd.Function):
    """Max pooling that remembers the places of the maxima but not its input: the gradient needs its shape alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *window: Any) -> Tensor:
        pooled, places = torch.ops.aten.max_pool2d_with_indices(x, *window)
        ctx.save_for_backward(places)
        ctx.shape, ctx.window = x.shape, window
        found: Tensor = pooled
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,), (places,) = gradients, ctx.saved_tensors
        channels_last = places.is_contiguous(memory_format=torch.channels_last)
        order = torch.channels_last if channels_last else torch.contiguous_format
        like = torch.empty(ctx.shape, dtype=gradient.dtype, device=gradient.device, memory_format=order)  # never read
        back = torch.ops.aten.max_pool2d_with_indices_backward
        return back(gradient, like, *ctx.window, (1, 1), False, places), None, None, None


class MaxPool(nn.MaxPool2d):
    """Maximum over windows; halves are the maximum of four views while scoring, in inference mode.

    PyTorch keeps the place of every maximum (int64), which takes two to four times as long for few channels. Ways of
    looking run without gradients too, and want to see one pooling operation. In training PyTorch would keep the input
    until the backward pass as well, a convolution's values in most networks.
    """

    def forward(self, x: Tensor) -> Tensor:
        """N C H W -> N C H' W'."""
        if self.training and x.requires_grad and x.numel() >= _LARGE:
            kept: Tensor = _Maximum.apply(x, self.kernel_size, self.stride, self.padding)  # type: ignore[no-untyped-call]
            return kept
        halves = self.kernel_size == self.stride == (2, 2) and self.padding in (0, (0, 0))
        if not (halves and torch.is_inference_mode_enabled()):
            pooled: Tensor = super().forward(x)
            return pooled
        height, width = x.shape[2] // 2 * 2, x.shape[3] // 2 * 2
        corners = [x[:, :, row:height:2, column:width:2] for row in (0, 1) for column in (0, 1)]
        found = torch.maximum(corners[0], corners[1])
        for corner in corners[2:]:
            torch.maximum(found, corner, out=found)
        return found


class Flatten(nn.Flatten):
    """Channels, rows and columns as one vector; gradients go back in the memory format of what came.

    Without that they are channels first, and the backward pass of a pool before takes four to six times as long.
    """

    def forward(self, x: Tensor) -> Tensor:
        """N C H W -> N C*H*W."""
        if x.requires_grad and not x.is_leaf and x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last):
            x.register_hook(_channels_last)
        return super().forward(x)


def _channels_last(gradient: Tensor) -> Tensor:
    return gradient.contiguous(memory_format=torch.channels_last)


class GlobalPool(nn.Module):
    """Mean or maximum over all places: N C H W -> N C."""

    def __init__(self, pool: str) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3)) if self.pool == "avg" else x.amax((2, 3))


@singledispatch
def _module(layer: Layer, shape: Shape) -> nn.Module:
    raise NotImplementedError(f"{layer.kind}: this layer has no entry in engines/pytorch/build.py.")


@_module.register
def _(layer: spec.Conv, shape: Shape) -> nn.Module:
    return nn.Conv2d(
        shape[2],
        layer.filters,
        pair(layer.kernel_size),
        pair(layer.stride),
        layer.window().padding,
        pair(layer.dilation),
        layer.groups,
        layer.bias,
    )


@_module.register
def _(layer: spec.Whitening, shape: Shape) -> nn.Module:
    return Whitening(layer, shape)


@_module.register
def _(layer: spec.MaxPool, shape: Shape) -> nn.Module:
    window = layer.window()
    return MaxPool(window.size, window.stride, window.padding)


@_module.register
def _(layer: spec.AvgPool, shape: Shape) -> nn.Module:
    window = layer.window()
    return nn.AvgPool2d(window.size, window.stride, window.padding)


@_module.register
def _(layer: spec.GlobalPool, shape: Shape) -> nn.Module:
    return GlobalPool(layer.pool)


@_module.register
def _(layer: spec.BatchNorm, shape: Shape) -> nn.Module:
    return BatchNorm(shape[-1], eps=layer.eps, momentum=layer.momentum, scale=layer.scale)


@_module.register
def _(layer: spec.Dropout, shape: Shape) -> nn.Module:
    return nn.Dropout(layer.rate)


@_module.register
def _(layer: spec.Activation, shape: Shape) -> nn.Module:
    module: nn.Module = _ACTIVATIONS[layer.function]()
    return module


@_module.register
def _(layer: spec.Flatten, shape: Shape) -> nn.Module:
    return Flatten()


@_module.register
def _(layer: spec.Dense, shape: Shape) -> nn.Module:
    return nn.Linear(prod(shape), layer.units, layer.bias)


@_module.register
def _(layer: spec.Scale, shape: Shape) -> nn.Module:
    return Scale(layer.factor)


@_module.register
def _(layer: recurrent.Recurrent, shape: Shape) -> nn.Module:
    return Recurrent(layer, shape)


@_module.register
def _(layer: spec.Residual, shape: Shape) -> nn.Module:
    return Residual(layer, shape)

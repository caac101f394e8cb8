"""Receptive fields of a stranger's network, followed through its function calls by `spec.receptive_field`'s rule.

Each tensor of one forward pass carries the field of its neurons and which of its axes are height and width. Windows
(convolution, pooling, padding) move the field; what works on each place alone keeps it; branches are joined by their
hull. Everything else makes a neuron see the whole image, which is never too small.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from pellucid.spec.layer import ShapeError, Window
from pellucid.spec.receptive_field import Extent, ReceptiveField


@dataclass(frozen=True)
class Known:
    """The field of a tensor's neurons (None: the whole image) and the axes of its height and width."""

    field: ReceptiveField | None
    axes: tuple[int, int] = (2, 3)


_WHOLE = Known(None)
_Calls = Callable[..., Any]


class Fields(TorchFunctionMode):
    """Inside, follows the images `x`, N C H W; `of` gives what is known of a tensor."""

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        self._known: dict[int, Known] = {id(x): Known(ReceptiveField())}
        self._kept: list[Tensor] = [x]  # a freed tensor's id would be another's

    def of(self, tensor: Tensor) -> Known:
        return self._known.get(id(tensor), _WHOLE)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        inputs = [value for value in _tensors((args, kwargs)) if id(value) in self._known]
        if not inputs:
            return result
        for value in _tensors(result):
            known = self._followed(func, args, kwargs, inputs, value)
            self._known[id(value)] = known
            self._kept.append(value)
        return result

    def _followed(self, func: Any, args: Any, kwargs: dict[str, Any], inputs: list[Tensor], result: Tensor) -> Known:
        name = getattr(func, "__name__", "")
        first = inputs[0]
        before = self.of(first)
        if before.field is None or (len(args) and isinstance(args[0], Tensor) and args[0] is not first):
            hulls = [self.of(value) for value in inputs]
            return _hull(hulls) if name.strip("_") in _PLACEWISE or name in _BINARY else _WHOLE
        window = _WINDOWS.get(func) or _WINDOWS.get(name)
        if window is not None:
            if first.ndim != 4 or before.axes != (2, 3):
                return _WHOLE
            found = window(args, kwargs, first, result)
            return _WHOLE if found is None else replace(before, field=before.field.within(found))
        if name == "pad":
            return _padded(before, args, kwargs, first.ndim)
        if name in ("permute", "transpose", "swapaxes", "movedim"):
            return _turned(before, name, args, kwargs, first)
        if name in ("cat", "concat", "concatenate"):
            axis = (args[1] if len(args) > 1 else kwargs.get("dim", 0)) % first.ndim
            return _WHOLE if axis in before.axes else _hull([self.of(value) for value in inputs])
        sizes = [first.shape[axis] for axis in before.axes if axis < first.ndim]
        same = result.ndim == first.ndim and [result.shape[axis] for axis in before.axes] == sizes
        if not same:
            return _WHOLE
        if name in ("layer_norm", "rms_norm"):
            shape = args[1] if len(args) > 1 else kwargs["normalized_shape"]
            return before if all(axis < first.ndim - len(shape) for axis in before.axes) else _WHOLE
        if name in ("linear", "softmax", "log_softmax", "normalize"):
            dim = kwargs.get("dim", args[1] if name != "linear" and len(args) > 1 else -1)
            axis = (-1 if name == "linear" else dim if isinstance(dim, int) else 1) % first.ndim
            return before if axis not in before.axes else _WHOLE
        if name.strip("_") in _PLACEWISE or name in _BINARY or func is functional.local_response_norm:
            return _hull([self.of(value) for value in inputs])
        if name in ("split", "chunk", "tensor_split", "unbind"):
            dim = kwargs.get("dim", args[2] if len(args) > 2 else 0)
            return before if dim % first.ndim not in before.axes else _WHOLE
        if name == "__getitem__" and _keeps_places(args[1], before.axes):
            return before
        return _WHOLE


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: What works on each place alone, whatever its values.
_PLACEWISE = _words(
    """
    relu relu6 hardtanh leaky_relu prelu rrelu elu selu celu gelu silu mish softplus hardswish hardsigmoid sigmoid
    tanh logsigmoid softsign tanhshrink threshold hardshrink softshrink clamp clamp_min clamp_max clip abs neg exp
    log sqrt rsqrt square pow sin cos sign erf batch_norm dropout dropout2d alpha_dropout feature_dropout
    feature_alpha_dropout clone contiguous detach to float double half bfloat16 type copy identity requires_grad
    """
)
_BINARY = _words(
    """
    add add_ sub sub_ mul mul_ div div_ maximum minimum max min where lerp addcmul addcdiv __add__ __radd__
    __iadd__ __sub__ __rsub__ __isub__ __mul__ __rmul__ __imul__ __truediv__ __rtruediv__ __itruediv__ true_divide
    rsub __pow__
    """
)


def _tensors(values: Any) -> list[Tensor]:
    if isinstance(values, Tensor):
        return [values]
    if isinstance(values, dict):
        values = list(values.values())
    return [found for value in values for found in _tensors(value)] if isinstance(values, (tuple, list)) else []


def _hull(known: Sequence[Known]) -> Known:
    found = known[0]
    for other in known[1:]:
        if found.field is None or other.field is None or found.axes != other.axes:
            return _WHOLE
        try:
            found = replace(found, field=found.field.hull(other.field))
        except ShapeError:
            return _WHOLE
    return found


def _pair(value: Any) -> tuple[int, int]:
    return (int(value[0]), int(value[-1])) if isinstance(value, (tuple, list)) else (int(value), int(value))


def _given(args: Any, kwargs: dict[str, Any], place: int, name: str, default: Any) -> Any:
    return kwargs.get(name, args[place] if len(args) > place else default)


def _convolved(args: Any, kwargs: dict[str, Any], x: Tensor, result: Tensor) -> Window | None:
    weight = _given(args, kwargs, 1, "weight", None)
    stride = _pair(_given(args, kwargs, 3, "stride", 1))
    padding = _given(args, kwargs, 4, "padding", 0)
    dilation = _pair(_given(args, kwargs, 5, "dilation", 1))
    height, width = (d * (k - 1) + 1 for k, d in zip(weight.shape[2:], dilation, strict=True))
    if padding == "same":
        padding = ((height - 1) // 2, (width - 1) // 2)
    elif padding == "valid":
        padding = 0
    return Window((height, width), stride, _pair(padding))


def _pooled(args: Any, kwargs: dict[str, Any], x: Tensor, result: Tensor) -> Window | None:
    size = _pair(_given(args, kwargs, 1, "kernel_size", 1))
    stride = _given(args, kwargs, 2, "stride", None)
    padding = _pair(_given(args, kwargs, 3, "padding", 0))
    dilation = kwargs.get("dilation", args[4] if len(args) > 4 and not isinstance(args[4], bool) else 1)
    height, width = (d * (k - 1) + 1 for k, d in zip(size, _pair(dilation), strict=True))
    return Window((height, width), _pair(stride) if stride not in (None, (), []) else size, padding)


def _adapted(args: Any, kwargs: dict[str, Any], x: Tensor, result: Tensor) -> Window | None:
    """Adaptive pooling is a window where the output's size divides the input's."""
    (height, width), (rows, columns) = x.shape[2:], result.shape[2:]
    if height % rows or width % columns or (rows == columns == 1):
        return None
    size = (height // rows, width // columns)
    return Window(size, size, (0, 0))


_WINDOWS: dict[Any, _Calls] = {
    torch.conv2d: _convolved,
    torch.max_pool2d: _pooled,
    "max_pool2d": _pooled,
    "max_pool2d_with_indices": _pooled,
    "avg_pool2d": _pooled,
    "adaptive_avg_pool2d": _adapted,
    "adaptive_max_pool2d": _adapted,
    "adaptive_max_pool2d_with_indices": _adapted,
}


def _padded(before: Known, args: Any, kwargs: dict[str, Any], ndim: int) -> Known:
    """Constant padding moves the first place; reflected pixels come from inside, which no interval tells."""
    widths = list(_given(args, kwargs, 1, "pad", ()))
    if _given(args, kwargs, 2, "mode", "constant") != "constant" or before.field is None:
        return _WHOLE
    ahead = {ndim - 1 - k // 2: widths[k] for k in range(0, len(widths), 2)}
    height, width = (
        Extent(extent.size, extent.stride, extent.start - ahead.get(axis, 0) * extent.stride)
        for extent, axis in zip((before.field.height, before.field.width), before.axes, strict=True)
    )
    return replace(before, field=ReceptiveField(height, width))


def _turned(before: Known, name: str, args: Any, kwargs: dict[str, Any], x: Tensor) -> Known:
    """Axes in another order."""
    probe = torch.empty(tuple(range(2, 2 + x.ndim)), device="meta")  # each axis told by its size
    with torch._C.DisableTorchFunction():
        turned = getattr(probe, name)(*args[1:], **{key: value for key, value in kwargs.items() if key != "input"})
    order = [size - 2 for size in turned.shape]
    height, width = (order.index(axis) for axis in before.axes)
    return replace(before, axes=(height, width))


def _keeps_places(index: Any, axes: tuple[int, int]) -> bool:
    """Whether an index takes whole rows and columns."""
    parts = index if isinstance(index, tuple) else (index,)
    if any(not isinstance(part, slice) for part in parts):
        return False
    return all(parts[axis] == slice(None) for axis in axes if axis < len(parts))

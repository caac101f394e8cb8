"""Rectifiers with another backward pass, met at the function call: module, functional, in place, reused, shared.

With f what enters a ReLU and R the signal that comes back to it (Springenberg et al. 2015; Zeiler and Fergus 2014):

    gradient    R * [f > 0]
    deconvnet   max(R, 0)
    guided      max(R, 0) * [f > 0]

Functions are intercepted by a `TorchFunctionMode`, so that no module is hooked or replaced.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from pellucid.errors import UsageError
from pellucid.inspection._options import Others

#: The rules, with the ways that are called by them.
_WAYS = {"deconvnet": "deconvnet", "guided": "guided_backprop"}


class _Rectified(torch.autograd.Function):
    """max(f, 0) forward; backward by the rule that `rules` has at that moment."""

    @staticmethod
    def forward(ctx: Any, f: Tensor, rules: Rectifiers) -> Tensor:
        ctx.rules = rules
        ctx.save_for_backward(f > 0)
        return f.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, r: Tensor) -> tuple[Tensor, None]:
        active: Tensor = ctx.saved_tensors[0]
        return (r.clamp(min=0) if ctx.rules.rule == "deconvnet" else r.clamp(min=0) * active), None


class _Bypassed(torch.autograd.Function):
    """`value`, computed from x, forward; deconvnet's signal goes to x as it is, another through the computation."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, value: Tensor, rules: Rectifiers) -> Tensor:
        ctx.rules = rules
        return value.clone()

    @staticmethod
    def backward(ctx: Any, r: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        return (r, None, None) if ctx.rules.rule == "deconvnet" else (None, r, None)


_RELU = {functional.relu, torch.relu, Tensor.relu}
_RELU_IN_PLACE = {functional.relu_, torch.relu_, Tensor.relu_}
_CLAMP = {torch.clamp, torch.clamp_min, Tensor.clamp, Tensor.clamp_min, torch.clip, Tensor.clip}
_CLAMP_IN_PLACE = {torch.clamp_, torch.clamp_min_, Tensor.clamp_, Tensor.clamp_min_, torch.clip_, Tensor.clip_}
_MAXIMUM = {torch.maximum, Tensor.maximum, torch.max, Tensor.max}
#: What bends its input without being a ReLU: neither paper says what its backward pass should be.
_OTHERS = {
    *("relu6", "hardtanh", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus"),
    *("hardswish", "hardsigmoid", "sigmoid", "tanh", "logsigmoid", "softsign", "tanhshrink", "threshold", "glu"),
    *("hardshrink", "softshrink", "lstm", "gru", "rnn_tanh", "rnn_relu"),
}


class Rectifiers(TorchFunctionMode):
    """Inside, every ReLU goes back by `rule`, which may be changed between two backward passes of one forward pass.

    others: what to do at other activations: "refuse", or "gradient", which gives them their true derivative as Captum
    does. Local response normalisation hands the signal of deconvnet on as it is (Mahendran and Vedaldi 2016).
    Raises UsageError, in the forward pass, for an activation that is refused.
    """

    def __init__(self, rule: str, *, others: Others = "refuse") -> None:
        super().__init__()
        self.rule, self._others = rule, others

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        entry = _rectified(func, args, kwargs)
        if entry is not None:
            f, in_place = entry
            rectified: Tensor = _Rectified.apply(f, self)  # type: ignore[no-untyped-call]
            return f.copy_(rectified) if in_place else rectified
        if func is functional.local_response_norm:
            x = args[0] if args else kwargs["input"]
            return _Bypassed.apply(x, func(*args, **kwargs), self)  # type: ignore[no-untyped-call]
        name = getattr(func, "__name__", "").rstrip("_")
        if self._others == "refuse" and name in _OTHERS:
            raise UsageError(
                f"{_WAYS[self.rule]}: expected a network whose only activation is ReLU, found {name}, for which the "
                "paper has no rule. Use gradient, integrated_gradients or smoothgrad; or others='gradient', to give "
                "it its true derivative."
            )
        return func(*args, **kwargs)


def _rectified(func: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Tensor, bool] | None:
    """What a call rectifies and whether in place; None where the call is no ReLU."""
    if func in _RELU:
        f = args[0] if args else kwargs["input"]
        return f, bool(kwargs.get("inplace", args[1] if len(args) > 1 else False))
    if func in _RELU_IN_PLACE:
        return (args[0] if args else kwargs["input"]), True
    if func in _CLAMP or func in _CLAMP_IN_PLACE:
        low = kwargs.get("min", args[1] if len(args) > 1 else None)
        high = kwargs.get("max", args[2] if len(args) > 2 else None)
        if isinstance(low, (int, float)) and low == 0 and high is None:
            return (args[0] if args else kwargs["input"]), func in _CLAMP_IN_PLACE
    if func in _MAXIMUM and len(args) == 2 and all(isinstance(one, Tensor) for one in args):
        for f, zero in (args, args[::-1]):
            if not zero.requires_grad and not zero.any():
                return f, False
    return None

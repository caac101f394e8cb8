"""Recurrent layers as single operations with backward passes written by hand.

PyTorch has no fused GRU or tanh RNN for processors: it records a dozen small operations a step and goes back through
each. Here the products of all steps with the input are one matrix product, a step forward is one or two products and
a few calls on whole gates, in place; a step back is one product and a few calls, and the gradients of the weights are
one product each over all steps (the order of work of Appleyard et al. 2016, appleyard2016 in docs/bibliography.bib).

Both functions take x, N T F; weight_ih, gates*H x F; weight_hh, gates*H x H; the two biases, gates*H; and give the
states N T H of steps 1 to T, the first state zero. Gates are in PyTorch's order. Under autocast all of it is done in
autocast's dtype, as PyTorch does its own. They can be differentiated once.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

sigmoid_backward: Any = torch.ops.aten.sigmoid_backward.grad_input
tanh_backward: Any = torch.ops.aten.tanh_backward.grad_input
Gradients = tuple[Tensor | None, Tensor, Tensor, Tensor, Tensor]


def rnn(x: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
    """``h' = tanh(W_ih x + b_ih + W_hh h + b_hh)``; x N T F -> N T H."""
    return _call(_RNN, x, weight_ih, weight_hh, bias_ih, bias_hh)


def gru(x: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
    """Gates r, z, n: ``n = tanh(W_in x + b_in + r*(W_hn h + b_hn))``, ``h' = (1-z)*n + z*h``; x N T F -> N T H."""
    return _call(_GRU, x, weight_ih, weight_hh, bias_ih, bias_hh)


def _call(function: type[torch.autograd.Function], x: Tensor, *weights: Tensor) -> Tensor:
    device = x.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weights[0].dtype
    cast = [tensor.to(dtype) for tensor in (x, *weights)]
    with torch.autocast(device, enabled=False):
        states: Tensor = function.apply(*cast)
    return states.transpose(0, 1)


def _projected(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``W x + b`` of all steps: N T F -> T N gates*H, contiguous."""
    return torch.nn.functional.linear(x.transpose(0, 1).contiguous(), weight, bias)


class _RNN(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor
    ) -> Tensor:
        sums = _projected(x, weight_ih, bias_ih + bias_hh)
        steps, n, units = sums.shape
        states = sums.new_zeros(steps + 1, n, units)
        columns = weight_hh.T
        at = states.unbind()  # views made one by one take longer than some of the work on them
        for total, h, out in zip(sums.unbind(), at, at[1:], strict=False):
            torch.addmm(total, h, columns, out=out).tanh_()
        ctx.save_for_backward(x, weight_ih, weight_hh, states)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Gradients:
        x, weight_ih, weight_hh, states = ctx.saved_tensors
        at_sums = torch.empty_like(states[1:])
        dh = torch.zeros_like(states[0])
        steps = list(zip(grad.unbind(), states[1:].unbind(), at_sums.unbind(), strict=True))
        for from_above, state, at_sum in reversed(steps):
            dh.add_(from_above)
            tanh_backward(dh, state, grad_input=at_sum)
            torch.mm(at_sum, weight_hh, out=dh)
        flat = at_sums.flatten(0, 1)
        sums = flat.sum(0)
        grad_x = (at_sums @ weight_ih).transpose(0, 1) if ctx.needs_input_grad[0] else None
        return grad_x, flat.T @ _by_step(x), flat.T @ states[:-1].flatten(0, 1), sums, sums


class _GRU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor
    ) -> Tensor:
        units = weight_hh.shape[1]
        two = 2 * units
        gates = _projected(x, weight_ih[:two], bias_ih[:two] + bias_hh[:two])  # becomes r and z
        news = _projected(x, weight_ih[two:], bias_ih[two:])  # becomes n
        steps, n = gates.shape[:2]
        states = gates.new_zeros(steps + 1, n, units)
        inner = gates.new_empty(steps, n, units)  # W_hn h + b_hn
        gate_columns, new_columns, new_bias = weight_hh[:two].T, weight_hh[two:].T, bias_hh[two:]
        at = states.unbind()  # views made one by one take longer than some of the work on them
        r_and_z = gates[..., :units].unbind(), gates[..., units:].unbind()
        views = zip(gates.unbind(), *r_and_z, news.unbind(), inner.unbind(), at, at[1:], strict=False)
        for gate, r, z, new, within, h, out in views:
            gate.addmm_(h, gate_columns).sigmoid_()
            torch.addmm(new_bias, h, new_columns, out=within)
            new.addcmul_(r, within).tanh_()
            torch.lerp(new, h, z, out=out)
        ctx.save_for_backward(x, weight_ih, weight_hh, states, gates, news, inner)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Gradients:
        x, weight_ih, weight_hh, states, gates, news, inner = ctx.saved_tensors
        steps, n, units = news.shape
        # gradients at the sums of n, r, z and at n's inner sum: the first three are x's side, the last three h's
        at_sums = gates.new_empty(steps, n, 4 * units)
        dh, work = torch.zeros_like(states[0]), torch.empty_like(states[0])
        cuts = ((0, units), (units, 3 * units), (units, 2 * units), (2 * units, 3 * units), (3 * units, 4 * units))
        parts = (at_sums[..., low:high].unbind() for low, high in (*cuts, (units, 4 * units)))
        r_and_z = gates[..., :units].unbind(), gates[..., units:].unbind()
        known = (grad.unbind(), states[:-1].unbind(), gates.unbind(), *r_and_z, news.unbind(), inner.unbind())
        for views in reversed(list(zip(*known, *parts, strict=True))):
            from_above, h, gate, r, z, new, within, at_new, at_gates, at_r, at_z, at_inner, at_h = views
            dh.add_(from_above)
            torch.addcmul(dh, dh, z, value=-1, out=work)
            tanh_backward(work, new, grad_input=at_new)
            torch.mul(at_new, within, out=at_r)
            torch.sub(h, new, out=work)
            torch.mul(work, dh, out=at_z)
            sigmoid_backward(at_gates, gate, grad_input=at_gates)
            torch.mul(at_new, r, out=at_inner)
            dh.mul_(z).addmm_(at_h, weight_hh)
        flat = at_sums.flatten(0, 1)
        from_x, from_h = flat[:, : 3 * units], flat[:, units:]
        sums = flat.sum(0)
        grad_x = None
        if ctx.needs_input_grad[0]:
            turned = torch.cat((weight_ih[2 * units :], weight_ih[: 2 * units]))
            grad_x = (from_x @ turned).view(steps, n, -1).transpose(0, 1)
        grad_ih = _rotated(from_x.T @ _by_step(x), units)
        grad_hh = from_h.T @ states[:-1].flatten(0, 1)
        return grad_x, grad_ih, grad_hh, _rotated(sums[: 3 * units], units), sums[units:]


def _rotated(nrz: Tensor, units: int) -> Tensor:
    """Rows in the order r, z, n from rows in the order n, r, z."""
    return torch.cat((nrz[units:], nrz[:units]))


def _by_step(x: Tensor) -> Tensor:
    """N T F -> T*N F."""
    return x.transpose(0, 1).flatten(0, 1)

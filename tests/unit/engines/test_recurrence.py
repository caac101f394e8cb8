"""The recurrent layers with backward passes by hand, against PyTorch's and against differences."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pellucid.engines.pytorch.recurrence import gru, rnn

LAYERS = {"rnn": (rnn, torch.rnn_tanh, 1), "gru": (gru, torch.gru, 3)}
each_layer = pytest.mark.parametrize("name", LAYERS)


def inputs(gates: int, *, n: int, steps: int, features: int, units: int, dtype: torch.dtype) -> list[Tensor]:
    generator = torch.Generator().manual_seed(n + 10 * steps + 100 * features + 1000 * units)
    rows = gates * units
    sizes = ((n, steps, features), (rows, features), (rows, units), (rows,), (rows,))
    return [torch.randn(size, generator=generator, dtype=dtype).requires_grad_() for size in sizes]


def reference(function: Callable[..., tuple[Tensor, Tensor]], x: Tensor, *weights: Tensor) -> Tensor:
    first = x.new_zeros(1, len(x), weights[1].shape[1])
    return function(x, first, list(weights), True, 1, 0.0, True, False, True)[0]


@each_layer
@settings(deadline=None)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 4), st.integers(1, 5))
def test_states_and_all_gradients_are_pytorchs(name: str, n: int, steps: int, features: int, units: int) -> None:
    ours, theirs, gates = LAYERS[name]
    given_ = inputs(gates, n=n, steps=steps, features=features, units=units, dtype=torch.float64)
    mine, other = ours(*given_), reference(theirs, *given_)
    torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-12)
    weight = torch.randn(mine.shape, dtype=torch.float64)
    for one, two in zip(
        torch.autograd.grad((mine * weight).sum(), given_),
        torch.autograd.grad((other * weight).sum(), given_),
        strict=True,
    ):
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-12)


@each_layer
def test_gradients_are_those_of_differences(name: str) -> None:
    ours, _, gates = LAYERS[name]
    assert torch.autograd.gradcheck(
        lambda *given_: ours(*given_), inputs(gates, n=2, steps=4, features=3, units=3, dtype=torch.float64)
    )


@each_layer
def test_under_autocast_bf16_stays_near_and_gradients_are_of_the_weights_type(name: str) -> None:
    ours, _, gates = LAYERS[name]
    given_ = [
        (0.1 * tensor).detach().requires_grad_()
        for tensor in inputs(gates, n=8, steps=28, features=28, units=32, dtype=torch.float32)
    ]
    exact = ours(*given_)
    with torch.autocast("cpu", torch.bfloat16):
        rough = ours(*given_)
    assert rough.dtype == torch.bfloat16
    assert float((rough.float() - exact).detach().abs().max()) < 0.1
    for gradient in torch.autograd.grad(rough.float().sum(), given_):
        assert gradient.dtype == torch.float32


def test_images_that_need_no_gradient_get_none() -> None:
    x, *weights = inputs(3, n=2, steps=3, features=4, units=5, dtype=torch.float32)
    gru(x.detach(), *weights).sum().backward()
    assert x.grad is None and all(weight.grad is not None for weight in weights)

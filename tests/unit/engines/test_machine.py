"""Threads and probes: what is computed does not depend on what was computed before."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pellucid.engines import pytorch
from pellucid.engines.pytorch import machine
from pellucid.spec import Dense, Flatten, Network, Recipe
from pellucid.spec.layer import Shape

SMALLEST, MANY = 1e-40, 1 << 20  # a denormal, and so many that both threads take some


def flushed() -> list[bool]:
    """Of the first and the second half of a long tensor, whether denormals in it come out as zero."""
    found = torch.from_numpy(np.full(MANY, SMALLEST, np.float32)) * 1.0
    return [not half.numpy().view(np.int32).any() for half in found.split(MANY // 2)]


@pytest.mark.skipif(machine._openmp() is None, reason="torch brings another OpenMP here")
@pytest.mark.parametrize("earlier", [1, MANY])
def test_denormals_are_flushed_by_all_threads_inside_and_by_none_outside(earlier: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        torch.rand(earlier).add_(1)  # from a million numbers on its second half is another thread's
        for _ in range(2):
            with machine.threads(2):
                assert flushed() == [True, True]
                with machine.threads(2):
                    pass
                assert flushed() == [True, True], "what is within ends nothing without"
            assert flushed() == [False, False]
    finally:
        torch.set_num_threads(before)


def test_a_probe_that_takes_long_ends_after_three_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    monkeypatch.setattr(machine, "PATIENCE", 0.0)
    machine.probe({"step": lambda: taken.append(1)}, warm_up=2, repeats=9)
    assert len(taken) == 2 + 3
    monkeypatch.setattr(machine, "PATIENCE", 60.0)
    machine.probe({"step": lambda: taken.append(1)}, warm_up=2, repeats=9)
    assert len(taken) == 5 + 2 + 9


def test_large_batches_are_probed_with_a_part_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def probed(*words: object, **more: object) -> object:
        seen.append(len(words[1]))  # type: ignore[arg-type]
        return own(*words, **more)  # type: ignore[arg-type]

    own = pytorch.trainer
    monkeypatch.setattr(pytorch, "trainer", probed)
    monkeypatch.setattr(pytorch, "has_fast_bf16", lambda device: True)
    shape: Shape = (8, 8, 1)
    network = Network("small", (Flatten(), Dense()))
    for size in (16, 1000):
        pytorch.choose_precision(network, shape, 10, Recipe(batch_size=size), device="cpu")
    assert seen == [16, 16, 256, 256]


class Halved(nn.Module):
    """Writes the answer of a layer, bf16 under autocast, into a float32 tensor."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.layer = nn.Linear(64, units)

    def forward(self, x: Tensor) -> Tensor:
        found = torch.zeros(len(x), 10)
        found[torch.arange(len(x)) % 2 == 0] = self.layer(x.flatten(1)[::2])
        return found


def test_a_module_that_cannot_take_a_step_in_bf16_trains_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pytorch, "has_fast_bf16", lambda device: True)
    recipe = Recipe(batch_size=16)
    assert pytorch.choose_precision(Halved(10), (8, 8, 1), 10, recipe, device="cpu") == ("fp32", {})
    with pytest.raises(RuntimeError, match="shape"):  # what is wrong with the module itself
        pytorch.choose_precision(Halved(7), (8, 8, 1), 10, recipe, device="cpu")

"""One picture's answer: what each layer gave at its time, in bytes that can be taken back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.inspection._answer import Responder, told_channels
from pellucid.inspection._layers import LayerInfo


def picture(seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (8, 8, 1), dtype=np.uint8)


def in_place() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(108, 4))


def test_a_layer_whose_output_is_overwritten_is_told_as_it_was() -> None:
    module = in_place()
    conv, relu, dense = Responder(module, (8, 8, 1)).answer(picture()).maps
    x = torch.from_numpy(picture().transpose(2, 0, 1)[None].astype(np.float32) / 255)
    with torch.no_grad():
        expected = module[0](x)[0].numpy()
    assert conv.signed and np.abs(conv.values() - expected).max() <= conv.bound / 253
    assert not relu.signed and np.abs(relu.values() - expected.clip(0)).max() <= relu.bound / 509
    assert dense.layer.name == "3" and dense.steps.shape == (4, 1, 1)


def test_what_is_not_finite_and_what_is_all_zero_can_still_be_drawn() -> None:
    module = in_place()
    with torch.no_grad():
        module[0].weight.fill_(float("inf"))
    maps = Responder(module, (8, 8, 1)).answer(picture()).maps
    assert all(np.isfinite(one.bound) and np.isfinite(one.values()).all() for one in maps)
    with torch.no_grad():
        module[0].weight.zero_(), module[0].bias.zero_()
    conv = Responder(module, (8, 8, 1)).answer(picture()).maps[0]
    assert (conv.bound, conv.signed) == (0.0, False) and not conv.values().any()


@pytest.mark.parametrize(("count", "most", "rank", "expected"), [
    (6, 64, 4, [0, 1, 2, 3, 4, 5]), (6, 3, 4, [0, 2, 5]), (6, 1, 4, [0]), (6, 3, 2, [0, 1, 2, 3, 4, 5]),
])  # fmt: skip
def test_channels_are_spread_evenly(count: int, most: int, rank: int, expected: list[int]) -> None:
    info = LayerInfo("conv1", "Conv2d", (count, 2, 2), None, rank)
    assert told_channels(info, most).tolist() == expected


def test_the_module_keeps_its_mode_and_has_no_hooks_afterwards() -> None:
    module = in_place().train()
    Responder(module, (8, 8, 1)).answer(picture())
    assert module.training and not any(part._forward_hooks for part in module.modules())

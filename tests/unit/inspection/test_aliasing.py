"""Shares of energy are those of the transform written out, and the advice follows from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from strangers import AlexNet, BiLSTM, ResNet, built, pictures
from torch import nn

from pellucid import catalog
from pellucid.displays.table import Table
from pellucid.errors import UsageError
from pellucid.inspection.aliasing import energy_above

aliasing = catalog.load("inspection", "aliasing")
FLOATS = pictures(2, dtype=torch.float32)


def slow_share(kernel: np.ndarray, stride: tuple[int, int], points: int = 32) -> float:
    """The transform by its sum, one frequency at a time."""
    above = whole = 0.0
    _, height, width = kernel.shape
    y, x = np.mgrid[:height, :width]
    for u in np.arange(points) / points:
        for v in np.arange(points) / points:
            wave = np.exp(-2j * np.pi * (u * y + v * x))
            energy = sum(abs((one * wave).sum()) ** 2 for one in kernel)
            folded = min(u, 1 - u), min(v, 1 - v)
            outside = any(s > 1 and f >= 1 / (2 * s) - 1e-12 for f, s in zip(folded, stride, strict=True))
            whole += energy
            above += energy * outside
    return above / whole


@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (4, 4), (2, 1), (3, 2)])
def test_shares_are_those_of_the_sum_written_out(stride: tuple[int, int]) -> None:
    weights = np.random.default_rng(0).normal(size=(3, 2, 5, 4))
    shares, overall, _ = energy_above(weights, stride)
    expected = [slow_share(one, stride) for one in weights]
    assert np.allclose(shares, expected)
    energies = (weights**2).sum((1, 2, 3))
    assert overall == pytest.approx((energies * expected).sum() / energies.sum())
    if stride == (1, 1):
        assert overall == 0 and not shares.any()


def test_a_grating_lies_where_its_frequency_does() -> None:
    x = np.arange(16)
    slow = np.cos(2 * np.pi * x / 16)[None, None, None].repeat(16, axis=2)
    fast = np.cos(2 * np.pi * x * 6 / 16)[None, None, None].repeat(16, axis=2)
    shares, _, noise = energy_above(np.concatenate([slow, fast]), (2, 2))
    assert shares[0] < 0.1 and shares[1] > 0.9
    # 15 of 32 frequencies lie below a quarter of a cycle per pixel
    assert noise == pytest.approx(1 - (15 / 32) ** 2)
    along, _, _ = energy_above(np.concatenate([fast, fast.transpose(0, 1, 3, 2)]), (1, 2))
    assert along[0] > 0.9 and along[1] < 0.1, "the stride along an axis is that axis's"


def test_dilated_kernels_are_taken_as_they_reach() -> None:
    weights = np.random.default_rng(0).normal(size=(1, 1, 3, 3))
    spread = np.zeros((1, 1, 5, 5))
    spread[:, :, ::2, ::2] = weights
    assert np.allclose(energy_above(weights, (2, 2), (2, 2))[0], energy_above(spread, (2, 2))[0])


def net(kernel: int = 11, stride: int = 4) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        conv = nn.Conv2d(3, 12, kernel, stride=stride, bias=False)
    return nn.Sequential(conv, nn.ReLU(), nn.Flatten())


def told(page: Any) -> dict[str, tuple[str, str]]:
    return {what: (found, change) for what, found, change in page.diagnosis}


def test_a_stride_of_four_is_told_to_be_two() -> None:
    module = net()
    page = aliasing(module, FLOATS)
    weights = module[0].weight.detach().double().numpy()
    share, then = (energy_above(weights, (s, s))[1] for s in (4, 2))
    found, change = told(page)["aliasing"]
    assert found.startswith(f"stride 4 loses {100 * share:.0f} % of the energy (at or above 0.125 cycles")
    assert change == f"stride 2 and a kernel of 7; these filters would then lose {100 * then:.0f} %"
    data = page.to_dict()
    assert data["limit"] == [0.125, 0.125] and data["total_stride"] == [4, 4]
    assert np.allclose(data["shares"], energy_above(weights, (4, 4))[0])


def test_smooth_filters_and_a_stride_of_one_change_nothing() -> None:
    module = net(stride=1)
    assert told(aliasing(module, FLOATS))["aliasing"][1] == "nothing to change"
    smooth = net(stride=2)
    with torch.no_grad():
        bell = torch.exp(-((torch.arange(11.0) - 5) ** 2) / 8)
        smooth[0].weight.copy_((bell[:, None] * bell).expand(12, 3, 11, 11))
    found, change = told(aliasing(smooth, FLOATS))["aliasing"]
    assert change.startswith("nothing to change: the filters are smooth") and "loses 0 %" in found


def test_dead_and_dominant_filters_are_named() -> None:
    module = net(stride=2)
    with torch.no_grad():
        module[0].weight[3] *= 1e-4
        module[0].weight[5] = 0
        module[0].weight[7] *= 6
    page = aliasing(module, FLOATS)
    assert np.flatnonzero(page.to_dict()["dead"]).tolist() == [3, 5]
    assert np.flatnonzero(page.to_dict()["dominant"]).tolist() == [7]
    assert told(page)["dead"][0].endswith(": 3, 5") and told(page)["dominant"][0].endswith(": 7")
    table = page.displays[1].displays[0]
    assert isinstance(table, Table)
    assert [row[4] for row in table.rows] == [
        "dead" if k in (3, 5) else "dominant" if k == 7 else "" for k in range(12)
    ]
    assert table.rows[5][3] is None, "nothing has no share"
    rms = module[0].weight.detach().double().pow(2).mean((1, 2, 3)).sqrt()
    assert np.allclose([row[2] for row in table.rows], rms.numpy())
    with torch.no_grad():
        module[0].weight.zero_()
    assert "12 of 12" in told(aliasing(module, FLOATS))["dead"][0]


def test_later_layers_have_the_total_stride_of_the_image() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Conv2d(4, 4, 5, stride=2), nn.Flatten())
    page = aliasing(module, FLOATS, layer="2")
    data = page.to_dict()
    assert data["stride"] == [2, 2] and data["total_stride"] == [4, 4] and data["limit"] == [0.125, 0.125]
    assert np.allclose(data["shares"], energy_above(module[2].weight.detach().double().numpy(), (2, 2))[0])
    assert "stride 2 (total stride 4)" in told(page)["aliasing"][0]


def test_many_filters_are_drawn_in_part_and_kept_whole() -> None:
    module = nn.Sequential(nn.Conv2d(3, 200, 7, stride=2), nn.ReLU())
    page = aliasing(module, FLOATS)
    table, bars = page.displays[1].displays
    assert len(table.rows) == len(bars.values) == 64 and "64 of 200" in table.title
    shares = page.to_dict()["shares"]
    assert len(shares) == 200
    assert np.isclose(min(bars.values), np.sort(shares)[-64])


@pytest.mark.parametrize("make", [AlexNet, ResNet])
def test_strangers_every_format_and_the_network_stays(make: type[nn.Module]) -> None:
    module = built(make, dtype=torch.float32).train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    state = torch.random.get_rng_state()
    page = aliasing(module, FLOATS)
    for format in ("png", "svg", "html", "json"):
        assert len(page.render(format)) > 500
    assert all(part.training for part in module.modules())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())


def test_errors_say_what_was_expected() -> None:
    with pytest.raises(UsageError, match="expected a network with a convolutional layer, found"):
        aliasing(built(BiLSTM, dtype=torch.float32), FLOATS)
    with pytest.raises(UsageError, match=r"expected a convolutional layer, found 1 \(ReLU\)"):
        aliasing(net(), FLOATS, layer="1")

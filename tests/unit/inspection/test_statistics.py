"""Statistics in one pass are those of two passes in float64 over everything kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from strangers import VGG, AlexNet, ResNet, built, pictures
from torch import Tensor, nn

from pellucid import catalog
from pellucid.errors import DataError, UsageError
from pellucid.images import Images
from pellucid.inspection import _statistics
from pellucid.inspection._statistics import QUANTILES, channel_statistics
from pellucid.inspection._subject import Subject, by_channel, watched

activation_statistics = catalog.load("inspection", "activation_statistics")


def kept(module: nn.Module, x: Tensor) -> dict[str, np.ndarray]:
    """All values of every layer, count x channels, float64."""
    found: dict[str, np.ndarray] = {}

    def see(name: str, value: Tensor) -> None:
        found[name] = by_channel(value).movedim(1, -1).flatten(0, -2).double().numpy().copy()

    with torch.no_grad(), watched(module, see):
        module(x)
    return found


@pytest.mark.parametrize("offset", [0.0, 1000.0], ids=["around zero", "far from zero"])
@pytest.mark.parametrize("make", [AlexNet, VGG, ResNet])
def test_one_pass_is_two_passes(make: type[nn.Module], offset: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_statistics, "SAMPLE", 10**9)
    module, x = built(make, dtype=torch.float32), pictures(23, dtype=torch.float32) + offset
    monkeypatch.setattr("pellucid.inspection._subject.BATCH", 7)
    all_values = kept(module, x)
    for one in channel_statistics(Subject.of(module), x):
        values = all_values[one.layer.name]
        spread = values.std(0)
        assert one.count == len(values)
        assert np.allclose(one.mean, values.mean(0), rtol=1e-6, atol=1e-6 * np.abs(values).max())
        assert np.allclose(one.std, spread, rtol=1e-4, atol=1e-6 * np.abs(values).max())
        assert np.array_equal(one.low, values.min(0)) and np.array_equal(one.high, values.max(0))
        assert np.array_equal(one.zeros, (values == 0).mean(0))
        assert one.exact_quantiles
        assert np.allclose(one.quantiles, np.quantile(values, QUANTILES, axis=0).T)
        lively = spread > 1e-4 * np.abs(values).max()
        if lively.sum() > 1:
            expected = np.corrcoef(values[:, lively].T)
            assert np.allclose(one.correlation[np.ix_(lively, lively)], expected, atol=2e-3)
        assert np.array_equal(one.dead, np.ptp(values, axis=0) == 0)


def test_batches_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    module, x = built(ResNet), pictures(20)
    found = []
    for size in (1, 6, 20):
        subject = Subject.of(module)
        monkeypatch.setattr(Subject, "batches", lambda self, images, _=0, size=size: original(self, images, size))
        found.append(channel_statistics(subject, x))
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            for name in ("mean", "std", "low", "high", "zeros", "quantiles"):
                assert np.allclose(getattr(a, name), getattr(b, name), rtol=1e-9, atol=1e-12), name


original = Subject.batches


def test_dead_silent_and_alike_channels_are_named() -> None:
    conv = nn.Conv2d(1, 4, 3)
    with torch.no_grad():
        conv.weight[1] = conv.weight[0] * 2  # a twin
        conv.weight[2], conv.bias[2] = 0, -1  # dead after the ReLU, constant before  # type: ignore[index]
    module = nn.Sequential(conv, nn.ReLU(), nn.Tanh())
    x = torch.rand(30, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 40
    page = activation_statistics(module, x)
    before, after, bounded = page.statistics
    assert before.dead.tolist() == [False, False, True, False]
    assert after.dead[2] and after.zeros[2] == 1
    assert before.duplicates()[0][:2] == (0, 1)
    assert np.isnan(after.saturated).all() and bounded.saturated.max() > 0.2
    assert page.displays[0].rows[0][7] == 1
    for format in ("png", "svg", "html", "json"):
        assert page.render(format)


def test_quantiles_of_much_data_come_from_an_even_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_statistics, "SAMPLE", 2_000)
    module = nn.Sequential(nn.Conv2d(1, 2, 1))
    with torch.no_grad():
        module[0].weight.copy_(torch.tensor([1.0, -2.0]).view(2, 1, 1, 1))  # type: ignore[union-attr, operator]
    x = torch.rand(400, 1, 10, 10, generator=torch.Generator().manual_seed(0))
    (found,) = channel_statistics(Subject.of(module), x)
    values = kept(module, x)["0"]
    assert not found.exact_quantiles
    assert np.allclose(found.quantiles, np.quantile(values, QUANTILES, axis=0).T, atol=0.1)


def test_bad_questions_are_refused() -> None:
    module = built(VGG)
    with pytest.raises(UsageError, match="unknown layer 'conv7'"):
        activation_statistics(module, pictures(2), layers=("conv7",))
    empty = Images(np.zeros((0, 32, 32, 3), np.uint8), np.zeros(0, np.int64), ("a",))
    with pytest.raises(DataError, match="expected at least one image, found none"):
        activation_statistics(module, empty)

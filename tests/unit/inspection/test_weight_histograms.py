"""Histograms count every weight once, and gradients are those of the loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from strangers import VGG, AlexNet, BiLSTM, built, pictures
from torch import nn
from torch.nn import functional

from pellucid import catalog
from pellucid.errors import UsageError
from pellucid.images import Images
from pellucid.inspection._subject import Subject
from pellucid.inspection.weight_histograms import _gradients

weight_histograms = catalog.load("inspection", "weight_histograms")


def images(count: int = 9) -> Images:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    return Images(pixels, np.arange(count, dtype=np.int64) % 5, tuple("abcde"))


def panels(page: Any, which: int = 0) -> dict[str, Any]:
    return {one["title"].split(" ")[0]: one for one in page.to_dict()["displays"][which]["panels"]}


@pytest.mark.parametrize("make", [VGG, AlexNet, BiLSTM])
def test_counts_are_numpys_over_every_parameter(make: type[nn.Module]) -> None:
    module = built(make, dtype=torch.float32)
    page = weight_histograms(module, images())
    found = panels(page)
    assert list(found) == [name for name, _ in module.named_parameters()]
    for name, value in module.named_parameters():
        values = value.detach().double().numpy().ravel()
        (one,) = found[name]["histograms"]
        edges = np.array(one["edges"])
        assert (edges[0] == values.min() and edges[-1] == values.max()) or np.ptp(values) == 0
        assert np.array_equal(one["counts"], np.histogram(values, edges)[0])
        assert sum(one["counts"]) == values.size
        assert found[name]["notes"] == [f"mean {values.mean():.2g}, std {values.std():.2g}"]
        assert len(one["counts"]) == min(60, max(8, int(np.ceil(2 * np.sqrt(values.size)))))


def test_before_stands_on_the_same_bins() -> None:
    module, first = built(VGG, dtype=torch.float32), built(VGG, dtype=torch.float32, seed=1)
    found = panels(weight_histograms(module, images(), before=first, bins=20))
    for name, value in first.named_parameters():
        now, before = found[name]["histograms"]
        assert (now["name"], before["name"]) == ("now", "before")
        assert now["edges"] == before["edges"]
        assert np.array_equal(before["counts"], np.histogram(value.detach().double().numpy(), now["edges"])[0])
        assert sum(before["counts"]) == value.numel()
        assert len(found[name]["notes"]) == 2


def test_gradients_are_those_of_the_mean_loss_in_evaluation_mode() -> None:
    module, many = built(AlexNet, dtype=torch.float64).train(), images()
    found = panels(weight_histograms(module, many, gradients=True), 1)
    assert all(value.grad is None for value in module.parameters())
    assert all(part.training for part in module.modules())
    twin = built(AlexNet, dtype=torch.float64)
    x = torch.from_numpy((many.pixels.transpose(0, 3, 1, 2) * np.float32(1 / 255)).astype(np.float32)).double()
    functional.cross_entropy(twin(x), torch.from_numpy(many.labels)).backward()
    arrays = _gradients(Subject.of(module), many)
    for name, value in twin.named_parameters():
        assert value.grad is not None
        expected = value.grad.numpy()
        assert np.allclose(arrays[name], expected, atol=1e-9)
        (one,) = found[name]["histograms"]
        assert sum(one["counts"]) == value.numel()
        assert one["edges"][0] == pytest.approx(expected.min(), abs=1e-9)


def test_batches_do_not_matter_and_frozen_parameters_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    module = built(VGG, dtype=torch.float64)
    module.conv1.requires_grad_(False)  # type: ignore[operator, union-attr]
    whole = weight_histograms(module, images(), gradients=True)
    names = panels(whole, 1)
    assert "conv1.weight" not in names and "conv2.weight" in names
    assert "conv1.weight" in panels(whole, 0)
    monkeypatch.setattr("pellucid.inspection._subject.Subject.batches.__defaults__", (4,))
    parts = panels(weight_histograms(module, images(), gradients=True), 1)
    for name, one in names.items():
        assert np.allclose(one["histograms"][0]["edges"], parts[name]["histograms"][0]["edges"])
    assert all(value.grad is None for value in module.parameters())


def test_constant_and_broken_values_are_drawn() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(3072, 5))
    with torch.no_grad():
        module[1].bias.zero_()
        module[1].weight[0, :7] = float("nan")
    page = weight_histograms(module, images())
    found = panels(page)
    assert sum(found["1.bias"]["histograms"][0]["counts"]) == 5
    assert "7 not finite" in found["1.weight"]["notes"][0]
    assert page.render("png") and page.render("json")


def test_fixed_filters_are_there_and_running_statistics_are_not() -> None:
    from pellucid.engines.pytorch.build import build

    network = catalog.load("networks", "compact_cifar")()
    pixels = np.random.default_rng(0).random((64, 32, 32, 3), dtype=np.float32)
    module = build(network, (32, 32, 3), images=pixels)
    names = panels(weight_histograms(module, images()))
    fixed = [name for name, value in module.named_buffers() if value.ndim == 4]
    assert fixed and set(fixed) <= set(names)
    assert not any("running" in name for name in names)


def test_errors_say_what_was_expected() -> None:
    module = built(VGG, dtype=torch.float32)
    with pytest.raises(UsageError, match="before: expected the same network with other weights, found another"):
        weight_histograms(module, images(), before=built(AlexNet, dtype=torch.float32))
    with pytest.raises(UsageError, match="images: expected Images with labels"):
        weight_histograms(module, pictures(2, dtype=torch.float32), gradients=True)
    with pytest.raises(UsageError, match="bins: expected a whole number from 1, found 0"):
        weight_histograms(module, images(), bins=0)
    with pytest.raises(UsageError, match="found ReLU without"):
        weight_histograms(nn.ReLU(), images())
    narrow = nn.Sequential(nn.Flatten(), nn.Linear(3072, 2))
    with pytest.raises(UsageError, match=r"logits of the 5 classes, found an output 9 x 2"):
        weight_histograms(narrow, images(), gradients=True)
    with pytest.raises(UsageError, match="found all of them frozen"):
        weight_histograms(narrow.requires_grad_(False), images(), gradients=True)


def test_every_format_draws_and_the_network_stays() -> None:
    module = built(VGG, dtype=torch.float32).train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    state = torch.random.get_rng_state()
    page = weight_histograms(module, images(), before=module, gradients=True)
    for format in ("png", "svg", "json"):
        assert len(page.render(format)) > 1000
    assert all(part.training for part in module.modules())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())

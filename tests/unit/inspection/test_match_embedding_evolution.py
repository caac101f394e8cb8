"""Channels found again under a permutation, embeddings that keep neighbours, moments of a training."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from scipy import ndimage
from strangers import VGG, ResNet, built
from torch import nn

from pellucid import catalog
from pellucid.errors import UsageError
from pellucid.images import Images
from pellucid.inspection._subject import spread

match, embedding, evolution, deconvnet = (
    catalog.load("inspection", name) for name in ("match", "embedding", "evolution", "deconvnet")
)


def some(count: int = 40) -> Images:
    pixels = ndimage.gaussian_filter(np.random.default_rng(1).uniform(0, 255, (count, 32, 32, 3)), (0, 2, 2, 0))
    return Images((pixels * 3 - 255).clip(0, 255).astype(np.uint8), np.arange(count) % 5, tuple("abcde"))


def test_permuted_channels_are_found_again() -> None:
    one = built(VGG, dtype=torch.float32)
    other = deepcopy(one)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    with torch.no_grad():
        other.conv1.weight.copy_(one.conv1.weight[order])  # type: ignore[union-attr, operator, index]
        other.conv1.bias.copy_(one.conv1.bias[order])  # type: ignore[union-attr, operator, index]
    found = match(one, some(), other=other, layer="conv1")
    assert {(c, p) for c, p, _ in found.pairs} == {(int(order[p]), p) for p in range(6)}
    assert all(value == pytest.approx(1, abs=1e-5) for _, _, value in found.pairs)
    assert "6 of 6 channels found again" in found.title


def test_correlations_are_those_of_numpy_and_dead_channels_have_no_partner() -> None:
    one, other = (built(VGG, dtype=torch.float32, seed=seed) for seed in (0, 1))
    with torch.no_grad():
        one.conv1.weight[2] = 0  # type: ignore[union-attr, index, operator]
    images = some()
    found = match(one, images, other=other, layer="conv1")
    x = torch.from_numpy(images.pixels.transpose(0, 3, 1, 2).astype(np.float32) / 255)
    with torch.no_grad():
        a, b = (net.conv1(x).movedim(1, 0).flatten(1).double().numpy() for net in (one, other))  # type: ignore[operator]
    live = [0, 1, 3, 4, 5]
    expected = np.corrcoef(a[live], b)[:5, 5:]
    assert np.allclose(found.correlation[live], expected, atol=1e-5) and np.isnan(found.correlation[2]).all()
    assert found.dead == [2] and found.other_dead == [] and len(found.pairs) == 5
    best = sum(value for _, _, value in found.pairs)
    assert best >= max(sum(expected[k, (k + turn) % 6] for k in range(5)) for turn in range(6))


def test_layers_of_other_sizes_are_matched_by_their_strongest_values() -> None:
    one, other = built(VGG, dtype=torch.float32), built(ResNet, dtype=torch.float32)
    found = match(one, some(), other=other, layer="conv1", other_layer="layer2.conv2")
    assert found.correlation.shape == (6, 8) and len(found.pairs) == 6
    assert found.render("png")
    assert match(one, some(), other=other).correlation.shape[0] == 6, "by default the last convolutions"
    with pytest.raises(UsageError, match="unknown layer 'conv2'"):
        match(one, some(), other=other, layer="conv2")


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_groups_stay_together_and_the_same_seed_gives_the_same_plane(method: str) -> None:
    images = some(60)
    labels = images.labels
    pixels = images.pixels // 4 + (labels * 40).astype(np.uint8)[:, None, None, None]
    grouped = Images(pixels, labels, images.class_names)
    module = nn.Sequential(nn.Flatten(), nn.Linear(3072, 8), nn.ReLU(), nn.Linear(8, 5))
    found = embedding(module, grouped, layer="1", method=method, perplexity=8)
    assert found.array.shape == (60, 2) and np.isfinite(found.array).all()
    assert found.neighbours > 0.9 and found.trustworthiness > 0.9
    assert np.array_equal(found.array, embedding(module, grouped, layer="1", method=method, perplexity=8).array)
    if method == "pca":
        with torch.no_grad():
            x = module[1](torch.from_numpy(pixels.transpose(0, 3, 1, 2).reshape(60, -1) / np.float32(255))).double()
        size = torch.linalg.svdvals(x - x.mean(0)).square()
        assert found.explained == pytest.approx((size[:2] / size.sum()).tolist(), rel=1e-4)


def test_embedding_is_of_the_layer_before_the_logits_whatever_scales_them() -> None:
    from pellucid.engines import pytorch
    from pellucid.images import Scaling

    network = catalog.load("networks", "compact_cifar")(width=8, deep=8)
    model = pytorch.model(network, (32, 32, 3), Scaling.unit(3))
    model.module.get_submodule("whitening1").get_buffer("weight").normal_()  # zero without images
    assert embedding(model, some()).title.endswith(" at pool4")
    linear = nn.Sequential(nn.Conv2d(3, 4, 32), nn.Flatten(), nn.Linear(4, 5))
    assert embedding(linear, some()).title.endswith(" at 0")


def test_embedding_refuses_what_has_no_plane() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(3072, 8), nn.ReLU(), nn.Linear(8, 5))
    for options, words in (
        ({"n": 3}, "expected four images or more, found 3"),
        ({"method": "umap"}, "unknown method 'umap'"),
        ({"method": "tsne", "perplexity": 50.0}, "perplexity: expected 1 to below 40"),
    ):
        with pytest.raises(UsageError, match=words):
            embedding(module, some(), **options)
    nn.init.zeros_(module[1].weight)
    nn.init.zeros_(module[1].bias)
    with pytest.raises(UsageError, match="at least two features that differ"):
        embedding(module, some(), layer="1")


def test_each_moment_shows_its_own_strongest_neuron_and_its_deconvnet() -> None:
    moments = [(0, built(VGG, dtype=torch.float32)), (3, built(VGG, dtype=torch.float32, seed=5))]
    images = some()
    found = evolution(moments[1][1], images, snapshots=moments, layer="conv2", channels=(1, 4))
    assert found.epochs == (0, 3) and found.values.shape == (2, 2)
    x = torch.from_numpy(images.pixels.transpose(0, 3, 1, 2).astype(np.float32) / 255)
    for k, (_, module) in enumerate(moments):
        seen: list[torch.Tensor] = []
        handle = module.conv2.register_forward_hook(lambda _, __, out, seen=seen: seen.append(out))  # type: ignore[union-attr]
        with torch.no_grad():
            module(x)
        handle.remove()
        assert found.values[k] == pytest.approx(seen[0].amax((0, 2, 3))[[1, 4]].numpy(), rel=1e-5)
        assert found.images[k].tolist() == seen[0].amax((2, 3)).argmax(0)[[1, 4]].tolist()
    assert found.displays[0].row_names == ["1", "deconvnet", "4", "deconvnet"]
    with pytest.raises(UsageError, match="two or more moments"):
        evolution(moments[0][1], images, snapshots=moments[:1])


def test_moments_are_closer_at_the_beginning() -> None:
    for count in (1, 2, 8, 9, 12, 30, 100, 1000):
        found = spread(count, 8)
        assert found[0] == 0 and found[-1] == count - 1 and len(found) == min(count, 8) == len(set(found))
        assert (np.diff(found)[:3] <= np.diff(found)[-1:].max(initial=1)).all()

"""Filters are drawn as they are: their weights, scales, order and numbers."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from strangers import VGG, AlexNet, BiLSTM, MobileNet, built, pictures
from torch import nn

from pellucid import catalog
from pellucid.displays.colours import around_gray, signed
from pellucid.displays.image_grid import ImageGrid
from pellucid.errors import UsageError
from pellucid.inspection._kernels import kernels
from pellucid.inspection._subject import Subject

filters = catalog.load("inspection", "filters")
FLOATS = pictures(2, dtype=torch.float32)


def net(channels: int = 3, groups: int = 1) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(channels, 6, (3, 5), groups=groups), nn.ReLU(), nn.Conv2d(6, 40, 3))


def test_the_first_convolution_is_drawn_in_colours_around_gray() -> None:
    module = net()
    page = filters(module, FLOATS)
    weights = module[0].weight.detach().double().numpy()
    whole, own = page.displays
    assert isinstance(whole, ImageGrid)
    bound = np.abs(weights).max()
    assert np.array_equal(whole.images, np.stack([around_gray(w.transpose(1, 2, 0), bound) for w in weights]))
    each = [around_gray(w.transpose(1, 2, 0), np.abs(w).max()) for w in weights]
    assert np.array_equal(own.images, np.stack(each))
    assert all({1, 255} & set(np.unique(one).tolist()) for one in own.images), "each reaches an end of its own scale"
    assert f"±{bound:.2g}" in whole.title and "6 filters of 3x5x3" in whole.title
    assert list(whole.captions) == list("012345")
    assert list(own.captions) == [f"{k} ±{np.abs(w).max():.2g}" for k, w in enumerate(weights)]
    assert np.allclose(page.to_dict()["weights"], weights)
    assert np.allclose(page.to_dict()["norms"], np.linalg.norm(weights.reshape(6, -1), axis=1))
    assert len(filters(module, FLOATS, normalise=False).displays) == 1


def test_filters_of_one_channel_and_of_groups_are_signed_maps() -> None:
    module = net(groups=3)
    page = filters(module, FLOATS)
    weights = module[0].weight.detach().double().numpy()
    assert weights.shape[1] == 1
    assert np.array_equal(page.displays[0].images, signed(weights[:, 0], np.abs(weights).max()))
    mobile = filters(built(MobileNet, dtype=torch.float32), FLOATS)
    assert mobile.displays[0].images.shape[3] == 3


def test_other_layers_are_rows_of_filters_and_columns_of_channels() -> None:
    module = net()
    page = filters(module, FLOATS, layer="2", normalise=False)
    (grid,) = page.displays
    weights = module[2].weight.detach().double().numpy()
    tiles = signed(weights, np.abs(weights[:32]).max())
    zoom = round(48 / 3)
    assert grid.images.shape == (32, 3 * zoom, 6 * 3 * zoom + 5 * 5, 3)
    assert "32 of 40 filters" in grid.title and "6 channels" in grid.title
    assert list(grid.row_names) == [str(k) for k in range(32)]
    for k, channel in ((0, 0), (5, 3), (31, 5)):
        left = channel * (3 * zoom + 5)
        found = grid.images[k, ::zoom, left : left + 3 * zoom : zoom]
        assert np.array_equal(found, tiles[k, channel])
    assert grid.factor == 1
    wide = filters(nn.Sequential(nn.Conv2d(40, 2, 3), nn.ReLU()), torch.rand(1, 40, 8, 8))
    assert "32 of 40 channels" in wide.displays[0].title


def test_order_is_by_norm_and_dead_filters_say_so() -> None:
    module = net()
    with torch.no_grad():
        module[0].weight[4] *= 1e-5
        module[0].weight[2] *= 5
        module[0].weight[1] = 0
    page = filters(module, FLOATS, order=True)
    norms = module[0].weight.detach().flatten(1).norm(dim=1)
    assert page.order == torch.argsort(-norms).tolist()
    assert page.order[0] == 2 and page.displays[0].captions[0] == "2"
    assert list(page.displays[0].captions)[-2:] == ["4 dead", "1 dead"]
    assert np.flatnonzero(page.to_dict()["dead"]).tolist() == [1, 4]
    assert "2 dead" in page.title and "strongest first" in page.displays[0].title
    with torch.no_grad():
        module[0].weight.zero_()
    assert filters(module, FLOATS).to_dict()["dead"].all()


def test_strangers_networks_and_fixed_filters() -> None:
    from pellucid.engines.pytorch.build import build

    assert kernels(Subject.of(built(VGG, dtype=torch.float32)), FLOATS, None).layer.name == "conv1"
    alex = kernels(Subject.of(built(AlexNet, dtype=torch.float32)), FLOATS, None)
    assert alex.layer.name == "features.0" and alex.stride == (2, 2)
    network = catalog.load("networks", "compact_cifar")()
    images = np.random.default_rng(0).random((64, 32, 32, 3), dtype=np.float32)
    module = build(network, (32, 32, 3), images=images)
    found = kernels(Subject.of(module), FLOATS, None)
    first = next(part for part in module.modules() if isinstance(getattr(part, "weight", None), torch.Tensor))
    assert np.array_equal(found.weights, first.weight.double().detach().numpy())


def test_what_has_no_filters_says_which_layers_there_are() -> None:
    with pytest.raises(UsageError, match=r"expected a network with a convolutional layer, found .*fc \(Linear, 5\)"):
        filters(built(BiLSTM, dtype=torch.float32), FLOATS)
    with pytest.raises(UsageError, match=r"expected a convolutional layer, found 1 \(ReLU\).*Name one of 0 \(Conv2d"):
        filters(net(), FLOATS, layer="1")
    with pytest.raises(UsageError, match="unknown layer 'conv1'"):
        filters(net(), FLOATS, layer="conv1")


def test_every_format_draws_and_the_network_stays() -> None:
    module = net().train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    state = torch.random.get_rng_state()
    for layer in (None, "2"):
        page = filters(module, FLOATS, layer=layer)
        picture = Image.open(io.BytesIO(page.render("png")))
        assert picture.width > 300
        assert page.render("svg").startswith(b"<svg") and page.render("json")
    assert module.training and torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())

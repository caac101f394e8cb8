"""Feature maps are the layers' own values, on scales that say what they are."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from strangers import VGG, AlexNet, BiLSTM, ResNet, ViT, built, pictures
from torch import Tensor, nn

from pellucid import catalog
from pellucid.displays.colours import positive, signed
from pellucid.displays.image_grid import ImageGrid
from pellucid.errors import UsageError
from pellucid.images import Images
from pellucid.inspection._subject import by_channel, watched

feature_maps = catalog.load("inspection", "feature_maps")


def images(count: int = 3) -> Images:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    return Images(pixels, np.arange(count, dtype=np.int64) % 5, tuple("abcde"))


def kept(module: nn.Module, x: Tensor) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}

    def see(name: str, value: Tensor) -> None:
        found[name] = by_channel(value).clone().numpy()

    with torch.no_grad(), watched(module, see):
        module(x)
    return found


def grids(page: Any) -> dict[str, ImageGrid]:
    return {one.title.partition(" (")[0]: one for one in page.displays}


@pytest.mark.parametrize("make", [VGG, AlexNet, ResNet, ViT, BiLSTM])
def test_values_are_the_layers_own(make: type[nn.Module]) -> None:
    module, x = built(make), pictures(2)
    values = kept(module, x)
    page = feature_maps(module, x, channels=4)
    assert page.seen
    for one in page.seen:
        assert np.array_equal(one.values, values[one.layer.name][:, one.channels])
        assert (one.values >= 0).all() != one.both
        assert one.layer.kind not in ("Flatten", "Dropout")
    assert page.render("png") and page.render("svg") and page.render("json")


def test_in_place_layers_do_not_change_what_was_before() -> None:
    module = built(AlexNet, dtype=torch.float32)
    page = feature_maps(module, images(1))
    by_name = {one.layer.name: one for one in page.seen}
    before, after = by_name["features.0"], by_name["features.1"]
    assert before.both and not after.both
    assert np.array_equal(before.values.clip(0), after.values)
    drawn = grids(page)
    assert "±" in drawn["features.0"].title and "0 to " in drawn["features.1"].title


def test_tiles_are_the_maps_on_one_scale_enlarged_by_a_whole_number() -> None:
    module, x = built(VGG), pictures(1)
    page = feature_maps(module, x, layers=("conv1",), channels=3)
    _, grid = page.displays
    values = kept(module, x)["conv1"][0]
    assert list(grid.captions) == ["0", "2", "5"] or list(grid.captions) == ["0", "3", "5"]
    chosen = [int(one) for one in grid.captions]
    bound = np.abs(values[chosen]).max()
    assert grid.factor == 1 and grid.images.shape[1:3] == (64, 64)
    assert np.array_equal(grid.images[:, ::2, ::2], signed(values[chosen], bound))
    assert np.array_equal(grid.images[:, ::2, ::2], grid.images[:, 1::2, 1::2])
    assert "3 of 6 maps of 32x32" in grid.title and f"±{bound:.2g}" in grid.title
    relu = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU())
    _, grid = feature_maps(relu, x.float(), layers=("1",)).displays
    with torch.no_grad():
        values = relu(x.float())[0].double().numpy()
    assert np.array_equal(grid.images[:, ::2, ::2], positive(values, values.max()))


def test_vectors_are_bars_that_can_be_measured() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(3, 4, bias=False))
    with torch.no_grad():
        module[1].weight.copy_(torch.tensor([[1.0, 0, 0], [-1, 0, 0], [0.5, 0, 0], [0, 0, 0]]))
    page = feature_maps(module, torch.ones(1, 3, 1, 1))
    (grid,) = page.displays[1:]
    (picture,) = grid.images
    across = picture.shape[1] // 4
    columns = [picture[:, k * across + across // 2].astype(int) for k in range(4)]
    tall = [int((np.ptp(one, axis=1) > 40).sum()) for one in columns]
    half = picture.shape[0] // 2
    assert abs(tall[0] - half) <= 1 and abs(tall[1] - half) <= 1 and abs(tall[2] - half // 2) <= 1 and tall[3] == 0
    assert "4 units, ±1, highest: unit 0, 1" in grid.title
    named = Images(np.full((1, 1, 1, 3), 255, np.uint8), np.zeros(1, np.int64), ("a", "b", "c", "d"))
    page = feature_maps(module, named)
    assert "highest: unit 0 (class a)" in page.displays[1].title
    assert page.displays[0].title == "image 0: is a, taken for a"


def test_many_images_share_a_layers_scale_and_eight_are_drawn() -> None:
    module = built(VGG, dtype=torch.float32)
    page = feature_maps(module, images(12), layers=("conv2",))
    assert page.title == "Feature maps of 8 of 12 images"
    assert len(page.displays) == 16 and len(page.seen[0].values) == 8
    scales = {one.title.rpartition(", ")[2] for one in page.displays[1::2]}
    assert scales == {f"±{page.seen[0].bound:.2g}"}
    assert page.displays[3].title.startswith("image 1, conv2 (Conv2d): 6 maps")


def test_wide_vectors_and_single_units_fit() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(12, 3000), nn.Linear(3000, 1))
    page = feature_maps(module, torch.rand(1, 3, 2, 2))
    wide = page.displays[1]
    assert wide.images.shape[2] == 1190 and "1190 of 3000 units" in wide.title
    assert page.displays[2].factor == 1
    assert Image.open(io.BytesIO(page.png())).width < 2600


def test_errors_say_what_was_expected() -> None:
    module = built(VGG, dtype=torch.float32)
    with pytest.raises(UsageError, match=r"unknown layer 'conv3'. Did you mean"):
        feature_maps(module, images(), layers=("conv3",))
    with pytest.raises(UsageError, match="channels: expected a whole number from 1, found 0"):
        feature_maps(module, images(), channels=0)


def test_the_network_stays() -> None:
    module = built(AlexNet, dtype=torch.float32).train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    state = torch.random.get_rng_state()
    feature_maps(module, images())
    assert all(part.training for part in module.modules())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert not any(part._forward_hooks for part in module.modules())

"""Moved, turned and spoiled images: exact where it can be, and numbers that are those of the changed images."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import ndimage
from strangers import VGG, built, pictures
from torch import nn

from pellucid import catalog
from pellucid.errors import DataError, UsageError
from pellucid.images import Images
from pellucid.inspection._changes import blurred, covered, moved
from pellucid.inspection._subject import probabilities_of
from pellucid.inspection.shifts import SHIFTS, shifted

invariance, shifts = (catalog.load("inspection", name) for name in ("invariance", "shifts"))


def some(count: int = 60) -> Images:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    return Images(pixels, np.arange(count, dtype=np.int64) % 5, tuple("abcde"))


def test_whole_pixels_move_exactly_and_the_border_is_repeated() -> None:
    x = torch.arange(2 * 5 * 7, dtype=torch.float64).view(2, 1, 5, 7)
    assert torch.allclose(moved(x), x, atol=1e-12)
    found = moved(x, right=2, down=-1)
    assert torch.allclose(found[:, :, :-1, 2:], x[:, :, 1:, :-2], atol=1e-10)
    assert torch.allclose(found[:, :, :-1, 0], x[:, :, 1:, 0], atol=1e-10)
    each = moved(x, right=torch.tensor([1.0, 0.0]))
    assert torch.allclose(each[1], x[1], atol=1e-10) and not torch.allclose(each[0], x[0])


def test_a_quarter_turn_is_clockwise_and_twice_as_large_is_that() -> None:
    x = torch.zeros(1, 1, 6, 6, dtype=torch.float64)
    x[0, 0, 0, 1] = 1  # at the top, left of the middle: turned clockwise it stands at the right, above the middle
    assert torch.allclose(moved(x, degrees=90), torch.rot90(x, -1, (2, 3)), atol=1e-10)
    wide = torch.rand(1, 1, 4, 9, dtype=torch.float64)
    assert torch.allclose(moved(wide, degrees=180), wide.flip(2, 3), atol=1e-10), "also where the sides differ"
    smooth = torch.linspace(0, 1, 8, dtype=torch.float64).expand(1, 1, 8, 8)
    steps = moved(smooth, factor=2.0).diff(dim=3)
    assert torch.allclose(steps, torch.full_like(steps, 1 / 14), atol=1e-10)


def test_blur_is_scipys_and_a_square_is_inside() -> None:
    x = torch.rand(3, 2, 9, 11, dtype=torch.float64)
    expected = ndimage.gaussian_filter(x.numpy(), (0, 0, 1.5, 1.5), mode="nearest", truncate=4.0)
    assert np.allclose(blurred(x, 1.5).numpy(), expected, atol=1e-10)
    hidden = covered(torch.zeros(50, 1, 8, 6), 3, 1.0, np.random.default_rng(0))
    assert (hidden.sum((1, 2, 3)) == 9).all() and len({tuple(one.flatten().tolist()) for one in hidden}) > 10


@pytest.mark.parametrize("name", SHIFTS)
def test_a_shift_grows_with_its_strength_and_is_the_same_again(name: str) -> None:
    smooth = ndimage.gaussian_filter(some().pixels.astype(float), (0, 3, 3, 0))
    low, high = smooth.min(), smooth.max()
    images = Images(((smooth - low) / (high - low) * 150 + 50).astype(np.uint8), some().labels, some().class_names)
    far = []
    for level in SHIFTS[name][1]:
        found = shifted(images, name, level)
        assert np.array_equal(found.pixels, shifted(images, name, level).pixels)
        far.append(np.abs(found.pixels.astype(float) - images.pixels).mean())
    assert far[0] > 0.02 and all(b > a for a, b in pairwise(far)), far
    if name == "negative":
        assert np.array_equal(shifted(images, name, 1.0).pixels, 255 - images.pixels)


def test_accuracy_and_calibration_are_those_of_the_changed_images() -> None:
    module, images = built(VGG, dtype=torch.float32), some()
    found = shifts(module, images, kinds=("contrast", "negative"), n=20)
    chosen = images.take(np.unique(np.linspace(0, 59, 20).round().astype(np.int64)))
    for row, name in enumerate(("contrast", "negative")):
        for k, level in enumerate(SHIFTS[name][1]):
            guess = probabilities_of(module, shifted(chosen, name, level)).argmax(1)
            assert found.accuracy[row, k + 1] == (guess == chosen.labels).mean()
    assert (found.accuracy[:, 0] == (probabilities_of(module, chosen).argmax(1) == chosen.labels).mean()).all()
    assert found.to_dict()["levels"][0] == [0.0, 0.75, 0.5, 0.4, 0.3, 0.15]
    with pytest.raises(UsageError, match="unknown shift 'fog'"):
        shifts(module, images, kinds=("fog",))
    with pytest.raises(DataError, match="expected Images with labels"):
        shifts(module, pictures())


def test_distances_and_probabilities_are_those_of_the_moved_image() -> None:
    module, x = built(VGG), pictures(3)
    found = invariance(module, x, layers=("conv1", "fc"), n=2)
    at = int(np.flatnonzero(found.amounts["translation"] == 4)[0])
    with torch.no_grad():
        one = moved(x[:1], right=4.0)
        before, after = (module.conv1(of).flatten() for of in (x[:1], one))  # type: ignore[operator]
        probability = module(one).softmax(1)[0, module(x[:1]).argmax()]
    assert found.distance["translation"][0, 0, at] == pytest.approx(float((after - before).norm() / before.norm()))
    assert found.probability["translation"][0, at] == pytest.approx(float(probability))
    for change, still in (("translation", 0), ("rotation", 0), ("scale", 1)):
        (k,) = np.flatnonzero(found.amounts[change] == still)
        assert np.abs(found.distance[change][:, :, k]).max() < 1e-6
    assert found.distance["rotation"].shape == (2, 2, 25)


def test_a_network_that_forgets_places_is_invariant() -> None:
    total = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4)).double()
    x = pictures(1).mean((2, 3), keepdim=True).expand(1, 3, 16, 16).contiguous()
    found = invariance(total, x, layers=("0",))
    assert max(float(one.max()) for one in found.distance.values()) < 1e-6
    with pytest.raises(UsageError, match="unknown layer 'conv9'"):
        invariance(built(VGG), pictures(), layers=("conv9",))

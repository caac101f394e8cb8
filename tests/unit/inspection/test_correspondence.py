"""Agreement of changes is that of a slow loop, perfect for equal images and none beyond chance for noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from strangers import ResNet, built, pictures
from torch import nn

from pellucid import catalog
from pellucid.errors import UsageError
from pellucid.images import Images

correspondence = catalog.load("inspection", "correspondence")


def test_disagreement_is_that_of_the_formula() -> None:
    module, x = built(ResNet), pictures(3)
    found = correspondence(module, x, layer="layer1.relu#2", size=12, stride=20)
    assert found.array.shape == (2, 2)
    with torch.no_grad():
        features = nn.Sequential(module.conv1, module.relu, module.layer1)  # type: ignore[arg-type]
        whole, hidden = features(x), x.clone()
        hidden[:, :, 20:32, 0:12] = x.min() + 0.5 * (x.max() - x.min())
        change = (whole - features(hidden)).flatten(1)
    change[change.abs() < 1e-6 * whole.abs().max()] = 0
    signs = np.sign(change.numpy())
    pairs = [(i, j) for i in range(3) for j in range(3) if i != j]
    assert found.array[1, 0] == pytest.approx(np.mean([(signs[i] != signs[j]).mean() for i, j in pairs]), abs=1e-6)


def test_equal_images_agree_everywhere_and_noise_no_more_than_chance() -> None:
    module = built(ResNet)
    same = correspondence(module, pictures(1).expand(4, -1, -1, -1), size=10, stride=11)
    assert not same.array.any() and same.by_chance > 0
    assert same.render("png") and same.render("json")


def test_only_images_of_one_class_are_compared() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    images = Images(pixels, np.array([1, 0, 1, 0, 1, 0]), ("a", "b"))
    assert "of 3 images" in correspondence(built(ResNet), images, size=16, stride=16).title


def test_bad_questions_are_refused() -> None:
    with pytest.raises(UsageError, match="expected two or more of one class to compare, found one"):
        correspondence(built(ResNet), pictures(1))
    with pytest.raises(UsageError, match="size: expected 1 to 32 pixels"):
        correspondence(built(ResNet), pictures(2), size=40)

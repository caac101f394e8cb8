"""CKA is that of its feature form, 1 for a layer with itself, and blind to rotation and scale."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from strangers import ResNet, built, pictures
from torch import nn

from pellucid import catalog
from pellucid.errors import UsageError

similarity = catalog.load("inspection", "similarity")


def test_values_are_those_of_the_feature_form() -> None:
    module, x = built(ResNet), pictures(9)
    found = similarity(module, x)
    assert np.allclose(np.diag(found.values), 1) and np.allclose(found.values, found.values.T)
    with torch.no_grad():
        a = module.conv1(x)  # type: ignore[operator]
        b = module(x)
    a, b = (one.flatten(1).numpy() - one.flatten(1).numpy().mean(0) for one in (a, b))
    expected = np.linalg.norm(b.T @ a) ** 2 / (np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b))
    rows = list(found.rows)
    assert found.values[rows.index("conv1"), rows.index("fc")] == pytest.approx(expected)
    assert found.render("png")


def test_rotation_and_scale_change_nothing_and_two_networks_are_compared() -> None:
    first, second = nn.Sequential(nn.Flatten(), nn.Linear(3072, 6)), nn.Sequential(nn.Flatten(), nn.Linear(3072, 6))
    turn = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(0)))[0]
    with torch.no_grad():
        second[1].weight.copy_(3 * turn @ first[1].weight)  # type: ignore[union-attr, operator]
        second[1].bias.zero_()  # type: ignore[union-attr, operator]
    found = similarity(first, pictures(12, dtype=torch.float32), other=second)
    assert found.values.shape == (1, 1) and found.values[0, 0] == pytest.approx(1, abs=1e-5)


def test_few_images_are_refused() -> None:
    with pytest.raises(UsageError, match="expected three images or more, found 2"):
        similarity(built(ResNet), pictures(2))

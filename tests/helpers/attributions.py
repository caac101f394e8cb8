"""What the tests of attributions share: a small stack, images for it, a way by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid import catalog
from pellucid.displays.maps import Maps

WAYS = (
    "gradient",
    "gradient_x_input",
    "deconvnet",
    "guided_backprop",
    "integrated_gradients",
    "smoothgrad",
    "grad_cam",
)
RULED = ("deconvnet", "guided_backprop")


def way(name: str, *args: Any, **options: Any) -> Maps:
    found = catalog.load("inspection", name)(*args, **options)
    assert isinstance(found, Maps)
    return found


def plain(seed: int = 0, *, overlap: bool = False, normalise: bool = False) -> nn.Sequential:
    """A small stack whose every mechanism the slow reference knows."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        pool = nn.MaxPool2d(3, 2) if overlap else nn.MaxPool2d(2, 2)
        parts = [nn.Conv2d(2, 5, 3, padding=1), nn.ReLU(), *([nn.LocalResponseNorm(3)] if normalise else []), pool]
        parts += [nn.Conv2d(5, 4, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(6), nn.ReLU(), nn.Linear(6, 3)]
        module = nn.Sequential(*parts).double()
        module(torch.zeros(1, 2, 13, 12, dtype=torch.float64))
    return module.eval()


def images_of(seed: int, count: int = 3) -> Tensor:
    return torch.randn(count, 2, 13, 12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def close(found: Any, expected: Any, tolerance: float = 1e-10) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    scale = np.abs(expected).max() or 1.0
    assert np.abs(found - expected).max() <= tolerance * scale

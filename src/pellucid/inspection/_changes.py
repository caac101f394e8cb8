"""Changes of images N C H W: what moves the pixels, and what spoils them."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


def moved(
    x: Tensor, *, degrees: Tensor | float = 0.0, factor: float = 1.0, right: Tensor | float = 0.0,
    down: Tensor | float = 0.0,
) -> Tensor:  # fmt: skip
    """Turned about the middle (clockwise), enlarged by `factor`, then moved; each image alike or on its own.

    Bilinear between pixels; beyond the border its pixels are repeated. A whole number of pixels moves exactly.

        p_in = R(-degrees) (p_out - t) / factor,  p from the middle of the image, in pixels
    """
    count, _, height, width = x.shape

    def each(value: Tensor | float) -> Tensor:
        return torch.as_tensor(value, dtype=torch.float64).expand(count)

    angle = each(degrees) * (math.pi / 180)
    sine, cosine = angle.sin() / factor, angle.cos() / factor
    across, along = each(right) * 2 / width, each(down) * 2 / height
    # the grid counts from -1 to 1 along both axes, whatever their lengths
    rows = [
        [cosine, sine * height / width, -(cosine * across + sine * height / width * along)],
        [-sine * width / height, cosine, sine * width / height * across - cosine * along],
    ]
    theta = torch.stack([torch.stack(row, -1) for row in rows], 1)
    grid = F.affine_grid(theta, [*x.shape], align_corners=False).to(x)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


def blurred(x: Tensor, sigma: float) -> Tensor:
    """Convolved with a normal distribution of `sigma` pixels, cut at 4 sigma; the border's pixels are repeated."""
    radius = math.ceil(4 * sigma)
    at = torch.arange(-radius, radius + 1, dtype=x.dtype, device=x.device)
    kernel = torch.exp(-0.5 * (at / sigma) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, -1, 1)
    flat = x.flatten(0, 1)[:, None]
    flat = F.conv2d(F.pad(flat, (0, 0, radius, radius), mode="replicate"), kernel)
    flat = F.conv2d(F.pad(flat, (radius, radius, 0, 0), mode="replicate"), kernel.mT)
    return flat.view_as(x)


def covered(x: Tensor, side: int, value: float, generator: np.random.Generator) -> Tensor:
    """Each image with a square of `side` pixels of `value` at a random place, wholly inside."""
    count, _, height, width = x.shape
    top = torch.from_numpy(generator.integers(0, height - side + 1, count)).view(-1, 1, 1, 1)
    left = torch.from_numpy(generator.integers(0, width - side + 1, count)).view(-1, 1, 1, 1)
    row, column = torch.arange(height).view(1, 1, -1, 1), torch.arange(width)
    inside = (row >= top) & (row < top + side) & (column >= left) & (column < left + side)
    return x.masked_fill(inside.to(x.device), value)

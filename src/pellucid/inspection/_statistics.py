"""What every channel does over a whole split, in one streaming pass: no activation is kept.

Batches are merged as in Chan, Golub, LeVeque 1983 (chan1983 in docs/bibliography.bib), in float64: with means m_a,
m_b, sums of squared deviations M_a, M_b and counts n_a, n_b,

    m = m_a + (m_b - m_a) n_b / n        M = M_a + M_b + (m_b - m_a)^2 n_a n_b / n
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.inspection._layers import LayerInfo, layers
from pellucid.inspection._subject import Subject, by_channel, forward, watched

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
#: Values of each channel that quantiles are read from; all of them where there are no more.
SAMPLE = 20_000
_BOUNDED = {"Tanh": (-0.99, 0.99), "Sigmoid": (0.01, 0.99)}


@dataclass(frozen=True, eq=False)
class ChannelStatistics:
    """Of one layer's C channels, over images and places; float64.

    quantiles: C x len(QUANTILES). zeros: share of exact zeros. saturated: share of values at the bounds of a tanh
    (beyond 0.99) or sigmoid (below 0.01, above 0.99), NaN elsewhere. correlation: C x C, NaN where a channel is
    constant. exact_quantiles: whether they were read from all values.
    """

    layer: LayerInfo
    count: int
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    quantiles: NDArray[np.float64]
    zeros: NDArray[np.float64]
    saturated: NDArray[np.float64]
    correlation: NDArray[np.float64]
    exact_quantiles: bool

    @property
    def dead(self) -> NDArray[np.bool_]:
        """Channels that have one value on all images: they tell nothing of the image."""
        found: NDArray[np.bool_] = self.low == self.high
        return found

    def duplicates(self, threshold: float = 0.95) -> list[tuple[int, int, float]]:
        """Pairs of channels whose correlation is at least `threshold` in size, strongest first."""
        above = np.triu(np.nan_to_num(np.abs(self.correlation)), 1)
        pairs = [(int(i), int(j), float(self.correlation[i, j])) for i, j in np.argwhere(above >= threshold)]
        return sorted(pairs, key=lambda pair: -abs(pair[2]))


class Running:
    """The merged state of one layer."""

    def __init__(self, layer: LayerInfo, images: int) -> None:
        channels, rows, columns = layer.shape
        self.layer, self.places, self.count = layer, rows * columns, 0
        self.mean = torch.zeros(channels, dtype=torch.float64)
        self.squares = torch.zeros(channels, dtype=torch.float64)
        self.low = torch.full((channels,), float("inf"))
        self.high = torch.full((channels,), float("-inf"))
        self.zeros, self.saturated = (torch.zeros(channels, dtype=torch.int64) for _ in range(2))
        self.products = torch.zeros(channels, channels, dtype=torch.float64)
        self.step = -(-images * self.places // SAMPLE)
        while gcd(self.step, self.places) > 1:  # else the sample would see the same places of every image
            self.step += 1
        # written in place: what outlives a batch would be put among its large blocks, and the heap would grow
        self.sample = torch.zeros(-(-images * self.places // self.step), channels)

    def add(self, values: Tensor) -> None:
        """A batch N C H W."""
        flat = values.movedim(1, -1).reshape(-1, values.shape[1])
        n = len(flat)
        mean = flat.mean(0, dtype=torch.float64)
        centred = flat - mean.to(flat.dtype)  # before squares are summed, which would swallow the difference
        rest = centred.mean(0, dtype=torch.float64)  # what rounding the mean left over
        products = (centred.T @ centred).double() - n * torch.outer(rest, rest)
        squares = centred.square().sum(0, dtype=torch.float64) - n * rest**2
        mean, shift = mean.cpu(), mean.cpu() - self.mean
        whole = self.count + n
        share = self.count * n / whole
        self.mean += shift * (n / whole)
        self.squares += squares.cpu() + shift**2 * share
        self.products += products.cpu() + torch.outer(shift, shift) * share
        low, high = torch.aminmax(flat, dim=0)
        self.low, self.high = torch.minimum(self.low, low.float().cpu()), torch.maximum(self.high, high.float().cpu())
        self.zeros += (flat == 0).sum(0).cpu()
        bounds = _BOUNDED.get(self.layer.kind)
        if bounds is not None:
            self.saturated += ((flat <= bounds[0]) | (flat >= bounds[1])).sum(0).cpu()
        first = -(-self.count // self.step)
        chosen = flat[-self.count % self.step :: self.step]
        self.sample[first : first + len(chosen)] = chosen.cpu()
        self.count = whole

    def result(self) -> ChannelStatistics:
        std = (self.squares.clamp(min=0) / self.count).sqrt()
        scale = self.squares.clamp(min=0).sqrt()
        correlation = (self.products / torch.outer(scale, scale)).numpy()
        np.fill_diagonal(correlation, np.where(scale.numpy() > 0, 1.0, np.nan))
        bounded = self.layer.kind in _BOUNDED
        share = self.saturated.double().numpy() / self.count
        return ChannelStatistics(
            layer=self.layer,
            count=self.count,
            mean=self.mean.numpy(),
            std=std.numpy(),
            low=self.low.double().numpy(),
            high=self.high.double().numpy(),
            quantiles=np.quantile(self.sample.double().numpy(), QUANTILES, axis=0).T,
            zeros=self.zeros.double().numpy() / self.count,
            saturated=share if bounded else np.full_like(share, np.nan),
            correlation=np.where(np.isfinite(correlation), np.clip(correlation, -1, 1), np.nan),
            exact_quantiles=self.step == 1,
        )


def channel_statistics(subject: Subject, images: Any, wanted: Sequence[str] = ()) -> list[ChannelStatistics]:
    """Statistics of the layers called `wanted` (all, if empty), in the order of the network."""
    first = next(subject.batches(images, 1))[1]
    chosen = [one for one in layers(subject, first) if not wanted or one.name in wanted]
    running = {one.name: Running(one, len(images)) for one in chosen}

    def see(name: str, value: Tensor) -> None:
        if name in running:
            running[name].add(by_channel(value))

    with subject.quiet(), torch.inference_mode(), watched(subject.module, see):
        for _, x in subject.batches(images):
            forward(subject, x)
    return [one.result() for one in running.values()]

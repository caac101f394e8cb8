"""The strongest neurons of every channel over a whole split, in one streaming pass: no map is kept.

At most one neuron an image and channel. Order: value from high to low, then image, row, column from low to high, so
that the result of a network in float64 does not depend on the batches. In float32 values may differ in the last bits
from batch to batch, and with them the order of neurons that are equal but for these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.images import Images
from pellucid.inspection._layers import LayerInfo, layers
from pellucid.inspection._subject import BATCH, Subject, by_channel, forward, watched


@dataclass(frozen=True, eq=False)
class Strongest:
    """Of one layer: value (float32), image (int64) and place (int64, row and column), C x k, C x k, C x k x 2.

    class_means: C x classes, the mean over a class's images of the channel's strongest neuron, values below zero
    counted as zero. best_class: C, -1 without labels. selectivity: C, see the function.
    """

    layer: LayerInfo
    value: NDArray[np.float32]
    image: NDArray[np.int64]
    place: NDArray[np.int64]
    class_means: NDArray[np.float64]

    @property
    def best_class(self) -> NDArray[np.int64]:
        if not self.class_means.shape[1]:
            return np.full(len(self.value), -1)
        found: NDArray[np.int64] = np.nan_to_num(self.class_means, nan=-1).argmax(1).astype(np.int64)
        return found

    @property
    def selectivity(self) -> NDArray[np.float64]:
        return selectivity(self.class_means)

    @property
    def silent(self) -> NDArray[np.bool_]:
        """Channels whose strongest neuron is nowhere above zero."""
        return self.value[:, 0] <= 0


def selectivity(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m - o) / (m + o) of class means C x classes: m the best class's, o the mean of the others'.

    Source: Morcos et al. 2018 (morcos2018 in docs/bibliography.bib).
    """
    if means.shape[1] < 2:
        return np.full(len(means), np.nan)
    best = np.nanmax(means, axis=1)
    others = (np.nansum(means, axis=1) - best) / np.maximum((~np.isnan(means)).sum(1) - 1, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: NDArray[np.float64] = (best - others) / (best + others)
    return found


class _Best:
    """The merged state of one layer."""

    def __init__(self, layer: LayerInfo, k: int, classes: int) -> None:
        channels = layer.shape[0]
        self.layer, self.k = layer, k
        # written in place: what outlives a batch would be put among its large blocks, and the heap would grow
        self.value = torch.full((channels, k), float("-inf"))
        self.image, self.place = (torch.full((channels, k), -1) for _ in range(2))
        self.sums = torch.zeros(channels, classes, dtype=torch.float64)

    def add(self, values: Tensor, first: int, labels: Tensor | None) -> None:
        """A batch N C H W whose first image has the number `first`."""
        value, place = values.flatten(2).max(2)  # of equal ones the first: rows, then columns
        # kernels differ in the last bits between places of a batch: float64 rounded to float32 has equal images equal
        value, place = value.T.float().cpu(), place.T.cpu()
        image = torch.arange(first, first + value.shape[1]).expand_as(place)
        joined = torch.cat([self.value, value], 1)
        # stable: of equal values the one seen earlier, whose image has the lower number, stays before
        kept, order = joined.sort(stable=True, dim=1, descending=True)
        order = order[:, : self.k]
        self.value.copy_(kept[:, : self.k])
        self.image.copy_(torch.cat([self.image, image], 1).gather(1, order))
        self.place.copy_(torch.cat([self.place, place], 1).gather(1, order))
        if labels is not None:
            self.sums.index_add_(1, labels, value.double().clamp(min=0))

    def result(self, counts: NDArray[np.int64]) -> Strongest:
        rows, columns = np.divmod(self.place.numpy(), self.layer.shape[2])
        with np.errstate(invalid="ignore", divide="ignore"):
            means = self.sums.numpy() / counts
        return Strongest(self.layer, self.value.numpy(), self.image.numpy(), np.stack([rows, columns], 2), means)


def strongest(
    subject: Subject, images: Any, *, k: int, wanted: Sequence[str] = (), batch: int = BATCH
) -> list[Strongest]:
    """The k strongest of every channel of the layers called `wanted` (all, if empty), in the network's order."""
    first = next(subject.batches(images, 1))[1]
    labelled = isinstance(images, Images)
    counts = images.class_counts() if labelled else np.zeros(0, np.int64)
    best = {
        one.name: _Best(one, k, len(counts)) for one in layers(subject, first) if not wanted or one.name in wanted
    }
    at, labels = 0, None

    def see(name: str, value: Tensor) -> None:
        if name in best:
            best[name].add(by_channel(value), at, labels)

    with subject.quiet(), torch.inference_mode(), watched(subject.module, see):
        for at, x in subject.batches(images, batch):
            labels = torch.from_numpy(images.labels[at : at + len(x)].copy()) if labelled else None
            forward(subject, x)
    return [one.result(counts) for one in best.values()]

"""What a convolutional layer looks for, as its weights say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.displays.colours import around_gray, signed
from pellucid.displays.image_grid import ImageGrid
from pellucid.displays.page import Page
from pellucid.inspection._kernels import DEAD, Kernels, kernels
from pellucid.inspection._subject import Subject, spread

#: Filters and input channels that are drawn of a layer whose filters are no pictures.
MANY = 32
#: Filters that are drawn where each is one tile.
TILES = 256
#: Filters that are drawn over the training.
MOST = 20


@dataclass(frozen=True)
class FiltersPage(Page):
    """The filters in pictures; kernels: their numbers, in the network's order. order: in which they are drawn."""

    kernels: Kernels = field(kw_only=True)
    order: Sequence[int] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "layer": self.kernels.layer.name,
            "shape": list(self.kernels.weights.shape),
            "weights": self.kernels.weights,
            "norms": self.kernels.norms,
            "dead": self.kernels.dead,
            "order": list(self.order),
        }


def filters(
    model: Any,
    images: Any,
    *,
    layer: str | None = None,
    normalise: bool = True,
    order: bool = False,
    snapshots: Sequence[tuple[int, Any]] = (),
) -> FiltersPage:
    """The weights of a convolutional layer, filter by filter.

        norm_k = sqrt(sum_cij w_kcij^2),  dead where norm_k <= 0.001 * median(norm)

    Filters of three input channels are colour pictures around gray, those of one channel maps in two colours around
    zero. Of other layers each row is a filter and each column one of its input channels, the first 32 of both. layer:
    by default the first convolution. normalise: beside the filters on one common scale, which shows which are strong,
    each on a scale of its own, which shows the faint ones. order: by norm, strongest first. snapshots: (epoch,
    network) pairs, in order; the first 20 filters after each of up to eight of them too, of other layers their first
    input channel; of a run, the epochs that `train --checkpoints` kept. `images` are only passed through, to meet the
    layers.

    Source: Zeiler and Fergus 2014 (zeiler2014 in docs/bibliography.bib).

    Raises UsageError where there is no such layer.
    """
    found = kernels(Subject.of(model), images, layer)
    by_norm = np.argsort(-found.norms, kind="stable") if order else np.arange(len(found))
    one_tile = found.weights.shape[1] in (1, 3)
    shown = by_norm[: TILES if one_tile else MANY]
    weights = found.weights[shown, : 3 if one_tile else MANY]
    bounds = np.abs(weights).max((1, 2, 3), initial=0)
    whole = float(bounds.max(initial=0))
    count = f"{len(found)}" if len(shown) == len(found) else f"{len(shown)} of {len(found)}"
    words = f"{found.layer.name}: {count} filters of {found.size_text}"
    if not one_tile:
        channels, drawn = found.weights.shape[1], weights.shape[1]
        of = f"{channels}" if drawn == channels else f"{drawn} of {channels}"
        size = "x".join(map(str, found.weights.shape[2:]))
        words = f"{found.layer.name}: {count} filters (rows) by {of} channels (columns), {size}"
    words += ", strongest first" if order else ""
    draw = _tiles if one_tile else _strips
    plain = [f"{k} dead" if found.dead[k] else str(k) for k in shown]
    displays = [draw(weights, np.full(len(weights), whole), plain, f"{words}; one scale, ±{whole:.2g}")]
    if normalise:
        own = [f"{word} ±{bound:.2g}" for word, bound in zip(plain, bounds, strict=True)]
        displays.append(draw(weights, bounds, own, "Each on its own scale"))
    if snapshots:
        displays.append(_over_training(snapshots, images, found, shown[:MOST]))
    dead = int(found.dead.sum())
    title = f"Filters of {found.layer.name}" + (f", {dead} dead (norm below {DEAD:g} of the median)" if dead else "")
    columns = 2 if not one_tile and weights.shape[1] <= 8 else 1
    return FiltersPage(displays, title=title, columns=columns, kernels=found, order=by_norm.tolist())


def _over_training(
    snapshots: Sequence[tuple[int, Any]], images: Any, found: Kernels, shown: NDArray[np.int64]
) -> ImageGrid:
    """Filters in rows, moments in columns; one scale for all."""
    few = [snapshots[k] for k in spread(len(snapshots), 8)]
    moments = [kernels(Subject.of(one), images, found.layer.name).weights[shown] for _, one in few]
    count = found.weights.shape[1] if found.weights.shape[1] in (1, 3) else 1
    weights = np.stack(moments, 1)[:, :, :count].reshape(-1, count, *found.weights.shape[2:])
    whole = float(np.abs(weights).max(initial=0))
    captions = [f"epoch {epoch}" for _ in shown for epoch, _ in few]
    title = f"Over the training; one scale, ±{whole:.2g}"
    drawn = _tiles(weights, np.full(len(weights), whole), captions, title)
    return replace(drawn, columns=len(few), row_names=[str(k) for k in shown])


def _tiles(
    weights: NDArray[np.float64], bounds: NDArray[np.float64], captions: Sequence[str], title: str
) -> ImageGrid:
    """One picture a filter."""
    pictures = [
        around_gray(one.transpose(1, 2, 0), bound) if len(one) == 3 else signed(one[0], bound)
        for one, bound in zip(weights, bounds, strict=True)
    ]
    return ImageGrid(np.stack(pictures), captions, title=title)


def _strips(weights: NDArray[np.float64], bounds: NDArray[np.float64], names: Sequence[str], title: str) -> ImageGrid:
    """One row a filter, its input channels from left to right; pixels are enlarged here, as a strip is no square."""
    _, channels, height, width = weights.shape
    zoom = max(1, round(min(max(700 / channels, 20), 48) / max(height, width)))
    gap = 5
    pictures = []
    for one, bound in zip(weights, bounds, strict=True):
        tiles = signed(one, bound).repeat(zoom, axis=1).repeat(zoom, axis=2)
        padded = np.pad(tiles, ((0, 0), (0, 0), (0, gap), (0, 0)), constant_values=255)
        pictures.append(np.concatenate(list(padded), axis=1)[:, : channels * (width * zoom + gap) - gap])
    return ImageGrid(np.stack(pictures), columns=1, row_names=names, title=title)

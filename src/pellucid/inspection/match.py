"""The same channel, found again in another network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.displays.display import Display
from pellucid.displays.heatmap import Heatmap
from pellucid.displays.image_grid import ImageGrid
from pellucid.displays.page import Page
from pellucid.displays.table import Table
from pellucid.errors import UsageError
from pellucid.images import Images
from pellucid.inspection._layers import LayerInfo, layer_of
from pellucid.inspection._statistics import Running
from pellucid.inspection._strongest import strongest
from pellucid.inspection._subject import Subject, by_channel, output_at
from pellucid.inspection.top_patches import patch

#: Pairs whose patches are drawn, patches of each, and channels whose correlations are drawn.
PAIRS, PATCHES, DRAWN = 8, 9, 32


@dataclass(frozen=True)
class MatchPage(Page):
    """correlation: channels of this layer x channels of the other's, NaN where one is constant.

    pairs: (channel, channel of the other, correlation), the best first. dead, other_dead: constant channels.
    """

    correlation: NDArray[np.float64] | None = None
    pairs: Sequence[tuple[int, int, float]] = ()
    dead: Sequence[int] = ()
    other_dead: Sequence[int] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "pairs": [list(pair) for pair in self.pairs],
            "dead": list(self.dead),
            "other_dead": list(self.other_dead),
            "correlation": self.correlation,
        }


def match(
    model: Any, images: Any, *, other: Any, layer: str | None = None, other_layer: str | None = None
) -> MatchPage:
    """Each channel of a layer with the one of another network that answers most alike, one to one.

        maximise over permutations p:  sum over c of  corr(A_c, B_p(c))

    over all images and places; where the maps of the two layers have different sizes, over images, of each map's
    largest value. Channels that never change have no partner and are counted apart. Beside each pair stands the best
    correlation with any other channel, which one to one may have had to leave to another. layer: by default the last
    convolution. other_layer: by default the one of the same name, else the other's last convolution.

    Source: Li, Yosinski, Clune, Lipson, Hopcroft 2016 (li2016 in docs/bibliography.bib).

    Raises UsageError for a layer that is not there.
    """
    first, second = Subject.of(model), Subject.of(other)
    example = next(first.batches(images, 1))[1]
    own = layer_of(first, example, layer)
    other_example = next(second.batches(images, 1))[1]
    try:
        theirs = layer_of(second, other_example, other_layer or own.name)
    except UsageError:
        if other_layer is not None or layer is not None:
            raise
        theirs = layer_of(second, other_example, None)
    correlation, (dead, other_dead) = _correlation(first, own, second, theirs, images)
    pairs = _pairs(correlation)
    best = np.nan_to_num(correlation, nan=-1).max(1)
    mean = float(np.mean([value for _, _, value in pairs])) if pairs else float("nan")
    strong = sum(value >= 0.5 for _, _, value in pairs)
    chance = float(np.nanmean(correlation)) if pairs else float("nan")
    count = own.shape[0]
    summary = Table(
        ("what", own.name, f"{theirs.name} of the other"),
        [
            ("channels", count, theirs.shape[0]),
            ("dead (one value on all images)", len(dead), len(other_dead)),
            ("matched with a correlation of 0.5 or more", f"{100 * strong / count:.0f} %", None),
            ("mean correlation of pairs", round(mean, 3), None),
            ("mean correlation of any two channels (chance)", round(chance, 3), None),
        ],
    )
    displays: list[Display] = [summary, _patches(first, own, second, theirs, images, pairs)]
    shown = pairs[:DRAWN]
    if shown:
        rows, columns = [c for c, _, _ in shown], [p for _, p, _ in shown]
        displays.append(
            Heatmap(
                correlation[np.ix_(rows, columns)],
                [str(row) for row in rows],
                [str(column) for column in columns],
                f"channel of {own.name}",
                "its partner",
                "correlation",
                texts=[[""] * len(columns)] * len(rows),
                title="Correlations, the best pairs first",
                diverging=True,
                cell=max(20, min(30, 640 // len(shown))),
            )
        )
    displays.append(
        Table(
            ("channel", "partner", "correlation", "best of any"),
            [(c, p, round(value, 3), round(float(best[c]), 3)) for c, p, value in pairs],
            title="Pairs",
        )
    )
    title = f"{own.name} matched over {len(images):,} images: {strong} of {count} channels found again"
    return MatchPage(
        displays,
        title=title,
        correlation=correlation,
        pairs=pairs,
        dead=dead.tolist(),
        other_dead=other_dead.tolist(),
    )


def _correlation(
    first: Subject, own: LayerInfo, second: Subject, theirs: LayerInfo, images: Any
) -> tuple[NDArray[np.float64], tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Correlations C x D over images and places, and the constant channels of both, in one streaming pass."""
    alike = own.shape[1:] == theirs.shape[1:]
    both = (own.shape[0] + theirs.shape[0], *(own.shape[1:] if alike else (1, 1)))
    running = Running(LayerInfo("both", "both", both, None, 4), len(images))

    def seen(subject: Subject, x: Tensor, layer: LayerInfo) -> Tensor:
        values = by_channel(output_at(subject, x, layer.name)).cpu()
        # also a copy: what is stopped at here may be changed in place by the other network's pass
        return values.clone() if alike else values.amax((2, 3), keepdim=True)

    with first.quiet(), second.quiet(), torch.inference_mode():
        for (_, x), (_, y) in zip(first.batches(images), second.batches(images), strict=True):
            a, b = seen(first, x, own), seen(second, y, theirs)
            running.add(torch.cat([a, b.to(a.dtype)], 1))
    found = running.result()
    count = own.shape[0]
    dead = np.flatnonzero(found.dead[:count]), np.flatnonzero(found.dead[count:])
    return found.correlation[:count, count:], dead


def _pairs(correlation: NDArray[np.float64]) -> list[tuple[int, int, float]]:
    """The assignment of the largest sum, the best pairs first; constant channels left out."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(np.nan_to_num(correlation, nan=-2.0), maximize=True)
    found = [(int(c), int(p), float(correlation[c, p])) for c, p in zip(rows, columns, strict=True)]
    return sorted((pair for pair in found if not np.isnan(pair[2])), key=lambda pair: (-pair[2], pair[0]))


def _patches(
    first: Subject, own: LayerInfo, second: Subject, theirs: LayerInfo, images: Any,
    pairs: Sequence[tuple[int, int, float]],
) -> Display:  # fmt: skip
    """What excites both channels of each of the best pairs most, one row under the other."""
    k = min(PATCHES, len(images))
    pixels = first.bytes(images)
    sides = []
    for subject, info in ((first, own), (second, theirs)):
        (found,) = strongest(subject, images, k=k, wanted=(info.name,))
        sides.append((info, found))
    cells, names = [], []
    for c, p, value in pairs[:PAIRS]:
        words = (f"{c}", f"{p} other, {value:.2f}")
        for (info, found), channel, word in zip(sides, (c, p), words, strict=True):
            names.append(word)
            places = zip(found.image[channel], found.place[channel], strict=True)
            cells += [patch(pixels[image], info, place) for image, place in places]
    if not cells:
        return ImageGrid(np.zeros((0, 8, 8, pixels.shape[3]), np.uint8), title="Patches of pairs")
    shape = (max(one.shape[0] for one in cells), max(one.shape[1] for one in cells))
    large = [one if one.shape[:2] == shape else _centred(one, shape) for one in cells]
    of = Images is type(images)
    title = f"What excites the best pairs most{', over the split' if of else ''}"
    return ImageGrid(np.stack(large), columns=k, row_names=names, title=title)


def _centred(patch: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """With a white margin, where the other network's neurons see more."""
    down, right = (side - own for side, own in zip(shape, patch.shape[:2], strict=True))
    edges = ((down // 2, down - down // 2), (right // 2, right - right // 2), (0, 0))
    return np.pad(patch, edges, constant_values=255)

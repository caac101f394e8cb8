"""Whether a network takes the same part of different images for the same thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.displays.colours import signed
from pellucid.displays.display import Display
from pellucid.displays.image_grid import ImageGrid
from pellucid.displays.page import Page
from pellucid.displays.table import Table
from pellucid.errors import UsageError
from pellucid.images import Images
from pellucid.inspection._layers import layer_of
from pellucid.inspection._options import Count
from pellucid.inspection._subject import Subject, output_at


@dataclass(frozen=True)
class CorrespondencePage(Page):
    """array: disagreement for each place of the square, rows x columns. by_chance: between different places."""

    array: NDArray[np.float64] | None = None
    by_chance: float = float("nan")

    def to_dict(self) -> dict[str, Any]:
        return {"title": self.title, "array": self.array, "by_chance": self.by_chance}


def correspondence(
    model: Any,
    images: Any,
    *,
    layer: str | None = None,
    size: int = 8,
    stride: int = 4,
    fill: float = 0.5,
    n: Count = 5,
) -> CorrespondencePage:
    """Where hiding the same part of different images changes a layer in the same way.

        e_i = features(x_i) - features(x_i with a square hidden)
        D   = mean over pairs i != j of  share of features with  sign(e_i) != sign(e_j)

    for every place of the square; low where the network finds the same thing there in all images, such as the eyes of
    aligned faces, and trivially where all are empty. Beside it D between different places of different images: what
    chance gives. Of the images the first label's, the first n, if they have labels: parts of other classes need not
    agree. layer: by default the last convolution. size, stride: of the square, in pixels. fill: share of the range
    between the images' lowest and highest values.

    Source: Zeiler and Fergus 2014, section 4.3 (zeiler2014 in docs/bibliography.bib).

    Raises UsageError for fewer than two images or a square larger than they are.
    """
    subject = Subject.of(model)
    if isinstance(images, Images):
        images = images.take(np.flatnonzero(images.labels == images.labels[:1])[:n])
    else:
        images = images[:n]
    x = next(subject.batches(images, n))[1]
    height, width = x.shape[2:]
    if len(x) < 2:
        raise UsageError("images: expected two or more of one class to compare, found one. Choose several.")
    if not 1 <= size <= min(height, width) or stride < 1:
        raise UsageError(
            f"size: expected 1 to {min(height, width)} pixels and a stride of 1 or more, found {size} and {stride}."
        )
    info = layer_of(subject, x, layer)
    rows, columns = (np.unique([*range(0, side - size, stride), side - size]) for side in (height, width))
    value = float(x.min() + fill * (x.max() - x.min()))

    def features(of: Tensor) -> Tensor:
        return output_at(subject, of, info.name).flatten(1)

    signs = []
    with subject.quiet(), torch.inference_mode():
        whole = features(x)
        for top in rows:
            for left in columns:
                hidden = x.clone()
                hidden[:, :, top : top + size, left : left + size] = value
                # what rounding leaves over is no change
                change = whole - features(hidden)
                change[change.abs() < 1e-6 * whole.abs().amax()] = 0
                signs.append(change.sign().to(torch.int8).cpu())
    stacked = torch.stack(signs)  # places x images x features
    same = np.array([_disagreement(one, one) for one in stacked]).reshape(len(rows), len(columns))
    others = [_disagreement(stacked[k], stacked[(k + len(stacked) // 2) % len(stacked)]) for k in range(len(stacked))]
    chance = float(np.mean(others)) if len(stacked) > 1 else float("nan")
    bound = float(np.nanmax(np.abs(same - chance))) if np.isfinite(chance) else 1.0
    drawn = signed(chance - same, bound or 1.0)
    best = np.unravel_index(int(same.argmin()), same.shape)
    top, left = int(rows[best[0]]), int(columns[best[1]])
    displays: list[Display] = [
        ImageGrid(_marked(subject.bytes(images), top, left, size), columns=len(x), title="Where they agree most"),
        ImageGrid(drawn[None], title=f"Agreement beyond chance, place by place (±{bound:.2g}; orange agrees)"),
        Table(
            ("what", "disagreement"),
            [
                (f"rows {top} to {top + size - 1}, columns {left} to {left + size - 1} (best)", float(same.min())),
                ("all places, mean", float(same.mean())),
                ("different places (chance)", chance),
            ],
            title=f"{info.name}: share of features whose change differs in sign",
        ),
    ]
    return CorrespondencePage(
        displays, title=f"Correspondence of {len(x)} images at {info.name}", array=same, by_chance=chance
    )


def _disagreement(first: Tensor, second: Tensor) -> float:
    """Mean share of features of other sign, over pairs of different images; images x features."""
    count = len(first)
    shares = [float((first[i] != second[j]).float().mean()) for i in range(count) for j in range(count) if i != j]
    return float(np.mean(shares))


def _marked(pixels: NDArray[np.uint8], top: int, left: int, size: int) -> NDArray[np.uint8]:
    """The images in colour with a frame around the square."""
    found = pixels.copy() if pixels.shape[3] == 3 else pixels.repeat(3, axis=3)
    frame = np.array([213, 94, 0], np.uint8)
    stop, right = top + size - 1, left + size - 1
    found[:, [top, stop], left : right + 1] = frame
    found[:, top : stop + 1, [left, right]] = frame
    return found

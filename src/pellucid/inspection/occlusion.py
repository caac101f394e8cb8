"""What the network answers while a part of the image is hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.displays.display import Display
from pellucid.displays.image_grid import ImageGrid
from pellucid.displays.maps import Maps
from pellucid.displays.page import Page
from pellucid.displays.palette import CATEGORIES
from pellucid.errors import UsageError
from pellucid.images import Images, Scaling
from pellucid.inspection._layers import check_channel, layer_of
from pellucid.inspection._subject import BATCH, Subject, by_channel, forward, watched

#: Images that are shown where none are chosen.
FEW = 5


@dataclass(frozen=True)
class OcclusionPage(Page):
    """array: probability of the class with the square at each place, N 1 h w. taken: the predicted class, N h w.

    activity: the channel's summed activity, N 1 h w, where one was asked for. tops, lefts: first row and
    column of each place.
    """

    array: NDArray[np.float64] | None = None
    taken: NDArray[np.int64] | None = None
    activity: NDArray[np.float64] | None = None
    tops: Sequence[int] = ()
    lefts: Sequence[int] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "tops": list(self.tops),
            "lefts": list(self.lefts),
            "probability": self.array,
            "predicted": self.taken,
            "activity": self.activity,
        }


def occlusion(
    model: Any,
    images: Any,
    *,
    target: int | Sequence[int] | None = None,
    layer: str | None = None,
    channel: int | None = None,
    size: int = 8,
    stride: int = 4,
    fill: float = 0.5,
) -> OcclusionPage:
    """A square slid over the image: the probability of its class, and the class it is taken for, at each place.

    The map's value at a place belongs to the square that begins there; the last places end at the border, so that
    every pixel is hidden at least once. target: a class, or one an image; by default the image's own where it has a
    label, else the one it is taken for. layer and channel: a third map, the channel's activity summed over its
    places. size, stride: of the square, in pixels. fill: its gray, from 0 (black) to 1 (white).

    Source: Zeiler and Fergus 2014, section 4.2 (zeiler2014 in docs/bibliography.bib).

    Raises UsageError for a square larger than the image, or a channel without its layer.
    """
    subject = Subject.of(model)
    x = torch.cat([batch for _, batch in subject.batches(images)])
    height, width = x.shape[2:]
    if not 1 <= size <= min(height, width) or stride < 1 or not 0 <= fill <= 1:
        raise UsageError(
            f"occlusion: expected a size of 1 to {min(height, width)}, a stride of 1 or more and a fill from 0 to 1, "
            f"found {size}, {stride} and {fill}."
        )
    if (layer is None) != (channel is None):
        raise UsageError("occlusion: expected layer and channel together, found one alone. Give both or neither.")
    info = None if layer is None else layer_of(subject, x, layer)
    if info is not None and channel is not None:
        check_channel(info, channel)
    scaling = subject.scaling or Scaling.unit(x.shape[1])
    gray = torch.tensor([255 * fill * a + b for a, b in zip(scaling.scale, scaling.shift, strict=True)]).to(x)
    rows, columns = (sorted({*range(0, side - size, stride), side - size}) for side in (height, width))
    places = [(top, left) for top in rows for left in columns]
    shape = (len(x), len(rows), len(columns))

    activity: list[torch.Tensor] = []

    def see(name: str, value: torch.Tensor) -> None:
        if info is not None and name == info.name:
            activity.append(by_channel(value)[:, channel].flatten(1).sum(1).double().cpu())

    found = []
    with subject.quiet(), torch.inference_mode(), watched(subject.module, see):
        for one in x:
            for start in range(0, len(places), BATCH):
                part = places[start : start + BATCH]
                hidden = one.expand(len(part), -1, -1, -1).clone()
                for row, (top, left) in enumerate(part):
                    hidden[row, :, top : top + size, left : left + size] = gray[:, None, None]
                found.append(forward(subject, hidden).double().softmax(1).cpu())
        told = list(activity)
        activity.clear()
        whole = torch.cat([forward(subject, part).double().softmax(1).cpu() for part in x.split(BATCH)])
    probabilities = torch.cat(found).numpy().reshape(*shape, -1)
    labels = images.labels if isinstance(images, Images) else whole.argmax(1).numpy()
    classes = np.broadcast_to(np.asarray(labels if target is None else target, np.int64), (len(x),))
    if (classes < 0).any() or (classes >= probabilities.shape[3]).any():
        raise UsageError(
            f"target: expected a class from 0 to {probabilities.shape[3] - 1}, found {int(classes.max())}."
        )
    of_class = np.take_along_axis(probabilities, classes[:, None, None, None], 3)[..., 0]
    taken = probabilities.argmax(3).astype(np.int64)
    names = images.class_names if isinstance(images, Images) else ()

    def name(label: int) -> str:
        return names[label] if label < len(names) else f"class {label}"

    captions = [f"{name(int(label))} {100 * whole[row, label]:.0f}%" for row, label in enumerate(classes)]
    pictures = subject.bytes(images)
    square = f"{size}x{size} pixels hidden, every {stride}"
    displays: list[Display] = [
        Maps(
            of_class[:, None], pictures, kind="positive", name="probability", captions=captions,
            title=f"Probability of the class with {square} (white: 0)",
        ),
        *_classes(taken, name),
    ]  # fmt: skip
    sums = None
    if info is not None:
        sums = torch.cat(told).numpy().reshape(shape)[:, None]
        title = f"Summed activity of {info.name} {channel} with {square}"
        kind = "positive" if sums.min(initial=0) >= 0 else "signed"
        displays.append(Maps(sums, pictures, kind=kind, name="activity", captions=captions, title=title))
    return OcclusionPage(
        displays, title=f"Occlusion: {square}", array=of_class[:, None], taken=taken, activity=sums, tops=rows,
        lefts=columns,
    )  # fmt: skip


def _classes(taken: NDArray[np.int64], name: Any) -> list[Display]:
    """Each place in the colour of the class it is taken for there, and the colours of the six commonest classes."""
    order = [int(label) for label in np.argsort(-np.bincount(taken.ravel()), kind="stable") if (taken == label).any()]
    shown = order[: len(CATEGORIES) - 1]
    colours = np.array([[int(one[k : k + 2], 16) for k in (1, 3, 5)] for one in CATEGORIES], np.uint8)
    index = np.full(max(order) + 1, len(CATEGORIES) - 1)
    index[shown] = np.arange(len(shown))
    words = [name(label) for label in shown]
    tiles = [*colours[: len(shown)]]
    if len(order) > len(shown):
        words.append("others")
        tiles.append(colours[-1])
    return [
        ImageGrid(colours[index[taken]], columns=10, title="The class it is taken for with the square there"),
        ImageGrid(np.stack(tiles)[:, None, None, :].repeat(2, axis=1).repeat(2, axis=2), words, title="Its colours"),
    ]

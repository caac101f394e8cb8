"""What becomes of an image, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.displays.colours import coloured, positive, signed
from pellucid.displays.display import Display
from pellucid.displays.image_grid import ImageGrid
from pellucid.displays.page import Page
from pellucid.displays.palette import DIVERGING
from pellucid.errors import UsageError
from pellucid.images import Images
from pellucid.inspection._layers import IDLE, LayerInfo, layer_of
from pellucid.inspection._layers import layers as layers_of
from pellucid.inspection._subject import Subject, by_channel, forward, watched

#: Images that are shown where none are chosen.
FEW = 1
#: Images that are shown at most, the width of the widest row, and the height of a vector's bars, in CSS pixels.
MOST, WIDE, HIGH = 8, 1190, 72


@dataclass(frozen=True, eq=False)
class Seen:
    """A layer's values on the images. values: N x channels x rows x columns, of `channels` alone."""

    layer: LayerInfo
    channels: NDArray[np.int64]
    values: NDArray[np.float64]

    @property
    def bound(self) -> float:
        """The largest absolute value, on all images."""
        return float(np.abs(self.values).max(initial=0))

    @property
    def both(self) -> bool:
        """Whether there are values below zero."""
        return bool((self.values < 0).any())

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "layer": self.layer.name,
            "shape": list(self.layer.shape),
            "channels": self.channels,
            "scale": [-self.bound if self.both else 0.0, self.bound],
            "values": self.values,
        }


@dataclass(frozen=True)
class FeatureMapsPage(Page):
    """The pictures, image by image; seen: the numbers behind them, layer by layer; other_seen: a second network's."""

    seen: Sequence[Seen] = ()
    other_seen: Sequence[Seen] = ()

    def to_dict(self) -> dict[str, Any]:
        found = {"title": self.title, "layers": [one.to_dict() for one in self.seen]}
        return {**found, "other_layers": [one.to_dict() for one in self.other_seen]} if self.other_seen else found


def feature_maps(
    model: Any, images: Any, *, layers: Sequence[str] = (), channels: int = 32, other: Any = None
) -> FeatureMapsPage:
    """What every layer makes of an image: its maps, or its vector as bars.

    Each layer has one colour scale over its channels and images: from zero up where nothing is below zero, else in
    two colours around zero. Sequences are one picture of steps by units. At most 8 images are drawn. layers: only
    these; by default all that change their input. channels: at most this many maps a layer, spread evenly; of vectors
    and sequences all units are drawn, as far as there is room for one pixel each. other: a second network, drawn
    beside the first on its own scales; of `layers`, those that it has.

    Source: the feature maps of LeCun et al. 1998 (lecun1998 in docs/bibliography.bib).

    Raises UsageError for a layer that is not there.
    """
    if not isinstance(channels, int) or channels < 1:
        raise UsageError(f"channels: expected a whole number from 1, found {channels!r}. 32 suits most layers.")
    subject = Subject.of(model)
    total = len(images)
    _, x = next(subject.batches(images, MOST))
    found = layers_of(subject, x[:1])
    for name in layers:
        layer_of(subject, x[:1], name)
    wanted = {one.name: one for one in found if (one.name in layers if layers else one.kind not in IDLE)}
    seen, output = _seen(subject, x, wanted, channels)
    displays: list[Display] = []
    pictures = subject.bytes(images)[: len(x)]
    for k, picture in enumerate(pictures):
        before = f"image {k}, " if len(x) > 1 else ""
        displays.append(ImageGrid(picture[None], title=f"image {k}{_answer(images, output[k], k)}"))
        displays += [_drawn(one, k, before, images) for one in seen]
    count = f"{len(x)} of {total:,} images" if len(x) < total else f"{total} image{'s' * (total > 1)}"
    title = f"Feature maps of {count}"
    if other is None:
        return FeatureMapsPage(displays, title=title, seen=seen)
    there = {one.name for one in layers_of(Subject.of(other), x[:1])}
    beside = feature_maps(other, images, layers=[name for name in layers if name in there], channels=channels)
    sides = [
        Page([replace(one[0], title=f"{name}, {one[0].title}"), *one[1:]])  # type: ignore[type-var]
        for name, one in (("this network", displays), ("the other", beside.displays))
    ]
    both = Page(sides, columns=2)
    return FeatureMapsPage([both], title=f"{title} in two networks", seen=seen, other_seen=beside.seen)


def _seen(
    subject: Subject, x: Tensor, wanted: dict[str, LayerInfo], channels: int
) -> tuple[list[Seen], NDArray[np.float64]]:
    """The layers' values in their order, and the network's output."""
    seen: dict[str, Seen] = {}

    def see(name: str, value: Tensor) -> None:
        if name not in wanted:
            return
        values = by_channel(value)
        most = channels if _is_map(wanted[name]) else WIDE
        count = values.shape[1]
        chosen = np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(np.int64))
        kept = values[:, torch.from_numpy(chosen).to(values.device)]
        # a copy: the next layer may work in place
        seen[name] = Seen(wanted[name], chosen, kept.detach().double().cpu().numpy().copy())

    with subject.quiet(), torch.no_grad(), watched(subject.module, see):
        output = forward(subject, x).double().cpu().numpy()
    return [seen[name] for name in wanted if name in seen], output


def _is_map(layer: LayerInfo) -> bool:
    return layer.rank >= 4 and layer.shape[1:] != (1, 1)


def _answer(images: Any, output: NDArray[np.float64], k: int) -> str:
    """What the image is, and what it is taken for, where that is known."""
    if not isinstance(images, Images):
        return ""
    true = f": is {images.class_names[images.labels[k]]}"
    if output.ndim != 1 or len(output) != len(images.class_names):
        return true
    return f"{true}, taken for {images.class_names[int(output.argmax())]}"


def _drawn(one: Seen, k: int, before: str, images: Any) -> ImageGrid:
    """The layer's grid of maps, its steps, or its bars, for image k."""
    values, scale = one.values[k], f"±{one.bound:.2g}" if one.both else f"0 to {one.bound:.2g}"
    drawn, total = len(one.channels), one.layer.shape[0]
    count = f"{drawn}" if drawn == total else f"{drawn} of {total}"
    draw = signed if one.both else positive
    title = f"{before}{one.layer.name} ({one.layer.kind}): {count}"
    if _is_map(one.layer):
        _, height, width = values.shape
        side = _zoom(max(height, width))
        pictures = draw(values, one.bound).repeat(side, axis=1).repeat(side, axis=2)
        columns = min(16, max(4, WIDE // (pictures.shape[2] + 10)), drawn)
        title += f" map{'s' * (total > 1)} of {height}x{width}, {scale}"
        return ImageGrid(pictures, [str(channel) for channel in one.channels], columns=columns, title=title)
    if one.layer.rank == 3:
        steps = values[..., 0].T
        across = min(max(WIDE // steps.shape[1], 1), 12)
        down = max(1, min(8, 600 // max(len(steps), 1)))
        picture = draw(steps, one.bound).repeat(down, axis=0).repeat(across, axis=1)
        return _whole(picture, f"{title} units from left to right, {len(steps)} steps downwards, {scale}")
    vector = values[:, 0, 0]
    best = int(vector.argmax())
    names = images.class_names if isinstance(images, Images) else ()
    name = f" (class {names[best]})" if len(names) == drawn == total else ""
    title += f" unit{'s' * (total > 1)}, {scale}, highest: unit {one.channels[best]}{name}, {vector[best]:.2g}"
    return _whole(_bars(vector, one.bound, both=one.both), title)


def _zoom(side: int) -> int:
    """By how much a map is enlarged, to about 64 pixels."""
    return max(1, -(-60 // side)) if side < 60 else 1


def _whole(picture: NDArray[np.uint8], title: str) -> ImageGrid:
    """One picture as it is: a margin keeps the grid from enlarging a small one."""
    margin = np.array([max(0, 60 - picture.shape[0]), max(0, 60 - picture.shape[1])])
    if (margin > 0).all():
        picture = np.pad(picture, ((0, 0), (0, int(margin[1])), (0, 0)), constant_values=255)
    return ImageGrid(picture[None], title=title)


def _bars(vector: NDArray[np.float64], bound: float, *, both: bool) -> NDArray[np.uint8]:
    """uint8 H W 3: a bar a unit, up for what is above zero, down for what is below."""
    across = min(max(WIDE // len(vector), 1), 24)
    zero = HIGH // 2 if both else HIGH
    picture = np.full((HIGH, len(vector) * across, 3), 246, np.uint8)
    up, down = coloured(np.array([1.0, 0.0]), DIVERGING if both else DIVERGING[::-1], low=0, high=1)
    for k, value in enumerate(vector / (bound or 1.0)):
        tall = round(abs(value) * zero) if np.isfinite(value) else 0
        rows = slice(zero - tall, zero) if value > 0 else slice(zero, zero + tall)
        picture[rows, k * across : (k + 1) * across - (across > 3)] = up if value > 0 else down
    if both:
        picture[zero] = np.minimum(picture[zero], 150)
    return picture

"""What excites a channel most: its strongest neurons over all images, each with the pixels that it sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.displays.display import Display
from pellucid.displays.heatmap import Heatmap
from pellucid.displays.image_grid import ImageGrid
from pellucid.displays.page import Page
from pellucid.errors import UsageError
from pellucid.images import Images
from pellucid.inspection._layers import LayerInfo, check_channel, layer_of
from pellucid.inspection._strongest import Strongest, strongest
from pellucid.inspection._subject import Subject, forward

#: Rows of the picture where no channels are named.
SHOWN = 20
_PADDING = (200, 232)


@dataclass(frozen=True)
class PatchesPage(Page):
    """Patches in rows, one a channel, and their classes. channels: of the rows.

    strongest: the numbers of all channels of the layer. classes: of the k images of each row, rows x classes.
    """

    channels: Sequence[int] = ()
    strongest: Strongest = field(kw_only=True)
    classes: NDArray[np.int64] | None = None

    def to_dict(self) -> dict[str, Any]:
        found = self.strongest
        return {
            "title": self.title,
            "layer": found.layer.name,
            "channels": [
                {
                    "channel": int(k),
                    "values": found.value[k],
                    "images": found.image[k],
                    "places": found.place[k],
                    "best_class": int(found.best_class[k]),
                    "selectivity": float(found.selectivity[k]),
                    "silent": bool(found.silent[k]),
                    "classes_of_images": None if self.classes is None else self.classes[row],
                    "class_means": found.class_means[k],
                }
                for row, k in enumerate(self.channels)
            ],
        }


def top_patches(
    model: Any, images: Any, *, layer: str | None = None, channels: Sequence[int] = (), k: int = 9
) -> PatchesPage:
    """The k image patches that excite each channel most, at most one an image, by exact receptive field.

    layer: by default the last convolution. channels: one row each; by default the first 20. Below each patch its true
    class, what it is taken for where that is another, and the neuron's value. What lies outside the image, the
    padding that the network saw, is drawn in stripes; where a neuron's field is larger than the image, the whole
    image is drawn. A channel that is nowhere above zero says so.

    Order: value, then image, row, column, whatever the batches. Raises UsageError for a channel that is not there or
    a k larger than the number of images.
    """
    subject = Subject.of(model)
    info = layer_of(subject, next(subject.batches(images, 1))[1], layer)
    if not 1 <= k <= len(images):
        raise UsageError(f"k: expected 1 to {len(images):,}, the number of images, found {k}.")
    shown = [check_channel(info, one) for one in channels] or list(range(min(SHOWN, info.shape[0])))
    (found,) = strongest(subject, images, k=k, wanted=(info.name,))
    pixels = subject.bytes(images)
    needed = np.unique(found.image[shown])
    labels, names = (images.labels, images.class_names) if isinstance(images, Images) else (None, ())
    taken = dict(zip(needed.tolist(), _predicted(subject, images, needed).tolist(), strict=True))

    cells, captions, rows = [], [], []
    for channel in shown:
        best = int(found.best_class[channel])
        words = f"{channel}" if best < 0 else f"{channel}  {names[best]} {found.selectivity[channel]:.2f}"
        rows.append(f"{channel}  silent" if found.silent[channel] else words)
        for value, image, place in zip(found.value[channel], found.image[channel], found.place[channel], strict=True):
            cells.append(patch(pixels[image], info, place))
            told = f"{value:.3g}"
            if labels is not None:
                true, guess = int(labels[image]), taken[int(image)]
                said = names[true] if true == guess else f"{names[true]}→{_name(names, guess)}"
                told = f"{said} {told}"
            captions.append(told)
        if found.silent[channel]:
            cells[-k:] = [np.full_like(cells[-1], 255)] * k
            captions[-k:] = [""] * k
    size = f"{info.field}" if info.field else "the whole image"
    title = f"{info.name} ({info.shape_text}): channel, class it prefers, selectivity; neurons see {size}"
    displays: list[Display] = [ImageGrid(np.stack(cells), captions, columns=k, row_names=rows, title=title)]
    classes = None
    if labels is not None:
        classes = np.stack([np.bincount(labels[found.image[channel]], minlength=len(names)) for channel in shown])
        displays.append(_histogram(found, shown, classes, names))
    return PatchesPage(
        displays, title=f"What excites {info.name} most", channels=shown, strongest=found, classes=classes
    )


def _histogram(found: Strongest, shown: Sequence[int], classes: NDArray[np.int64], names: Sequence[str]) -> Heatmap:
    """Mean answer to each class, as a share of the best one's, with how many of the k strongest images are of it."""
    means = np.nan_to_num(found.class_means[shown])
    shares = means / np.maximum(means.max(1, keepdims=True), 1e-12)
    texts = [[str(count) if count else "" for count in row] for row in classes.tolist()]
    return Heatmap(
        shares,
        [str(channel) for channel in shown],
        list(names),
        "channel",
        "class",
        "of the best class",
        texts=texts,
        title="Mean answer by class; in the cells, how many of the images above",
        value_format=".0%",
        cell=26,
    )


def patch(image: NDArray[np.uint8], layer: LayerInfo, place: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The pixels H W C that a neuron sees, striped outside the image; the whole image where it sees all of it."""
    window = layer.window(place, *image.shape[:2])
    if window is None:
        return image
    rows, columns, inside = window
    found: NDArray[np.uint8] = image[rows, columns].copy()
    stripes = np.array(_PADDING, np.uint8)[np.add.outer(np.arange(len(rows)), np.arange(len(columns))) % 2]
    found[~inside] = stripes[~inside][:, None]
    return found


def _name(names: Sequence[str], label: int) -> str:
    """Of a class; a network may know more classes than the images have."""
    return names[label] if label < len(names) else f"class {label}"


def _predicted(subject: Subject, images: Any, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The class that each of the images at `rows` is taken for."""
    chosen = images.take(rows) if isinstance(images, Images) else images[rows]
    with subject.quiet(), torch.inference_mode():
        guesses = [forward(subject, x).flatten(1).argmax(1).cpu() for _, x in subject.batches(chosen)]
    return torch.cat(guesses).numpy()

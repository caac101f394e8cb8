"""From a mistake to the channels that drove it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.displays.bars import Bars
from pellucid.displays.display import Display
from pellucid.displays.image_grid import ImageGrid
from pellucid.displays.page import Page
from pellucid.errors import DataError, UsageError
from pellucid.images import Images
from pellucid.inspection._layers import layer_of
from pellucid.inspection._options import Count
from pellucid.inspection._subject import Subject, by_channel, forward, probabilities_of, watched
from pellucid.inspection.top_patches import top_patches


def blame(
    model: Any, images: Any, *, image: int | None = None, layer: str | None = None, n: Count = 5, k: int = 9
) -> Page:
    """The channels that spoke most for a wrong class against the true one, each with what excites it.

        share_c = sum over places of  A_c * d (s_predicted - s_true) / d A_c

    at the image, to first order the part of the difference that channel c brings. image: its number among `images`;
    by default the surest mistake. layer: by default the last convolution. n: channels, with the k patches that excite
    each most over all images.

    images: `Images`, with their labels. Raises DataError where nothing is wrong, UsageError for an image that is
    taken for what it is.
    """
    if not isinstance(images, Images):
        raise DataError("images: expected Images with labels, found floats alone. Give pellucid.Images.")
    subject = Subject.of(model)
    probabilities = probabilities_of(subject, images)
    guess = probabilities.argmax(1)
    wrong = np.flatnonzero(guess != images.labels)
    if image is None:
        if not len(wrong):
            raise DataError(f"images: expected a mistake among {len(images):,}, found none. Choose another split.")
        image = int(wrong[probabilities[wrong, guess[wrong]].argmax()])
    elif not 0 <= image < len(images):
        raise UsageError(f"image: expected a number from 0 to {len(images) - 1}, found {image}.")
    elif guess[image] == images.labels[image]:
        raise UsageError(
            f"image: expected a mistake, found image {image}, which is taken for {images.class_names[guess[image]]}, "
            f"as it should. Wrong ones: {', '.join(map(str, wrong[:10]))}."
        )
    x = subject.floats(images.take(np.array([image])))
    info = layer_of(subject, x, layer)
    true, taken = int(images.labels[image]), int(guess[image])
    shares = _shares(subject, x, info.name, taken, true)
    order = np.argsort(-shares, kind="stable")
    chosen = [int(channel) for channel in order[:n]]
    names = images.class_names
    told = f"{names[true]} taken for {names[taken]} ({100 * probabilities[image, taken]:.0f} %)"
    ends = [*chosen, *(int(channel) for channel in order[-n:] if int(channel) not in chosen)]
    displays: list[Display] = [
        ImageGrid(images.pixels[image][None], [f"image {image}"], ["wrong"], title=told),
        Bars(
            [f"channel {channel}" for channel in ends],
            [float(shares[channel]) for channel in ends],
            f"share of logit {names[taken]} - logit {names[true]}",
            title=f"{info.name}: channels for the mistake, and against it",
        ),
        top_patches(subject, images, layer=info.name, channels=tuple(chosen), k=min(k, len(images))),
    ]
    return Page(displays, title=f"Blame: {told}")


def _shares(subject: Subject, x: Tensor, layer: str, taken: int, true: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Activation times gradient of the difference of two logits, summed over places, by channel."""
    found: list[Tensor] = []

    def see(name: str, value: Tensor) -> Tensor | None:
        if name != layer:
            return None
        found.append(value)
        return value.clone()  # what comes after may change it in place

    with subject.quiet(), torch.enable_grad(), watched(subject.module, see):
        logits = forward(subject, x.clone().requires_grad_())
        (slope,) = torch.autograd.grad(logits[0, taken] - logits[0, true], found[0])
    product = by_channel(found[0].detach()) * by_channel(slope)
    shares: np.ndarray[Any, np.dtype[np.float64]] = product[0].double().sum((1, 2)).cpu().numpy()
    return shares

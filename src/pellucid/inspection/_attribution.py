"""From the network's answer, or any neuron's, back to the pixels: what the attributions share.

One row of a batch carries one target: in evaluation mode rows do not meet, so the gradient of the sum of all rows'
targets holds each row's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.displays.maps import Maps
from pellucid.errors import UsageError
from pellucid.images import Images
from pellucid.inspection._layers import check_channel, layer_of
from pellucid.inspection._options import Begin, Others
from pellucid.inspection._rules import Rectifiers
from pellucid.inspection._subject import Subject, by_channel, output_at

Target = int | Sequence[int] | None
Place = tuple[int, int] | Sequence[tuple[int, int]] | None


@dataclass(frozen=True)
class Aim:
    """What is traced back, row by row. layer None: the network's output, whose channels are classes.

    channels: int64, N. places: row and column of the neurons, int64, N 2. words: for captions.
    """

    layer: str | None
    channels: NDArray[np.int64]
    places: NDArray[np.int64]
    words: tuple[str, ...]


def aimed(
    subject: Subject, images: Any, *, target: Target, layer: str | None, channel: Target, place: Place
) -> tuple[Aim, Tensor, Any]:
    """The aim, the floats of its rows, and the images beside them; one image serves many targets.

    target: a class, or one a row; by default the class that each image is taken for. channel: of `layer`, or one a
    row; by default the one with the strongest neuron. place: row and column of the neuron, or one a row; by default
    the channel's strongest in each image.

    Raises UsageError for a layer, channel, class or place that is not there, or numbers that do not go together.
    """
    if layer is None and (channel is not None or place is not None):
        raise UsageError("channel: expected a layer beside it, found none. Name one with layer=.")
    if layer is not None and target is not None:
        raise UsageError(f"target: expected either a class or a neuron of layer {layer}, found both. Leave out one.")
    x = subject.floats(images)
    wanted = target if layer is None else channel
    with subject.quiet(), torch.no_grad():
        values = by_channel(output_at(subject, x, layer))
    info = None if layer is None else layer_of(subject, x, layer)
    if wanted is None:
        chosen = values.flatten(2).amax(2).argmax(1).cpu().numpy().astype(np.int64)
    else:
        chosen = np.atleast_1d(np.asarray(wanted, np.int64))
    for one in chosen:
        if info is not None:
            check_channel(info, int(one))
        elif not 0 <= one < values.shape[1]:
            raise UsageError(f"target: expected a class from 0 to {values.shape[1] - 1}, found {one}.")
    if len(chosen) != len(x) and 1 not in (len(chosen), len(x)):
        raise UsageError(f"target: expected one, or one for each of {len(x)} images, found {len(chosen)}.")
    rows = max(len(x), len(chosen))
    chosen = np.broadcast_to(chosen, (rows,))
    if len(x) != rows:
        x, values = (one.expand(rows, *one.shape[1:]) for one in (x, values))
        images = images.take(np.zeros(rows, np.int64)) if isinstance(images, Images) else x
    if place is None:
        flat = values.flatten(2)[torch.arange(rows), torch.from_numpy(chosen.copy())].argmax(1).cpu().numpy()
        places = np.stack(np.divmod(flat, values.shape[3]), axis=1)
    else:
        places = np.broadcast_to(np.asarray(place, np.int64).reshape(-1, 2), (rows, 2))
        if (places < 0).any() or (places >= np.array(values.shape[2:])).any():
            raise UsageError(
                f"place: expected row and column within {values.shape[2]}x{values.shape[3]} (layer {layer}), found "
                f"{', '.join(map(str, places.max(0)))}."
            )
    words = tuple(_named(images, layer, row, int(one)) for row, one in enumerate(chosen))
    return Aim(layer, chosen, places, words), x, images


def _named(images: Any, layer: str | None, row: int, channel: int) -> str:
    """What is traced, and where it is another class than the image's own, that one too."""
    if layer is not None:
        return f"{layer} {channel}"
    if not isinstance(images, Images) or channel >= len(images.class_names):
        return f"class {channel}"
    name, true = images.class_names[channel], int(images.labels[row])
    return name if true == channel else f"{name} (is {images.class_names[true]})"


def scores(output: Tensor, aim: Aim) -> Tensor:
    """The traced value of each row, N."""
    values = by_channel(output)
    at = torch.from_numpy(np.array(aim.channels)).to(values.device)
    rows = torch.arange(len(values), device=values.device)
    places = torch.from_numpy(np.array(aim.places)).to(values.device)
    return values[rows, at, places[:, 0], places[:, 1]]


def traced(
    subject: Subject,
    x: Tensor,
    aim: Aim,
    *,
    rule: str | None = None,
    others: Others = "refuse",
    seed: Begin = "one",
    batch: int = 128,
) -> Tensor:
    """The signal that comes back to the pixels, N C H W.

    rule: of the rectifiers (None: the gradient's). seed: what begins at the neuron, "one", or "activation": its own
    value, nothing where that is not positive.
    """
    found = []
    for start in range(0, len(x), batch):
        part = slice(start, start + batch)
        own = Aim(aim.layer, aim.channels[part], aim.places[part], aim.words[part])
        leaf = x[part].clone().requires_grad_()
        rules = Rectifiers(rule, others=others) if rule else nullcontext()
        with subject.quiet(), torch.enable_grad():
            with rules:
                value = scores(output_at(subject, leaf, own.layer), own)
            begin = value.detach().clamp(min=0) if seed == "activation" else torch.ones_like(value)
            (signal,) = torch.autograd.grad(value, leaf, begin, allow_unused=True)
        found.append(torch.zeros_like(leaf) if signal is None else signal)
    return torch.cat(found).detach()


def randomised(subject: Subject, *, seed: int = 0) -> Subject:
    """The same network with weights drawn anew, for the twin beside a map; the original is left alone.

    Each tensor of weights is drawn from a normal distribution with its own mean and standard deviation; running
    statistics stay. Source: the full randomisation of Adebayo et al. 2018.
    """
    from copy import deepcopy

    module: nn.Module = deepcopy(subject.module)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in module.parameters():
            if value.numel() > 1:
                noise = torch.randn(value.shape, generator=generator, dtype=torch.float64)
                value.copy_(noise * value.double().std().cpu() + value.double().mean().cpu())
    return Subject(module, subject.scaling)


def similarity(first: NDArray[Any], second: NDArray[Any]) -> list[float]:
    """Spearman's rank correlation of absolute values, map by map: 1 where both rank the pixels alike, 0 by chance."""
    from scipy.stats import spearmanr

    found = []
    for a, b in zip(first, second, strict=True):
        a, b = np.abs(a).ravel(), np.abs(b).ravel()
        found.append(float(spearmanr(a, b).statistic) if np.ptp(a) > 0 and np.ptp(b) > 0 else 0.0)
    return found


def maps(
    subject: Subject,
    images: Any,
    values: Tensor,
    aim: Aim,
    *,
    kind: str,
    name: str,
    title: str,
    twin: Tensor | None = None,
) -> Maps:
    """The display of attributions, one a row of the aim."""
    array = values.detach().cpu().numpy()
    other = None if twin is None else twin.detach().cpu().numpy()
    return Maps(
        array,
        subject.bytes(images),
        kind=kind,
        name=name,
        captions=aim.words,
        title=title,
        twin=other,
        similarity=() if other is None else similarity(array, other),
    )

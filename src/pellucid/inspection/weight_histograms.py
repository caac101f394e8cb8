"""How the weights of each layer are spread."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pellucid.displays.histograms import Histogram, Histograms, Panel
from pellucid.displays.page import Page
from pellucid.errors import UsageError
from pellucid.images import Images
from pellucid.inspection._subject import Subject, forward

Arrays = dict[str, NDArray[np.float64]]


def weight_histograms(
    model: Any, images: Any, *, before: Any = None, gradients: bool = False, bins: int = 60
) -> Page:
    """Histograms of each layer's weights and biases, beside those it began with.

    All parameters, and the fixed filters of layers that do not train theirs, each with its mean and standard
    deviation. before: the same network with other weights, for instance the first, drawn as a line on the same bins.
    gradients: also of the gradient of the cross-entropy, its mean over `images`, by each parameter that is trained,
    in evaluation mode; needs labels. bins: of equal width between the lowest and the highest value, fewer for small
    arrays.

    Source: the histograms of weights and back-propagated gradients of Glorot and Bengio 2010 (glorot2010 in
    docs/bibliography.bib).

    Raises UsageError for another network as `before`, or images without labels where they are needed.
    """
    if not isinstance(bins, int) or bins < 1:
        raise UsageError(f"bins: expected a whole number from 1, found {bins!r}. 60 suits most layers.")
    subject = Subject.of(model)
    arrays = _arrays(subject)
    if not arrays:
        raise UsageError(
            f"model: expected a network with weights, found {type(subject.module).__name__} without. Give another."
        )
    first = None if before is None else _matching(arrays, _arrays(Subject.of(before)))
    panels = []
    for name, values in arrays.items():
        pairs = [("weights" if first is None else "now", values)]
        if first is not None:
            pairs.append(("before", first[name]))
        panels.append(_panel(name, pairs, bins))
    count = sum(values.size for values in arrays.values())
    title = f"Weights of {len(arrays)} arrays, {count:,} values"
    displays = [Histograms(panels, "weight", title=title)]
    if gradients:
        found = _gradients(subject, images)
        title = f"Gradient of the cross-entropy, mean over {len(images):,} images"
        drawn = [_panel(name, [("gradient", values)], bins) for name, values in found.items()]
        displays.append(Histograms(drawn, "gradient of the loss by the weight", title=title))
    return Page(displays, title="Weights" if not gradients else "Weights and gradients")


def _arrays(subject: Subject) -> Arrays:
    """Parameters, and buffers of fixed filters (those of two axes or more), in the network's order."""
    wanted = {name for name, _ in subject.module.named_parameters()}
    wanted |= {
        name for name, value in subject.module.named_buffers() if value.is_floating_point() and value.ndim >= 2
    }
    both = dict(subject.module.named_parameters()) | dict(subject.module.named_buffers())
    order = [name for name in subject.module.state_dict() if name in wanted]
    order += [name for name in both if name in wanted and name not in order]
    return {name: both[name].detach().double().cpu().numpy() for name in order if both[name].numel()}


def _matching(arrays: Arrays, first: Arrays) -> Arrays:
    """`first`, if it has the same names and shapes."""
    other = [name for name in arrays if name not in first or first[name].shape != arrays[name].shape]
    other += [name for name in first if name not in arrays]
    if other:
        name = other[0]
        own, found = (f"{one[name].shape}" if name in one else "none" for one in (arrays, first))
        raise UsageError(
            f"before: expected the same network with other weights, found another: {name} has shape {found} there "
            f"and {own} here ({len(other)} such arrays). Give the network as it was before training."
        )
    return first


def _gradients(subject: Subject, images: Any) -> Arrays:
    """Of the mean cross-entropy over all images, by parameter."""
    if not isinstance(images, Images):
        raise UsageError(
            f"images: expected Images with labels for the gradient of the loss, found {type(images).__name__}. Give "
            "pellucid.images.Images, or leave out gradients."
        )
    trained = {name: value for name, value in subject.module.named_parameters() if value.requires_grad}
    if not trained:
        raise UsageError(
            "model: expected parameters that are trained, found all of them frozen. Call .requires_grad_(True) on "
            "those whose gradient is wanted."
        )
    sums: dict[str, Tensor] = {name: torch.zeros_like(value) for name, value in trained.items()}
    with subject.quiet(), torch.enable_grad():
        for start, x in subject.batches(images):
            output = forward(subject, x)
            if output.ndim != 2 or output.shape[1] < len(images.class_names):
                raise UsageError(
                    f"images: expected a network with logits of the {len(images.class_names)} classes, found an "
                    f"output {' x '.join(map(str, output.shape))}. Give images of the classes it was made for."
                )
            labels = torch.from_numpy(np.array(images.labels[start : start + len(x)])).to(output.device)
            loss = functional.cross_entropy(output, labels, reduction="sum")
            found = torch.autograd.grad(loss, list(trained.values()), allow_unused=True)
            for name, value in zip(trained, found, strict=True):
                if value is not None:
                    sums[name] += value
    return {name: value.double().cpu().numpy() / len(images) for name, value in sums.items()}


def _panel(name: str, pairs: Sequence[tuple[str, NDArray[np.float64]]], bins: int) -> Panel:
    """The arrays on common bins."""
    finite = [(word, values[np.isfinite(values)]) for word, values in pairs]
    both = np.concatenate([values for _, values in finite])
    edges = _edges(both, min(bins, max(8, math.ceil(2 * math.sqrt(pairs[0][1].size)))))
    drawn, notes = [], []
    for (word, values), (_, whole) in zip(finite, pairs, strict=True):
        drawn.append(Histogram(word, edges.tolist(), np.histogram(values, edges)[0].tolist()))
        told = f"mean {values.mean():.2g}, std {values.std():.2g}" if values.size else "nothing finite"
        told += f", {whole.size - values.size:,} not finite" if 0 < values.size < whole.size else ""
        notes.append(f"{word}: {told}" if len(pairs) > 1 else told)
    return Panel(f"{name} ({'x'.join(map(str, pairs[0][1].shape)) or '1'})", drawn, notes)


def _edges(values: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """Of equal bins from the lowest to the highest value; around it where there is only one."""
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if not high > low:
        half = abs(low) / 2 or 0.5
        low, high = low - half, low + half
    return np.linspace(low, high, bins + 1)

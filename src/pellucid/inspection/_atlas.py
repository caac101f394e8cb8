"""Every channel of every layer at once: one pass over the images, then one batched backward pass a layer.

The pass keeps, for each channel, the strongest and the weakest images, moments and how channels go together, merged
batch by batch; no map is kept, and memory does not grow with the number of images. Then each row of a batch carries
one channel and one of its strongest images: one forward pass to the layer serves deconvnet and guided
backpropagation, since in evaluation mode rows do not meet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.images import Images
from pellucid.inspection._layers import LayerInfo, layers
from pellucid.inspection._rules import Rectifiers
from pellucid.inspection._strongest import selectivity
from pellucid.inspection._subject import BATCH, Subject, by_channel, forward, output_at, watched

Arrays = dict[str, NDArray[Any]]
#: Shares of all images between whose peaks a channel's examples are spread, from weak to strong.
QUANTILES = (0.5, 0.75, 0.9, 0.99)
#: Images whose peaks are kept for these examples.
SAMPLE = 2_000
#: Channels named as nearest.
NEAREST = 5
#: Rows of a batch of projections.
ROWS = 64
#: Images between two states of the pass.
STATE_EVERY = 10_000
RULES = ("deconvnet", "guided")


@dataclass(frozen=True, eq=False)
class LayerAtlas:
    """What is known of each of a layer's C channels; a channel's peak is its strongest neuron in an image.

    value, image, place: the k strongest, C x k (float32, int64) and C x k x 2 (row and column). low_value, low_image:
    the k images of the lowest peaks. at_quantile: images at `QUANTILES` of the peaks, C x 4. class_means: mean peak
    of each class, negative peaks counted as zero, C x classes, NaN without images. mean, std, low, high, active
    (share of values above zero): over images and places, C. nearest, likeness: the channels whose peaks go together
    most over images and their correlations, C x 5, -1 where there are no more. deconvnet, guided: int8 C x k x
    channels x height x width within the receptive field, each times its `*_scale`, C x k, over 127.
    """

    layer: LayerInfo
    arrays: Arrays

    def __getattr__(self, name: str) -> NDArray[Any]:
        try:
            return self.arrays[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def dead(self) -> NDArray[np.bool_]:
        """Channels that have one value on all images."""
        found: NDArray[np.bool_] = self.arrays["low"] == self.arrays["high"]
        return found

    @property
    def best_class(self) -> NDArray[np.int64]:
        """The class of the highest mean peak; -1 without labels."""
        means = self.arrays["class_means"]
        if not means.shape[1]:
            return np.full(len(means), -1)
        found: NDArray[np.int64] = np.nan_to_num(means, nan=-1).argmax(1).astype(np.int64)
        return found

    @property
    def selectivity(self) -> NDArray[np.float64]:
        """(best class mean - mean of the others) / their sum; NaN where there is nothing to compare."""
        return selectivity(self.arrays["class_means"])

    def projection(self, rule: str, channel: int, rank: int) -> NDArray[np.float32]:
        """Channels x height x width of the deconvnet or guided map of one of the strongest neurons."""
        scale = self.arrays[f"{rule}_scale"][channel, rank]
        found: NDArray[np.float32] = self.arrays[rule][channel, rank].astype(np.float32) * np.float32(scale / 127)
        return found


class _Pass:
    """The merged state of one layer during the pass over the images."""

    def __init__(self, layer: LayerInfo, k: int, classes: int, images: int) -> None:
        channels = layer.shape[0]
        self.layer, self.k, self.places = layer, k, layer.shape[1] * layer.shape[2]
        self.step = max(1, -(-images // SAMPLE))
        kept = -(-images // self.step)
        # written in place: what outlives a batch would be put among its large blocks, and the heap would grow
        self.state: dict[str, Tensor] = {
            "count": torch.zeros((), dtype=torch.int64),
            "value": torch.full((channels, k), float("-inf")),
            "image": torch.full((channels, k), -1),
            "low_value": torch.full((channels, k), float("inf")),
            "low_image": torch.full((channels, k), -1),
            "sums": torch.zeros(channels, classes, dtype=torch.float64),
            "mean": torch.zeros(channels, dtype=torch.float64),
            "squares": torch.zeros(channels, dtype=torch.float64),
            "low": torch.full((channels,), float("inf")),
            "high": torch.full((channels,), float("-inf")),
            "active": torch.zeros(channels, dtype=torch.int64),
            "peak_mean": torch.zeros(channels, dtype=torch.float64),
            "peak_products": torch.zeros(channels, channels, dtype=torch.float64),
            "sample": torch.zeros(kept, channels),
            "sample_image": torch.zeros(kept, dtype=torch.int64),
        }

    def add(self, values: Tensor, first: int, labels: Tensor | None) -> None:
        """A batch N C H W whose first image has the number `first`."""
        s, n = self.state, len(values)
        flat = values.permute(0, 2, 3, 1).flatten(1, 2)  # N places C: with channels last in memory, sums are quick
        peaks = flat.amax(1).float().cpu()
        image = torch.arange(first, first + n)
        for name, descending in (("", True), ("low_", False)):
            joined = torch.cat([s[f"{name}value"], peaks.T], 1)
            images = torch.cat([s[f"{name}image"], image.expand(len(joined), n)], 1)
            # stable: of equal peaks the image with the lower number, which was seen earlier, stays before
            kept, order = joined.sort(stable=True, dim=1, descending=descending)
            s[f"{name}value"].copy_(kept[:, : self.k])
            s[f"{name}image"].copy_(images.gather(1, order[:, : self.k]))
        if labels is not None:
            s["sums"].index_add_(1, labels, peaks.T.double().clamp(min=0))
        whole = int(s["count"]) + n
        share = int(s["count"]) * n / whole
        # by image in the values' own precision, over images in float64; torch.var_mean takes ten times as long
        mean = flat.sum(1).double().sum(0) / (n * self.places)
        centred = flat - mean.to(flat.dtype)
        squares = centred.mul_(centred).sum(1).double().sum(0)
        shift = mean.cpu() - s["mean"]
        s["mean"] += shift * (n / whole)
        s["squares"] += squares.cpu() + shift**2 * (share * self.places)
        torch.minimum(s["low"], flat.amin(1).amin(0).float().cpu(), out=s["low"])
        torch.maximum(s["high"], peaks.amax(0), out=s["high"])
        s["active"] += flat.gt(0).float().sum(1).double().sum(0).long().cpu()
        own = peaks.double()
        shift = own.mean(0) - s["peak_mean"]
        centred = own - own.mean(0)
        s["peak_mean"] += shift * (n / whole)
        s["peak_products"] += centred.T @ centred + torch.outer(shift, shift) * share
        chosen = slice(-first % self.step, None, self.step)
        places = image[chosen] // self.step
        s["sample"][places], s["sample_image"][places] = peaks[chosen], image[chosen]
        s["count"] += n

    def result(self, counts: NDArray[np.int64]) -> Arrays:
        s = {name: value.numpy() for name, value in self.state.items()}
        total = int(s["count"]) * self.places
        scale = np.sqrt(np.diag(s["peak_products"]))
        with np.errstate(invalid="ignore", divide="ignore"):
            likeness = s["peak_products"] / np.outer(scale, scale)
            means = s["sums"] / counts
        np.fill_diagonal(likeness, -np.inf)
        likeness = np.nan_to_num(likeness, nan=-np.inf, neginf=-np.inf)
        nearest = np.argsort(-likeness, axis=1, kind="stable")[:, :NEAREST]
        near = np.take_along_axis(likeness, nearest, 1)
        order = np.argsort(s["sample"], axis=0, kind="stable")
        at = np.rint(np.array(QUANTILES) * (len(order) - 1)).astype(np.int64)
        return {
            "value": s["value"],
            "image": s["image"],
            "low_value": s["low_value"],
            "low_image": s["low_image"],
            "at_quantile": s["sample_image"][order[at]].T.copy(),
            "class_means": means,
            "mean": s["mean"],
            "std": np.sqrt(s["squares"] / total),
            "low": s["low"],
            "high": s["high"],
            "active": s["active"] / total,
            "nearest": np.where(np.isfinite(near), nearest, -1),
            "likeness": np.where(np.isfinite(near), near, 0.0),
        }


@dataclass(frozen=True)
class Keeper:
    """Where an atlas is kept while it is made: `keep(name, arrays)`, `kept(name)`, None for nothing, and `forget`."""

    keep: Callable[[str, Arrays], None] = lambda name, arrays: None
    kept: Callable[[str], Arrays | None] = lambda name: None
    forget: Callable[[str], None] = lambda name: None


def wanted_layers(subject: Subject, images: Any) -> list[LayerInfo]:
    """The layers of an atlas: convolutions, dense and recurrent ones, which have filters of their own."""
    first = next(subject.batches(images, 1))[1]
    own = dict(subject.module.named_modules())
    found = []
    for one in layers(subject, first):
        part = own[one.name.partition("#")[0]]
        weighted = any(value.ndim >= 2 for value in part.parameters(recurse=False))
        if weighted or one.kind == "Whitening":
            found.append(one)
    return found


def atlas(
    subject: Subject,
    images: Any,
    *,
    k: int,
    only: Sequence[str] = (),
    keeper: Keeper = Keeper(),
    told: Callable[[str, int, int], None] = lambda what, done, of: None,
    batch: int = BATCH,
) -> list[LayerAtlas]:
    """The atlas of all `wanted_layers`, or of those called `only`; what `keeper` has is not computed again.

    told: called with what is being done, how much of it is done, and of how much.
    """
    wanted = [one for one in wanted_layers(subject, images) if not only or one.name in only]
    passes = _passed(subject, images, wanted, k, keeper, told, batch)
    found = []
    for done, one in enumerate(wanted):
        told("layers", done, len(wanted))
        arrays = keeper.kept(one.name)
        if arrays is None:
            arrays = passes()[one.name]
            arrays |= _projected(subject, images, one, arrays["image"])
            keeper.keep(one.name, arrays)
        found.append(LayerAtlas(one, arrays))
    told("layers", len(wanted), len(wanted))
    keeper.forget("pass")
    return found


def _passed(
    subject: Subject,
    images: Any,
    wanted: Sequence[LayerInfo],
    k: int,
    keeper: Keeper,
    told: Callable[[str, int, int], None],
    batch: int,
) -> Callable[[], dict[str, Arrays]]:
    """The pass over the images, made when it is first asked for."""
    results: dict[str, Arrays] = {}

    def passed() -> dict[str, Arrays]:
        if not results:
            labelled = isinstance(images, Images)
            counts = images.class_counts() if labelled else np.zeros(0, np.int64)
            states = {one.name: _Pass(one, k, len(counts), len(images)) for one in wanted}
            start = _restored(states, keeper.kept("pass"))
            at, labels = start, None

            def see(name: str, value: Tensor) -> None:
                if name in states:
                    states[name].add(by_channel(value), at, labels)

            rest = images.take(np.arange(start, len(images))) if labelled else images[start:]
            with subject.quiet(), torch.inference_mode(), watched(subject.module, see):
                for first, x in subject.batches(rest, batch) if len(rest) else ():
                    at = start + first
                    told("images", at, len(images))
                    labels = torch.from_numpy(images.labels[at : at + len(x)].copy()) if labelled else None
                    forward(subject, x)
                    done = at + len(x)
                    if done // STATE_EVERY > at // STATE_EVERY:
                        keeper.keep("pass", _state(states))
            told("images", len(images), len(images))
            keeper.keep("pass", _state(states))
            results.update({name: state.result(counts) for name, state in states.items()})
        return results

    return passed


def _state(states: dict[str, _Pass]) -> Arrays:
    return {
        f"{name}/{key}": value.contiguous().numpy().copy()
        for name, one in states.items()
        for key, value in one.state.items()
    }


def _restored(states: dict[str, _Pass], kept: Arrays | None) -> int:
    """Takes back a state of the pass; how many images it had seen."""
    if kept is None:
        return 0
    for name, one in states.items():
        for key in one.state:
            one.state[key].copy_(torch.from_numpy(np.array(kept[f"{name}/{key}"])))
    return int(next(iter(states.values())).state["count"])


def _projected(subject: Subject, images: Any, layer: LayerInfo, chosen: NDArray[np.int64]) -> Arrays:
    """Places and projections of the neurons in the images `chosen`, C x k, of each channel."""
    channels, k = chosen.shape
    _, depth, height, width = next(subject.batches(images, 1))[1].shape
    field = layer.field
    within = field is not None and field.height.size <= height and field.width.size <= width
    size = (field.height.size, field.width.size) if field is not None and within else (height, width)
    place = np.zeros((channels * k, 2), np.int64)
    maps = {rule: np.zeros((channels * k, depth, *size), np.int8) for rule in RULES}
    scales = {rule: np.zeros(channels * k, np.float32) for rule in RULES}
    rows, units = chosen.reshape(-1), np.repeat(np.arange(channels), k)
    for start in range(0, len(rows), ROWS):
        part = slice(start, start + ROWS)
        x = subject.floats(images.take(rows[part]) if isinstance(images, Images) else images[rows[part]])
        found, signals = _signals(subject, x, layer, units[part])
        place[part] = found
        for rule, signal in signals.items():
            cut = _cut(signal, layer, found, size) if within else signal
            scale = np.abs(cut).max((1, 2, 3))
            scales[rule][part] = scale
            shown = cut * (127 / np.where(scale > 0, scale, 1))[:, None, None, None]
            maps[rule][part] = np.rint(shown).astype(np.int8)
    arrays: Arrays = {"place": place.reshape(channels, k, 2)}
    for rule in RULES:
        arrays[rule] = maps[rule].reshape(channels, k, depth, *size)
        arrays[f"{rule}_scale"] = scales[rule].reshape(channels, k)
    return arrays


def _signals(
    subject: Subject, x: Tensor, layer: LayerInfo, units: NDArray[np.int64]
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float32]]]:
    """Place of each row's unit, and what comes back from it by each rule, from one forward pass."""
    leaf = x.clone().requires_grad_()
    rules = Rectifiers(RULES[0], others="gradient")
    with subject.quiet(), torch.enable_grad():
        with rules:
            values = by_channel(output_at(subject, leaf, layer.name))
        row = torch.arange(len(x), device=values.device)
        flat = values.flatten(2)[row, torch.from_numpy(units).to(values.device)]
        at = flat.detach().float().argmax(1)
        neuron = flat[row, at]
        signals = {}
        for rule in RULES:
            rules.rule = rule
            begin = neuron.detach().clamp(min=0) if rule == "deconvnet" else torch.ones_like(neuron)
            (signal,) = torch.autograd.grad(neuron, leaf, begin, retain_graph=rule != RULES[-1])
            signals[rule] = signal.float().cpu().numpy()
    return np.stack(np.divmod(at.cpu().numpy(), values.shape[3]), axis=1), signals


def _cut(
    signal: NDArray[np.float32], layer: LayerInfo, places: NDArray[np.int64], size: tuple[int, int]
) -> NDArray[np.float32]:
    """The receptive field of each row's neuron, zero outside the image: N C height width."""
    assert layer.field is not None
    n, depth, height, width = signal.shape
    top = layer.field.height.start + places[:, 0] * layer.field.height.stride
    left = layer.field.width.start + places[:, 1] * layer.field.width.stride
    rows, columns = top[:, None] + np.arange(size[0]), left[:, None] + np.arange(size[1])
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    picked = signal[
        np.arange(n)[:, None, None, None],
        np.arange(depth)[None, :, None, None],
        rows.clip(0, height - 1)[:, None, :, None],
        columns.clip(0, width - 1)[:, None, None, :],
    ]
    found: NDArray[np.float32] = np.where(inside[:, None], picked, np.float32(0))
    return found

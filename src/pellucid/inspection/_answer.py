"""One picture through a network: its probabilities and every layer's maps, as bytes, fast enough to follow a hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.images import Images
from pellucid.inspection._layers import IDLE, LayerInfo, layers
from pellucid.inspection._subject import Subject, by_channel, forward, watched


@dataclass(frozen=True, eq=False)
class LayerMaps:
    """What one layer made of the picture. steps: uint8 channels x rows x columns, of `channels` alone.

    signed: whether there is a value below zero. A step q stands for ``(q - 128) / 127 * bound`` if so, else for
    ``q / 255 * bound``; bound is the largest absolute value that is finite.
    """

    layer: LayerInfo
    channels: NDArray[np.int64]
    steps: NDArray[np.uint8]
    bound: float
    signed: bool

    def values(self) -> NDArray[np.float64]:
        """The maps in the network's units, to within half a step."""
        steps = self.steps.astype(np.float64)
        return ((steps - 128) / 127 if self.signed else steps / 255) * self.bound


@dataclass(frozen=True, eq=False)
class Answer:
    """logits, probabilities: float64, one a class. maps: layer by layer, in the network's order."""

    logits: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    maps: Sequence[LayerMaps]


class Responder:
    """A network held ready for one picture after another, from any thread: one is computed at a time.

    shape: height, width, channels of the pictures. layers: those whose maps are told; `IDLE` ones repeat the layer
    before them and are left out.
    """

    def __init__(self, model: Any, shape: tuple[int, int, int]) -> None:
        self.subject, self.shape = Subject.of(model), shape
        blank = Images(np.zeros((1, *shape), np.uint8), np.zeros(1, np.int64), ("",))
        self.layers = [one for one in layers(self.subject, blank) if one.kind not in IDLE]
        self.lock = Lock()

    def floats(self, pixels: NDArray[np.uint8]) -> Tensor:
        """What the network sees of one picture, uint8 H W C: 1 C H W."""
        return self.subject.floats(Images(pixels[None], np.zeros(1, np.int64), ("",)))

    def answer(self, pixels: NDArray[np.uint8], *, most: int = 64, whole: Sequence[str] = ()) -> Answer:
        """The answer to one picture, uint8 H W C.

        most: channels told of a layer with maps, spread evenly over them; of the layers called `whole`, and of
        vectors and sequences, all are told.
        """
        known = {one.name: one for one in self.layers}
        found: list[tuple[LayerInfo, Tensor]] = []

        def see(name: str, value: Tensor) -> None:
            if name in known:
                found.append((known[name], by_channel(value)[0].clone()))  # the next layer may work in place

        x = self.floats(pixels)
        with self.lock, self.subject.quiet(), torch.inference_mode(), watched(self.subject.module, see):
            logits = forward(self.subject, x)[0].double().cpu()
        maps = [_quantised(layer, value.float().cpu().numpy(), most, layer.name in whole) for layer, value in found]
        return Answer(logits.numpy(), logits.softmax(0).numpy(), maps)


def told_channels(layer: LayerInfo, most: int) -> NDArray[np.int64]:
    """At most `most` channels of a layer with maps, spread evenly; all of a vector or a sequence."""
    count = layer.shape[0]
    if layer.rank < 4 or count <= most:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, most).round().astype(np.int64))


def _quantised(layer: LayerInfo, values: NDArray[np.float32], most: int, whole: bool) -> LayerMaps:
    bound = float(np.abs(values, where=np.isfinite(values), out=np.zeros_like(values)).max(initial=0))  # the layer's
    signed = bool((values < 0).any())
    channels = told_channels(layer, layer.shape[0] if whole else most)
    shares = np.nan_to_num(values[channels], nan=0.0, posinf=bound, neginf=-bound) / (bound or 1.0)
    steps = np.rint(shares * 127 + 128 if signed else shares * 255).astype(np.uint8)
    return LayerMaps(layer, channels, np.ascontiguousarray(steps), bound, signed)

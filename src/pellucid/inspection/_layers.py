"""The layers of a network as one forward pass meets them: names, shapes, receptive fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.errors import UsageError
from pellucid.inspection._fields import Fields, Known
from pellucid.inspection._subject import Subject, by_channel, forward, watched
from pellucid.spec.receptive_field import ReceptiveField

#: Kinds of module that give the same values again while nothing is trained.
IDLE = ("Flatten", "Unflatten", "Identity", "Dropout", "Dropout1d", "Dropout2d", "AlphaDropout")


@dataclass(frozen=True)
class LayerInfo:
    """One call of a module. shape: channels, height, width of its output, as `by_channel` reads it.

    field: the receptive field of its neurons; None where they see the whole image. rank: number of axes of the
    output, 2 for vectors, 3 for sequences, 4 for maps.
    """

    name: str
    kind: str
    shape: tuple[int, int, int]
    field: ReceptiveField | None
    rank: int

    @property
    def shape_text(self) -> str:
        """96x8x8, or 84 for a vector."""
        return "x".join(map(str, self.shape[: 1 if self.rank == 2 else 2 if self.rank == 3 else 3]))

    def window(
        self, place: NDArray[np.int64], height: int, width: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]] | None:
        """What the neuron at `place` (row, column) sees of an image: rows R 1, columns C, and which lie inside, R C.

        Rows and columns outside the image are moved to its border. None where it sees all of it, or more.
        """
        if self.field is None or self.field.height.size > height or self.field.width.size > width:
            return None
        (top, bottom), (left, right) = self.field.height.pixels(int(place[0])), self.field.width.pixels(int(place[1]))
        rows, columns = np.arange(top, bottom + 1)[:, None], np.arange(left, right + 1)
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        return rows.clip(0, height - 1), columns.clip(0, width - 1), inside


def layers(model: Any, images: Any) -> list[LayerInfo]:
    """Every call of a module that gives floats, in the order in which they end; `images`: one or more, N C H W.

    A container whose output is its last module's is left out.
    """
    subject = Subject.of(model)
    x = subject.floats(images)[:1].clone()
    calls: list[tuple[str, Tensor, Known]] = []
    kinds = {name: type(part).__name__ for name, part in subject.module.named_modules()}
    fields = Fields(x)

    def see(name: str, value: Tensor) -> None:
        # an in-place layer's output is the tensor of the layer before it: both are layers; a container's is not
        if not calls or calls[-1][1] is not value or not _holds(subject.module, name, calls[-1][0]):
            calls.append((name, value, fields.of(value)))

    with subject.quiet(), torch.no_grad(), watched(subject.module, see), fields:
        forward(subject, x)
    found = []
    for name, value, known in calls:
        shape = by_channel(value).shape
        field = known.field if known.axes == (2, 3) and value.ndim == 4 else None
        found.append(
            LayerInfo(
                name, kinds[name.partition("#")[0]], (int(shape[1]), int(shape[2]), int(shape[3])), field, value.ndim
            )
        )
    return found


def _holds(module: nn.Module, outer: str, inner: str) -> bool:
    """Whether the module called `outer` has the one called `inner` inside."""
    return inner.partition("#")[0].startswith(f"{outer.partition('#')[0]}.")


def layer_of(model: Any, images: Any, name: str | None) -> LayerInfo:
    """The layer called `name`; None takes the last one that gives maps.

    Raises UsageError naming the layers where there is no such one.
    """
    from pellucid.errors import unknown_name

    found = layers(model, images)
    if name is None:
        maps = [one for one in found if one.rank == 4 and one.kind == "Conv2d"] or [
            one for one in found if one.rank == 4
        ]
        if not maps:
            raise UsageError(
                "layer: expected a network with convolutional layers, found "
                f"{', '.join(f'{one.name} ({one.shape_text})' for one in found[:8])}. Name one of these layers."
            )
        return maps[-1]
    for one in found:
        if one.name == name:
            return one
    raise unknown_name("layer", name, [f"{one.name} ({one.shape_text})" for one in found])


def check_channel(layer: LayerInfo, channel: int) -> int:
    """Raises UsageError for a channel that the layer does not have."""
    if not 0 <= channel < layer.shape[0]:
        raise UsageError(
            f"channel: expected 0 to {layer.shape[0] - 1} (layer {layer.name}, {layer.shape_text}), found {channel}."
        )
    return channel

"""How a channel came to be what it is: its strongest picture and the deconvnet of it, over training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.displays.colours import around_gray
from pellucid.displays.curves import Curves, Series
from pellucid.displays.display import Display
from pellucid.displays.image_grid import ImageGrid
from pellucid.displays.page import Page
from pellucid.errors import UsageError
from pellucid.images import Images
from pellucid.inspection._layers import LayerInfo, check_channel, layer_of
from pellucid.inspection._options import Others
from pellucid.inspection._strongest import Strongest, strongest
from pellucid.inspection._subject import Subject, spread
from pellucid.inspection.deconvnet import deconvnet
from pellucid.inspection.top_patches import patch

#: Channels shown where none are named, and moments of the training that are drawn at most.
SHOWN, MOMENTS = 6, 8


@dataclass(frozen=True)
class EvolutionPage(Page):
    """By moment of the training: value, image and place of each channel's strongest neuron, moments x channels."""

    epochs: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()
    values: NDArray[np.float64] | None = None
    images: NDArray[np.int64] | None = None
    places: NDArray[np.int64] | None = None
    changed: NDArray[np.float64] | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "epochs": list(self.epochs),
            "channels": list(self.channels),
            "values": self.values,
            "images": self.images,
            "places": self.places,
            "changed": self.changed,
        }


def evolution(
    model: Any,
    images: Any,
    *,
    snapshots: Sequence[tuple[int, Any]],
    layer: str | None = None,
    channels: Sequence[int] = (),
    others: Others = "gradient",
) -> EvolutionPage:
    """The strongest picture of a channel and its deconvnet, after each epoch of the training that was kept.

    For each moment the neuron that answers most strongly among all images is found anew, and its value taken back to
    the pixels of its patch: a sudden change of the picture is a change of the image behind it. At most eight moments
    are drawn, closer together at the beginning; the curves have all. Share of changed pictures: of all channels,
    those whose strongest image is another than at the moment before.

    snapshots: (epoch, network), in order, 0 for the first weights; of a run, those that `train --checkpoints` kept,
    else the first and the best. model: is only asked for its layers. layer: by default the last convolution.
    channels: two rows each; by default the first six. others: as in `deconvnet`.

    Source: Zeiler and Fergus 2014, figure 4 (zeiler2014 in docs/bibliography.bib).

    Raises UsageError for fewer than two snapshots.
    """
    if len(snapshots) < 2:
        raise UsageError(
            f"snapshots: expected two or more moments of the training, found {len(snapshots)}. Train with "
            "--checkpoints, or give (epoch, network) pairs."
        )
    subject = Subject.of(model)
    info = layer_of(subject, next(subject.batches(images, 1))[1], layer)
    shown = [check_channel(info, one) for one in channels] or list(range(min(SHOWN, info.shape[0])))
    moments = [(int(epoch), Subject.of(one)) for epoch, one in snapshots]
    found: list[Strongest] = []
    for _, one in moments:
        (best,) = strongest(one, images, k=1, wanted=(info.name,))
        found.append(best)
    epochs = tuple(epoch for epoch, _ in moments)
    few = spread(len(moments), MOMENTS)
    pixels = subject.bytes(images)
    patches: list[list[NDArray[np.uint8]]] = [[] for _ in shown]
    signals: list[list[NDArray[np.floating]]] = [[] for _ in shown]
    for k in few:
        best = found[k]
        rows = best.image[shown, 0]
        chosen = images.take(rows) if isinstance(images, Images) else images[rows]
        back = deconvnet(
            moments[k][1],
            chosen,
            layer=info.name,
            channel=shown,
            place=[tuple(one) for one in best.place[shown, 0].tolist()],
            others=others,
        ).array
        for row, channel in enumerate(shown):
            place = best.place[channel, 0]
            patches[row].append(patch(pixels[best.image[channel, 0]], info, place))
            signals[row].append(_cut(back[row], info, place))
    cells, captions, names = [], [], []
    for row, channel in enumerate(shown):
        names += [f"{channel}", "deconvnet"]
        bound = max(float(np.abs(one).max(initial=0)) for one in signals[row])
        cells += [one if one.shape[2] == 3 else one.repeat(3, axis=2) for one in patches[row]]
        captions += [f"epoch {epochs[k]}: {found[k].value[channel, 0]:.2g}" for k in few]
        for signal in signals[row]:
            drawn = around_gray(signal.transpose(1, 2, 0), bound)
            cells.append(drawn if drawn.shape[2] == 3 else drawn[..., :1].repeat(3, axis=2))
        captions += [f"±{bound:.2g}"] + [""] * (len(few) - 1)
    values = np.array([one.value[:, 0] for one in found], np.float64)
    taken = np.array([one.image[:, 0] for one in found], np.int64)
    places = np.array([one.place[:, 0] for one in found], np.int64)
    changed = (taken[1:] != taken[:-1]).mean(1)
    at = [float(epoch) for epoch in epochs]
    title = f"{info.name} ({info.shape_text}): strongest patch and its deconvnet, one scale a channel"
    displays: list[Display] = [
        ImageGrid(np.stack(cells), captions, columns=len(few), row_names=names, title=title),
        Page(
            [
                Curves(
                    [Series(f"channel {channel}", at, values[:, channel].tolist()) for channel in shown[:7]],
                    "epoch",
                    "activation",
                    title="Value of the strongest neuron",
                ),
                Curves(
                    [Series("all channels", at[1:], changed.tolist())],
                    "epoch",
                    "share",
                    title="Channels whose strongest image changed",
                    percent=True,
                ),
            ],
            columns=2,
        ),
    ]
    return EvolutionPage(
        displays,
        title=f"Evolution of {info.name} over {len(moments)} moments of the training",
        epochs=epochs,
        channels=tuple(shown),
        values=values[:, shown],
        images=taken[:, shown],
        places=places[:, shown],
        changed=changed,
    )


def _cut(signal: NDArray[np.floating], info: LayerInfo, place: NDArray[np.int64]) -> NDArray[np.floating]:
    """The signal C H W within the neuron's patch, zero outside the image; whole where the patch is."""
    window = info.window(place, *signal.shape[1:])
    return signal if window is None else np.where(window[2], signal[:, window[0], window[1]], 0)

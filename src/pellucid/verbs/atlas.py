"""The atlas of a run: every channel of every layer, made once, kept in the run's folder, then opened at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.displays.colours import around_gray
from pellucid.displays.image_grid import ImageGrid
from pellucid.displays.table import Table
from pellucid.errors import DataError, UsageError, unknown_name
from pellucid.images import Images
from pellucid.verbs.run import Run

if TYPE_CHECKING:
    from pellucid.inspection._atlas import Keeper


@dataclass(frozen=True, eq=False)
class Atlas:
    """layers: what is known of each layer's channels, `LayerAtlas` by name. images: those it was made from."""

    run: Run
    split: str
    images: Images
    layers: dict[str, Any]

    def table(self) -> Table:
        """One row a layer."""
        rows = []
        for name, one in self.layers.items():
            selective = one.selectivity
            rows.append(
                (
                    name,
                    one.layer.shape_text,
                    str(one.layer.field or "all"),
                    int(one.dead.sum()),
                    f"{100 * float(one.active.mean()):.1f} %",
                    None if np.isnan(selective).all() else float(np.nanmedian(selective)),
                )
            )
        return Table(("layer", "shape", "a neuron sees", "dead channels", "above zero", "median selectivity"), rows)

    def channels(self, layer: str, channels: Sequence[int] = ()) -> ImageGrid:
        """A row of tiles a channel: its strongest patches, then their deconvnet, then guided backpropagation.

        Raises UsageError for a layer or channel that is not there.
        """
        from pellucid.inspection._layers import check_channel
        from pellucid.inspection.top_patches import patch

        if layer not in self.layers:
            raise unknown_name("layer", layer, self.layers)
        one = self.layers[layer]
        shown = [check_channel(one.layer, k) for k in channels] or list(range(one.layer.shape[0]))
        k = one.value.shape[1]
        cells: list[NDArray[np.uint8]] = []
        rows = []
        for channel in shown:
            if one.dead[channel] or one.value[channel, 0] <= 0:
                rows.append(f"{channel}  {'dead' if one.dead[channel] else 'silent'}")
            else:
                best = int(one.best_class[channel])
                rows.append(f"{channel}  {self.images.class_names[best]} {one.selectivity[channel]:.2f}")
            cells += [
                _colour(patch(self.images.pixels[one.image[channel, rank]], one.layer, one.place[channel, rank]))
                for rank in range(k)
            ]
            for rule in ("deconvnet", "guided"):
                for rank in range(k):
                    signal = one.projection(rule, channel, rank).transpose(1, 2, 0)
                    cells.append(_colour(around_gray(signal, float(np.abs(signal).max(initial=0)))))
        title = f"{layer} ({one.layer.shape_text}): the {k} strongest patches of each channel, deconvnet, guided"
        return ImageGrid(np.stack(cells), columns=3 * k, row_names=rows, title=title)


def _digest(weights: dict[str, NDArray[Any]]) -> str:
    """Of names and numbers."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(weights[name]).tobytes())
    return digest.hexdigest()


def _colour(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """H W 3."""
    return picture if picture.shape[2] == 3 else picture[..., :1].repeat(3, axis=2)


def atlas(
    run: Run,
    *,
    split: str = "train",
    k: int = 9,
    weights: str = "best",
    told: Callable[[str, int, int], None] = lambda what, done, of: None,
) -> Atlas:
    """The atlas of a run's network over a split: made, gone on with where it was interrupted, or opened.

    For every channel of every convolution, dense and recurrent layer: the k strongest images, the weakest and some
    between, their deconvnet and guided backpropagation, moments, class selectivity and nearest channels. Networks
    with other activations than ReLU go back by their true derivative there. Kept in ``atlas/`` of the run's folder.

    Raises UsageError for a k larger than the number of images, DataError for an empty split.
    """
    from pellucid.engines.engine import engine
    from pellucid.inspection._atlas import atlas as made
    from pellucid.inspection._subject import Subject

    images = run.images(split)
    if not len(images):
        raise DataError(f"{run.id}: expected images in the split {split}, found none. Choose another split.")
    if not 1 <= k <= len(images):
        raise UsageError(f"k: expected 1 to {len(images):,}, the number of images, found {k}.")
    keeper = _keeper(run, images, split, k, weights)
    with engine("pytorch").threads(run.spec.threads):
        found = made(Subject.of(run.inspected(weights=weights)), images, k=k, keeper=keeper, told=told)
    return Atlas(run, split, images, {one.layer.name: one for one in found})


def kept_atlas(run: Run, *, split: str = "train", k: int = 9, weights: str = "best") -> Atlas | None:
    """The atlas as `atlas` has made and kept it; None where there is none, or not all of it."""
    from pellucid.inspection._atlas import LayerAtlas, wanted_layers
    from pellucid.inspection._subject import Subject

    images = run.images(split)
    if not len(images):
        return None
    kept = _keeper(run, images, split, k, weights).kept
    layers = {}
    for one in wanted_layers(Subject.of(run.inspected(weights=weights)), images):
        arrays = kept(one.name)
        if arrays is None:
            return None
        layers[one.name] = LayerAtlas(one, arrays)
    return Atlas(run, split, images, layers)


def _keeper(run: Run, images: Images, split: str, k: int, weights: str) -> Keeper:
    """Where the atlas of this question is kept: other weights, images or k are another atlas."""
    from pellucid.inspection._atlas import Keeper

    folder = run.folder
    question = [split, k, weights, images.fingerprint(), _digest(folder.load_weights(weights))]
    place = f"atlas/{split}-{hashlib.sha256(json.dumps(question).encode()).hexdigest()[:8]}"
    return Keeper(
        keep=lambda name, arrays: folder.save_arrays(f"{place}/{name}.safetensors", arrays),
        kept=lambda name: folder.load_arrays(f"{place}/{name}.safetensors"),
        forget=lambda name: folder.delete_file(f"{place}/{name}.safetensors"),
    )

"""What the weights and the layers show: everything here is computed anew from the weights and the images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from pellucid.displays.display import Display
from pellucid.engines.engine import engine
from pellucid.images import Images
from pellucid.report.section import Section
from pellucid.verbs.atlas import atlas
from pellucid.verbs.look import layer_table, look
from pellucid.verbs.run import Run

#: Images over which statistics and shifts are taken.
STATISTICS, SHIFTED = 1_000, 500
#: Of the atlas: strongest images of a channel, channels of a layer, layers that are drawn.
STRONGEST, CHANNELS, LAYERS = 3, 8, 5


def filters(run: Run) -> Section | None:
    """The first convolution's weights; None without a convolution."""
    with _quietly(run):
        if not _has(run, "Conv2d"):
            return None
        display = look(run, "filters")
    return Section("filters", "Filters of the first convolution", displays=[display])


def statistics(run: Run) -> Section:
    """Mean, spread and silence of every layer over test images."""
    with _quietly(run):
        images = _evenly(run.images("test"), STATISTICS)
        display = look(run, "activation_statistics", images=images)
    return Section("statistics", "Activations", displays=[display])


def weights(run: Run) -> Section:
    """Histograms of weights beside those that training began with."""
    with _quietly(run):
        display = look(run, "weight_histograms")
    return Section("weights", "Weights, before and after", displays=[display])


def maps(run: Run) -> Section | None:
    """What every layer makes of the first test image; None for networks that read an image as rows."""
    with _quietly(run):
        if not _has(run, "Conv2d"):
            return None
        display = look(run, "feature_maps", images=[0], channels=16)
    return Section("maps", "What the layers make of one image", displays=[display])


def rows(run: Run) -> Section | None:
    """State, gates and answer after each row of the first test image; None without one recurrent layer."""
    with _quietly(run):
        if not any(_has(run, kind) for kind in ("Recurrent", "RNN", "LSTM", "GRU")):
            return None
        display = look(run, "row_reader", images=[0])
    return Section("rows", "What it makes of an image, row by row", displays=[display])


def channels(run: Run) -> Section | None:
    """The strongest test images of the most selective channels; None without a convolution. Kept with the run."""
    with _quietly(run):
        if not _has(run, "Conv2d"):
            return None
        found = atlas(run, split="test", k=min(STRONGEST, len(run.images("test"))))
    drawn = [name for name, one in found.layers.items() if one.layer.rank == 4]
    spread = sorted({round(k * (len(drawn) - 1) / max(LAYERS - 1, 1)) for k in range(LAYERS)}) if drawn else []
    displays: list[Display] = [found.table()]
    for name in [drawn[k] for k in spread]:
        selectivity = np.nan_to_num(found.layers[name].selectivity, nan=-1.0)
        chosen = sorted(np.argsort(-selectivity, kind="stable")[:CHANNELS].tolist())
        displays.append(found.channels(name, chosen))
    words = (
        "Of each layer the channels that prefer one class most: the patches of test images that excite them most, "
        "what a deconvnet takes back to the pixels, and guided backpropagation. All channels: pellucid atlas.",
    )
    return Section("atlas", "What the channels answer to", words, displays)


def shifts(run: Run) -> Section:
    """Accuracy on negatives, noise, blur and other changes of the test images."""
    with _quietly(run):
        display = look(run, "shifts", n=SHIFTED)
    return Section("shifts", "Other images than it was trained on", displays=[display])


@contextmanager
def _quietly(run: Run) -> Iterator[None]:
    """With the threads that the run asks for, so that the same numbers come out again."""
    with engine("pytorch").threads(run.spec.threads):
        yield


def _has(run: Run, kind: str) -> bool:
    """Whether the network has a layer of a kind, by the word of `layer_table`."""
    return any(kind in str(row[1]) for row in layer_table(run).rows)


def _evenly(images: Images, count: int) -> Images:
    """At most `count` of them, evenly spread."""
    return images.take(np.unique(np.linspace(0, len(images) - 1, min(count, len(images))).round().astype(np.int64)))

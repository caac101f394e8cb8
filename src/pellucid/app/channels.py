"""Which channels of an atlas are shown, in which order, and what is told of each: the whole state of its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Final
from urllib.parse import urlencode

import numpy as np

from pellucid.displays.numbers import percent
from pellucid.errors import UsageError, unknown_name
from pellucid.verbs.atlas import Atlas

#: The orders of channels, with their words.
ORDERS: Final = {
    "channel": "by number",
    "selectivity": "most selective first",
    "class": "by class",
    "active": "most often active first",
    "silent": "most seldom active first",
}
#: Patches of a channel on its tile, in rows and columns of as many; a line of one pixel lies between.
TILED: Final = 2
#: Tiles in a row of the sheet that a layer's tiles are cut from.
ACROSS: Final = 16


@dataclass(frozen=True)
class Query:
    """What is asked of the atlas, as its address has it; what is not understood is left out.

    words: a class, or part of its name. least: selectivity. channel: -1 where none is looked at closely.
    """

    layer: str = ""
    channel: int = -1
    words: str = ""
    least: float = 0.0
    order: str = "channel"

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Query:
        try:
            least = min(max(float(asked.get("least") or 0), 0.0), 1.0)
        except ValueError:
            least = 0.0
        channel, order = asked.get("channel", ""), asked.get("order", "")
        return cls(
            asked.get("layer", ""),
            int(channel) if channel.isdecimal() and len(channel) < 8 else -1,
            asked.get("q", "").strip(),
            0.0 if least != least else least,
            order if order in ORDERS else "channel",
        )

    def address(self, **changed: Any) -> str:
        """The address of the same page with something changed."""
        new = replace(self, **changed)
        values = {
            "layer": new.layer,
            "channel": new.channel if new.channel >= 0 else None,
            "q": new.words,
            "least": f"{new.least:g}" if new.least else None,
            "order": new.order if new.order != "channel" else None,
        }
        return f"?{urlencode({name: value for name, value in values.items() if value not in (None, '')})}"


@dataclass(frozen=True)
class Tile:
    """One channel among others. x, y: where it lies in the layer's sheet, in tiles."""

    channel: int
    words: str
    x: int
    y: int
    silent: bool


def facts(atlas: Atlas, query: Query) -> dict[str, Any]:
    """What the page shows."""
    names = list(atlas.layers)
    layer = query.layer or names[0]
    if layer not in atlas.layers:
        raise unknown_name("layer", layer, names)
    one = atlas.layers[layer]
    query = replace(query, layer=layer)
    chosen = channels(atlas, query)
    high, wide = (TILED * (side + 1) for side in patch_size(one))
    closely = None
    if query.channel >= 0:
        if query.channel >= one.layer.shape[0]:
            raise UsageError(
                f"channel: expected 0 to {one.layer.shape[0] - 1} (layer {layer}, {one.layer.shape_text}), "
                f"found {query.channel}."
            )
        closely = _closely(atlas, one, query, chosen)
    return {
        "query": query,
        "split": atlas.split,
        "layers": [(name, found.layer.shape[0], int(found.dead.sum())) for name, found in atlas.layers.items()],
        "info": one.layer,
        "count": len(atlas.images),
        "tiles": [_tile(atlas, one, channel) for channel in chosen],
        "tile": (wide, high),
        "sheet": (ACROSS * wide, ceil(one.layer.shape[0] / ACROSS) * high),
        "orders": ORDERS,
        "classes": atlas.images.class_names,
        "closely": closely,
    }


def channels(atlas: Atlas, query: Query) -> list[int]:
    """The channels of the query's layer that fit it, in its order."""
    one, names = atlas.layers[query.layer], atlas.images.class_names
    selective = np.nan_to_num(one.selectivity, nan=0.0)
    best, words = one.best_class, query.words.lower()
    exact = [name.lower() for name in names].index(words) if words in map(str.lower, names) else None
    found = [
        channel
        for channel in range(one.layer.shape[0])
        if selective[channel] >= query.least and (not words or _is_of(names, int(best[channel]), words, exact))
    ]
    keys: dict[str, Any] = {
        "selectivity": lambda channel: -selective[channel],
        "class": lambda channel: (int(best[channel]), -selective[channel]),
        "active": lambda channel: -float(one.active[channel]),
        "silent": lambda channel: float(one.active[channel]),
    }
    return sorted(found, key=keys[query.order]) if query.order in keys else found


def _is_of(names: Sequence[str], best: int, words: str, exact: int | None) -> bool:
    """Whether a channel's class is the one that is looked for: of that name, else with these letters in it."""
    return best == exact if exact is not None else best >= 0 and words in names[best].lower()


def _tile(atlas: Atlas, one: Any, channel: int) -> Tile:
    silent = bool(one.dead[channel] or one.value[channel, 0] <= 0)
    prefers = _prefers(atlas, one, channel)
    if silent:
        words = "dead" if one.dead[channel] else "silent"
    else:
        words = f"{prefers} · {one.selectivity[channel]:.2f}" if prefers else ""
    return Tile(channel, words, channel % ACROSS, channel // ACROSS, silent)


def _prefers(atlas: Atlas, one: Any, channel: int) -> str:
    """The class that a channel answers to most, by name; nothing where that cannot be told."""
    told = one.best_class[channel] >= 0 and not np.isnan(one.selectivity[channel])
    return atlas.images.class_names[int(one.best_class[channel])] if told else ""


def _closely(atlas: Atlas, one: Any, query: Query, chosen: Sequence[int]) -> dict[str, Any]:
    """One channel: its numbers, pictures, classes and likenesses."""
    channel, images = query.channel, atlas.images
    height, width = patch_size(one)
    at = chosen.index(channel) if channel in chosen else -1
    means = np.nan_to_num(one.class_means[channel])
    top = float(means.max(initial=0)) or 1.0
    return {
        "channel": channel,
        "tile": _tile(atlas, one, channel),
        "prefers": _prefers(atlas, one, channel),
        "before": chosen[at - 1] if at > 0 else None,
        "after": chosen[at + 1] if 0 <= at < len(chosen) - 1 else None,
        "numbers": [
            ("highest", f"{one.high[channel]:.3g}"),
            ("mean", f"{one.mean[channel]:.3g}"),
            ("standard deviation", f"{one.std[channel]:.3g}"),
            ("above zero", percent(float(one.active[channel]))),
            ("selectivity", "–" if np.isnan(one.selectivity[channel]) else f"{one.selectivity[channel]:.2f}"),
        ],
        "size": (width, height),
        "columns": one.value.shape[1],
        "strongest": [
            {
                "image": int(image),
                "class": images.class_names[int(images.labels[image])],
                "value": f"{value:.2f}",
                "place": [int(place[0]), int(place[1])],
            }
            for image, value, place in zip(one.image[channel], one.value[channel], one.place[channel], strict=True)
        ],
        "typical": [
            (f"{100 * share:g} %", int(image), images.class_names[int(images.labels[image])])
            for share, image in zip((0.5, 0.75, 0.9, 0.99), one.at_quantile[channel], strict=True)
        ],
        "weakest": [(int(image), images.class_names[int(images.labels[image])]) for image in one.low_image[channel]],
        "image_size": (images.shape[1], images.shape[0]),
        "classes": [
            (name, float(mean), float(mean) / top) for name, mean in zip(images.class_names, means, strict=True)
        ],
        "nearest": [
            (_tile(atlas, one, int(other)), float(like))
            for other, like in zip(one.nearest[channel], one.likeness[channel], strict=True)
            if other >= 0
        ],
    }


def patch_size(one: Any) -> tuple[int, int]:
    """Height and width of what a neuron of the layer sees, the whole image at most."""
    height, width = one.arrays["guided"].shape[3:]
    return int(height), int(width)

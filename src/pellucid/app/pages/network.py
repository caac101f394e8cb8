"""Network: its layers as a picture; a layer's maps, a channel, a neuron."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2, sqrt
from typing import Any, Final

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pellucid.app import render
from pellucid.app.library import Library
from pellucid.app.pages.live import told
from pellucid.displays.display import Display
from pellucid.errors import unknown_name
from pellucid.images import Images
from pellucid.spec.layer import Shape, shape_text
from pellucid.spec.network import Network
from pellucid.spec.shapes import LayerTrace, trace
from pellucid.verbs.look import look
from pellucid.verbs.run import Run

#: What each kind of layer is drawn as; kinds with the same word have the same colour.
FAMILIES: Final = {
    "conv": "weights",
    "whitening": "weights",
    "dense": "dense",
    "rnn": "recurrent",
    "lstm": "recurrent",
    "gru": "recurrent",
    "max_pool": "pool",
    "avg_pool": "pool",
    "global_pool": "pool",
    "residual": "residual",
}
_WORDS: Final = {
    "weights": "convolution",
    "dense": "dense",
    "recurrent": "recurrent",
    "pool": "pooling",
    "residual": "residual block",
    "bare": "without filters",
}
#: Side of a layer's drawing, its largest square, and how far one sheet lies behind the next, in points.
_SIDE, _LARGEST, _BEHIND = 64, 46, 4


@dataclass(frozen=True)
class Block:
    """One layer as it is drawn. sheets: x, y, width and height of each, the hindmost first. share: of the weights."""

    name: str
    kind: str
    family: str
    shape: str
    parameters: int
    share: float
    field: str
    sheets: tuple[tuple[float, float, float, float], ...]
    found: bool = True


def routes() -> list[Route]:
    """The page."""
    return [Route("/run/{id}/network", show)]


async def show(request: Request) -> Response:
    """The page; `layer` is looked at closely, `q` is looked for."""
    library: Library = request.app.state.library
    run_id, query = request.path_params["id"], request.query_params

    def facts() -> dict[str, Any]:
        live = library.live(run_id)
        run = live.run
        assert isinstance(run.spec.network, Network)  # a stranger's module cannot be opened from its folder alone
        rows = trace(run.spec.network, run.input_shape)
        chosen = query.get("layer", "") or next((row.name for row in rows if row.parameters), rows[0].name)
        network = told(live)
        row, inner = _chosen(rows, network, chosen)
        names = [one.name for one in rows]
        at = names.index(row.name)
        blocks = _blocks(rows, run.input_shape, query.get("q", "").strip())
        drawn = {block.family for block in blocks}
        return {
            "run": run,
            "name": run.spec.network.name,
            "input": shape_text(run.input_shape),
            "totals": (sum(one.trainable for one in rows), sum(one.multiply_adds for one in rows)),
            "blocks": blocks,
            "families": {family: words for family, words in _WORDS.items() if family in drawn},
            "row": row,
            "layer": chosen,
            "kind": row.layer.kind.replace("_", " "),
            "shapes": (shape_text(row.input), shape_text(row.output)),
            "weights": [(key, shape_text(shape)) for key, shape in (row.parameters | row.buffers).items()],
            "inner": inner,
            "info": next((one for one in network["layers"] if one["name"] == chosen), None),
            "network": network,
            "filters": _filters(run, chosen, network),
            "before": names[at - 1] if at else None,
            "after": names[at + 1] if at + 1 < len(names) else None,
        }

    found = await library.compute(facts)
    return render.page(
        request, "network.html", title=f"{found['layer']}, {run_id}", q=query.get("q", ""),
        image=query.get("image", ""), **found,
    )  # fmt: skip


def _chosen(rows: list[LayerTrace], network: dict[str, Any], name: str) -> tuple[LayerTrace, list[str]]:
    """The row of a layer, or of the block that holds it, and the layers inside that block."""
    outer = name.partition(".")[0]
    row = next((one for one in rows if one.name == outer), None)
    inner = [one["name"] for one in network["layers"] if one["name"].startswith(f"{outer}.")]
    if row is None or (name != outer and name not in inner):
        raise unknown_name("layer", name, [one.name for one in rows])
    return row, inner


def _filters(run: Run, name: str, network: dict[str, Any]) -> Display | None:
    """The filters of a layer that has pictures to show."""
    if not any(one["name"] == name and one["kind"] in ("Conv2d", "Whitening") for one in network["layers"]):
        return None
    blank = Images(np.zeros((1, *run.input_shape), np.uint8), np.zeros(1, np.int64), run.class_names)
    return look(run, "filters", images=blank, layer=name, normalise=False, snapshots=())


def _blocks(rows: list[LayerTrace], image: Shape, words: str) -> list[Block]:
    """Every layer, drawn; `found` where the words are in its name or kind."""
    weights = sum(row.trainable for row in rows) or 1
    wanted = words.lower().split()
    return [
        Block(
            name=row.name,
            kind=row.layer.kind.replace("_", " "),
            family=FAMILIES.get(row.layer.kind, "bare"),
            shape=shape_text(row.output),
            parameters=row.trainable + row.not_trainable,
            share=row.trainable / weights,
            field=str(row.receptive_field) if row.receptive_field else "all",
            sheets=sheets(row.output, image),
            found=all(word in f"{row.name} {row.layer.kind} {shape_text(row.output)}".lower() for word in wanted),
        )
        for row in rows
    ]


def sheets(shape: Shape, image: Shape) -> tuple[tuple[float, float, float, float], ...]:
    """Squares one behind the other for maps, as large as they are beside the image; a bar for a vector or sequence.

    The number of sheets and the height of a bar follow the logarithm of the channels.
    """
    if len(shape) < 3:
        high = min(_LARGEST, 8 + 4.2 * log2(max(shape[-1], 1)))
        wide = 10.0 if len(shape) == 1 else 24.0
        return ((_SIDE / 2 - wide / 2, (_SIDE - high) / 2, wide, high),)
    count = min(5, 1 + round(log2(max(shape[2], 1)) / 2))
    tall, wide = (
        max(5.0, (_LARGEST - 4 * _BEHIND) * sqrt(side / of)) for side, of in zip(shape[:2], image[:2], strict=True)
    )
    left = (_SIDE - wide - (count - 1) * _BEHIND) / 2
    top = (_SIDE - tall - (count - 1) * _BEHIND) / 2
    return tuple(
        (left + (count - 1 - k) * _BEHIND, top + (count - 1 - k) * _BEHIND, wide, tall)
        for k in reversed(range(count))
    )

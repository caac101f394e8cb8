"""Live: a network that follows the hand. Its page, and what the page asks while something is drawn."""

from __future__ import annotations

import base64
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pellucid.app import render
from pellucid.app.library import Library
from pellucid.app.safety import BODY_LIMIT
from pellucid.displays.palette import DIVERGING, SEQUENTIAL
from pellucid.errors import DataError, StorageError, UsageError
from pellucid.spec.layer import shape_text
from pellucid.verbs.live import Live, packed

#: Rows or columns of a drawing, at most.
LARGEST: Final = 1024


def routes() -> list[Route]:
    """The page, and its questions."""
    return [
        Route("/run/{id}/live", show),
        Route("/run/{id}/live/answer", answer, methods=["POST"]),
        Route("/run/{id}/live/neuron", neuron, methods=["POST"]),
        Route("/run/{id}/live/occlusion", occlusion, methods=["POST"]),
        Route("/run/{id}/live/picture", picture, methods=["POST"]),
        Route("/run/{id}/live/image/{split}/{index:int}", image),
        Route("/run/{id}/live/find", find),
    ]


async def show(request: Request) -> Response:
    """The page."""
    library: Library = request.app.state.library
    run_id, other_id = request.path_params["id"], request.query_params.get("other", "")

    def facts() -> dict[str, Any]:
        live = library.live(run_id)
        others = [row for row in library.rows() if row["id"] != run_id and row.get("status") == "finished"]
        return {
            "run": live.run,
            "network": told(live),
            "beside": told(library.live(other_id)) if other_id else None,
            "others": [row["id"] for row in others],
        }

    found = await library.compute(facts)
    return render.page(request, "live.html", title=f"Live, {run_id}", other=other_id, **found)


def told(live: Live) -> dict[str, Any]:
    """What the scripts of a page must know of a network, as plain data. Without its data set, it has no images."""
    try:
        images, paper = {split: len(live.run.images(split)) for split in ("test", "validation", "train")}, live.paper
    except (DataError, StorageError):
        images, paper = {}, 0
    return {
        "id": live.run.id,
        "shape": list(live.shape),
        "fine": live.fine,
        "classes": list(live.class_names),
        "paper": paper,
        "box": live.box,
        "pen": round(live.pen, 1),
        "largest": BODY_LIMIT,
        "images": {split: count for split, count in images.items() if count},
        "layers": [
            {
                "name": one.name,
                "kind": one.kind,
                "shape": list(one.shape),
                "text": one.shape_text,
                "rank": one.rank,
                "field": str(one.field) if one.field else None,
            }
            for one in live.layers
        ],
        "colours": {"signed": DIVERGING, "positive": SEQUENTIAL},
    }


async def answer(request: Request) -> Response:
    """The packed answer to a drawing; `sequence` comes back in it, so that answers cannot be taken for each other."""
    query, library = request.query_params, request.app.state.library
    surface = await _pixels(request)
    whole, most = tuple(query.getlist("whole"))[:8], _number(request, "most", 64)
    centre, invert = query.get("centre") == "1", query.get("invert") == "1"
    noise, sequence = _number(request, "noise", 0), _number(request, "sequence", 0)

    def answered() -> bytes:
        live: Live = library.live(request.path_params["id"])
        seen = live.seen(surface, centre=centre, invert=invert, noise=noise)
        return packed(
            live.answer(seen, most=min(max(most, 1), 512), whole=whole), seen, sequence=sequence, run=live.run.id
        )

    return Response(await library.compute(answered), media_type="application/octet-stream")


async def neuron(request: Request) -> Response:
    """How a neuron came to its value on a picture as the network gets it."""
    pixels, library = await _pixels(request), request.app.state.library
    layer = request.query_params.get("layer", "")
    place = [_number(request, name, 0) for name in ("channel", "row", "column")]

    def explained() -> dict[str, Any]:
        found: dict[str, Any] = library.live(request.path_params["id"]).neuron(pixels, layer, *place)
        return found

    return JSONResponse(await library.compute(explained))


async def occlusion(request: Request) -> Response:
    """The probability of the class, or of `target`, with a square slid over a picture as the network gets it."""
    pixels, library = await _pixels(request), request.app.state.library
    target = _number(request, "target", -1)

    def hidden() -> dict[str, Any]:
        live: Live = library.live(request.path_params["id"])
        return live.occlusion(pixels, target=None if target < 0 else target)

    return JSONResponse(await library.draw(request, hidden))


async def picture(request: Request) -> Response:
    """The bytes of a picture file as the run's images are."""
    data, library = await request.body(), request.app.state.library

    def read() -> NDArray[np.uint8]:
        live: Live = library.live(request.path_params["id"])
        return live.picture(data)

    return _told_pixels(await library.compute(read), "a picture of yours")


async def image(request: Request) -> Response:
    """An image of the run's data with its class."""
    library, place = request.app.state.library, request.path_params

    def found() -> tuple[NDArray[np.uint8], str]:
        live: Live = library.live(place["id"])
        return live.image(place["split"], place["index"])

    return _told_pixels(*await library.compute(found))


async def find(request: Request) -> Response:
    """The number of the next image of a class in a split, or with a `step` of -1 of the one before."""
    library, split = request.app.state.library, request.query_params.get("split", "")
    index, label, step = (_number(request, name, 0) for name in ("index", "label", "step"))

    def found() -> int:
        live: Live = library.live(request.path_params["id"])
        return live.find(split, index, label, step=step)

    return JSONResponse({"index": await library.compute(found)})


def _told_pixels(pixels: NDArray[np.uint8], label: str) -> JSONResponse:
    data = base64.b64encode(np.ascontiguousarray(pixels).tobytes()).decode()
    return JSONResponse(
        {"pixels": data, "shape": list(pixels.shape), "size": shape_text(pixels.shape), "label": label}
    )


async def _pixels(request: Request) -> NDArray[np.uint8]:
    """The body as uint8 of the `height`, `width` and `channels` that the address names."""
    height, width, channels = (_number(request, name, 1) for name in ("height", "width", "channels"))
    if not (1 <= height <= LARGEST and 1 <= width <= LARGEST and channels in (1, 3)):
        raise UsageError(
            f"drawing: expected at most {LARGEST} x {LARGEST} points of 1 or 3 channels, found "
            f"{height} x {width} of {channels}."
        )
    body = await request.body()
    if len(body) != height * width * channels:
        raise UsageError(
            f"drawing: expected {height * width * channels:,} bytes ({height} x {width} x {channels}), "
            f"found {len(body):,}."
        )
    return np.frombuffer(body, np.uint8).reshape(height, width, channels)


def _number(request: Request, name: str, otherwise: int) -> int:
    word = request.query_params.get(name, "")
    if not word:
        return otherwise
    if not word.removeprefix("-").isdecimal() or len(word) > 12:
        raise UsageError(f"{name}: expected a whole number, found {word[:40]!r}.")
    return int(word)

"""Atlas: every channel of a layer at a glance, and one of them closely."""

from __future__ import annotations

import io
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from pellucid.app import render
from pellucid.app.channels import ACROSS, TILED, Query, facts, patch_size
from pellucid.app.library import Library
from pellucid.app.makers import AtlasMakers
from pellucid.displays.colours import around_gray
from pellucid.errors import UsageError, unknown_name
from pellucid.verbs.atlas import Atlas
from pellucid.verbs.run import Run


def routes() -> list[Route]:
    """The page, its pictures, and how it is made."""
    return [
        Route("/run/{id}/atlas", show),
        Route("/run/{id}/atlas/sheet.png", sheet),
        Route("/run/{id}/atlas/channel.png", closely),
        Route("/run/{id}/atlas/make", make, methods=["POST"]),
        Route("/run/{id}/atlas/progress", progress),
    ]


async def show(request: Request) -> Response:
    """The page; where there is no atlas yet, the offer to make it."""
    library: Library = request.app.state.library
    makers: AtlasMakers = request.app.state.makers
    run_id, query = request.path_params["id"], Query.of(request.query_params)

    making = makers.of(run_id)

    def known() -> tuple[Run, dict[str, Any] | None]:
        run = library.run(run_id)
        found = library.atlas(run_id) if making is None or making.over else None
        return run, None if found is None else facts(found, query)

    run, found = await library.compute(known)
    if found is None:
        return render.page(request, "atlas_missing.html", title=f"Atlas, {run_id}", run=run, making=making)
    return render.page(request, "atlas.html", title=f"{found['query'].layer}, {run_id}", run=run, **found)


async def sheet(request: Request) -> Response:
    """Every channel's strongest patches of a layer in one picture, `ACROSS` tiles a row."""
    library: Library = request.app.state.library
    name = request.query_params.get("layer", "")

    def drawn() -> bytes:
        atlas = _atlas(library, request.path_params["id"], name)
        one = atlas.layers[name]
        height, width = patch_size(one)
        rows, shape = ceil(one.layer.shape[0] / ACROSS) * TILED, atlas.images.shape
        picture = np.full((rows * (height + 1), ACROSS * TILED * (width + 1), shape[2]), 255, np.uint8)
        for channel in range(one.layer.shape[0]):
            for rank in range(min(TILED**2, one.value.shape[1])):
                top = (channel // ACROSS * TILED + rank // TILED) * (height + 1)
                left = (channel % ACROSS * TILED + rank % TILED) * (width + 1)
                picture[top : top + height, left : left + width] = _patch(atlas, one, channel, rank)
        return _png(picture)

    return _picture(await library.compute(drawn))


async def closely(request: Request) -> Response:
    """One channel: rows of patches, deconvnet, guided; as `part=examples` typical and weakest images."""
    library: Library = request.app.state.library
    name, query = request.query_params.get("layer", ""), Query.of(request.query_params)
    part = request.query_params.get("part", "")

    def drawn() -> bytes:
        atlas = _atlas(library, request.path_params["id"], name)
        one, channel = atlas.layers[name], query.channel
        if not 0 <= channel < one.layer.shape[0]:
            raise UsageError(f"channel: expected 0 to {one.layer.shape[0] - 1}, found {channel}.")
        if part == "examples":
            chosen = np.concatenate([one.at_quantile[channel], one.low_image[channel]])
            return _png(np.concatenate(list(atlas.images.pixels[chosen]), axis=1))
        ranks = range(one.value.shape[1])
        rows = [np.concatenate([_patch(atlas, one, channel, rank) for rank in ranks], axis=1)]
        for rule in ("deconvnet", "guided"):
            signals = [one.projection(rule, channel, rank).transpose(1, 2, 0) for rank in ranks]
            bounds = [float(np.abs(signal).max(initial=0)) for signal in signals]
            pictures = [around_gray(signal, bound) for signal, bound in zip(signals, bounds, strict=True)]
            rows.append(np.concatenate(pictures, axis=1))
        return _png(np.concatenate(rows, axis=0))

    return _picture(await library.compute(drawn))


async def make(request: Request) -> Response:
    """Begins to make the atlas, in the background; back to the page, which tells how far it is."""
    library: Library = request.app.state.library
    makers: AtlasMakers = request.app.state.makers
    await request.body()
    makers.make(library.run(request.path_params["id"]))
    return RedirectResponse(f"/run/{request.path_params['id']}/atlas", 303)


async def progress(request: Request) -> Response:
    """How far the atlas is: `what`, `share` from 0 to 1, `over`, and `failure`, empty where all is well."""
    request.app.state.library.run(request.path_params["id"])
    making = request.app.state.makers.of(request.path_params["id"])
    if making is None:
        return JSONResponse({"what": "", "share": 0.0, "over": True, "failure": ""})
    return JSONResponse({"what": making.words, "share": making.share, "over": making.over, "failure": making.failure})


def _atlas(library: Library, run_id: str, layer: str) -> Atlas:
    found = library.atlas(run_id)
    if found is None:
        raise UsageError(f"{run_id}: expected its atlas, found that it has not been made. Make it on its page.")
    if layer not in found.layers:
        raise unknown_name("layer", layer, found.layers)
    return found


def _patch(atlas: Atlas, one: Any, channel: int, rank: int) -> NDArray[np.uint8]:
    from pellucid.inspection.top_patches import patch

    found: NDArray[np.uint8] = patch(
        atlas.images.pixels[one.image[channel, rank]], one.layer, one.place[channel, rank]
    )
    return found


def _png(picture: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _picture(data: bytes) -> Response:
    # the address has no version of the weights in it, so a picture is kept for a short while alone
    return Response(data, media_type="image/png", headers={"cache-control": "private, max-age=60"})

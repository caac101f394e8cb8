"""The app: its pages behind its checks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from threading import Thread
from typing import Final

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from pellucid.app.library import BusyError, Library, NoSuchRunError
from pellucid.app.makers import AtlasMakers
from pellucid.app.pages import atlas, compare, events, live, look, network, report, run, runs, studies, train
from pellucid.app.render import failure
from pellucid.app.safety import LOCAL_HOSTS, Door, Safety
from pellucid.app.trainings import Trainings
from pellucid.displays.interactive import start_script, vega_bundle
from pellucid.displays.palette import design
from pellucid.errors import DataError, PellucidError, StorageError

#: One module a page, each giving its routes.
PAGES: Final[tuple[Callable[[], list[Route]], ...]] = (
    runs.routes,
    run.routes,
    look.routes,
    network.routes,
    atlas.routes,
    live.routes,
    compare.routes,
    studies.routes,
    report.routes,
    train.routes,
    events.routes,
)

#: For what is large and the same until the server is started anew.
_KEPT: Final = {"cache-control": "private, max-age=3600"}


def application(
    root: Path, *, token: str | None = None, lasting: bool = False, hosts: Collection[str] = LOCAL_HOSTS
) -> Starlette:
    """The app over the runs in `root`.

    Pages find the runs at ``request.app.state.library`` and what is being trained at ``...state.trainings``; when the
    app ends, ``state.unbegun`` has the commands of trainings that were still waiting.

    token: what opens a session, once unless `lasting`; None lets everybody in, for tests alone. hosts: names that the
    Host header may have, without a port.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        # in a thread of its own, so that the first page does not wait for what it does not need
        Thread(target=app.state.library.warm, daemon=True).start()
        yield
        app.state.unbegun = await anyio.to_thread.run_sync(app.state.trainings.close)

    app = Starlette(
        routes=[
            Route("/", _home),
            Route("/static/design.css", _design),
            Route("/static/vega.js", _vega),
            Route("/static/interactive.js", _interactive),
            Mount("/static", StaticFiles(directory=str(files("pellucid.app").joinpath("static")))),
            *(route for routes in PAGES for route in routes()),
        ],
        middleware=[Middleware(Safety, door=Door(token, lasting=lasting) if token else None, hosts=hosts)],
        exception_handlers={HTTPException: _http_error, PellucidError: _told_error},
        lifespan=lifespan,
    )
    app.state.library, app.state.trainings = Library(root), Trainings(root)
    app.state.makers = AtlasMakers()
    return app


def _home(request: Request) -> Response:
    return RedirectResponse("/runs", 307)


def _design(request: Request) -> Response:
    return PlainTextResponse(design(), media_type="text/css")


def _vega(request: Request) -> Response:
    return PlainTextResponse(vega_bundle(), media_type="text/javascript", headers=_KEPT)


def _interactive(request: Request) -> Response:
    return PlainTextResponse(start_script(), media_type="text/javascript")


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return failure(request, 404, "There is no such page", "Go back, or begin with the runs.")
    return failure(request, error.status_code, "This did not work", str(error.detail))


def _told_error(request: Request, error: Exception) -> Response:
    """What `pellucid.errors` says, as it says it."""
    if isinstance(error, NoSuchRunError):
        return failure(request, 404, "This run is not here", str(error))
    if isinstance(error, BusyError):
        return failure(request, 503, "The server is busy", str(error))
    return failure(
        request, 409 if isinstance(error, (StorageError, DataError)) else 400, "This did not work", str(error)
    )

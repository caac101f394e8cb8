"""The app: its pages behind its checks."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from pellucid.app import render
from pellucid.app.library import Library, NoSuchRunError
from pellucid.app.pages import events, run, runs, studies, train
from pellucid.app.safety import LOCAL_HOSTS, Door, Safety
from pellucid.displays.interactive import start_script, vega_bundle
from pellucid.displays.palette import design
from pellucid.errors import DataError, PellucidError, StorageError

#: One module a page, each giving its routes.
PAGES: Final[tuple[Callable[[], list[Route]], ...]] = (
    runs.routes,
    run.routes,
    studies.routes,
    train.routes,
    events.routes,
)

#: For what is large and the same until the server is started anew.
_KEPT: Final = {"cache-control": "private, max-age=3600"}

_log = logging.getLogger("pellucid.app")


def application(
    root: Path, *, token: str | None = None, lasting: bool = False, hosts: Collection[str] = LOCAL_HOSTS
) -> Starlette:
    """The app over the runs in `root`.

    token: what opens a session, once unless `lasting`; None lets everybody in, for tests alone. hosts: names that the
    Host header may have, without a port. Pages find the runs at ``request.app.state.library``.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield

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
        exception_handlers={HTTPException: _http_error, PellucidError: _told_error, 500: _unknown_error},
        lifespan=lifespan,
    )
    app.state.library = Library(root)
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
        return _failure(request, 404, "There is no such page", "Go back, or begin with the runs.")
    return _failure(request, error.status_code, "This did not work", str(error.detail))


def _told_error(request: Request, error: Exception) -> Response:
    """What `pellucid.errors` says, as it says it."""
    if isinstance(error, NoSuchRunError):
        return _failure(request, 404, "This run is not here", str(error))
    return _failure(
        request, 409 if isinstance(error, (StorageError, DataError)) else 400, "This did not work", str(error)
    )


def _unknown_error(request: Request, error: Exception) -> Response:
    _log.error("%s: %s", request.url.path, error, exc_info=error)
    words = "This is a mistake in pellucid, not in your input. What is on disk is as it was. Please report it."
    return _failure(request, 500, "Something broke", f"{words} ({type(error).__name__})")


def _failure(request: Request, status: int, title: str, words: str) -> Response:
    template = "parts/failure.html" if render.wants_part(request) else "failure.html"
    return render.page(request, template, status=status, title=title, words=words)

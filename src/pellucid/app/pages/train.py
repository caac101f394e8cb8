"""Train."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pellucid.app import render


def routes() -> list[Route]:
    """The page and its parts."""
    return [Route("/train", show, methods=["GET"]), Route("/train", begin, methods=["POST"])]


def show(request: Request) -> Response:
    """The page."""
    return render.page(request, "failure.html", title="Train", words="To come.")


async def begin(request: Request) -> Response:
    """Takes a training."""
    await request.body()
    return render.page(request, "failure.html", title="Train", words="To come.")

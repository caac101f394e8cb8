"""Run."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pellucid.app import render


def routes() -> list[Route]:
    """The page and its parts."""
    return [Route("/run/{id}", show)]


def show(request: Request) -> Response:
    """The page."""
    return render.page(request, "failure.html", title="Run", words="To come.")

"""Look: any way of looking at a run's network, its options in a form made from its signature."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pellucid.app import render
from pellucid.app.library import Library
from pellucid.app.looking import IMAGES, Asked, controls, ways
from pellucid.displays.interactive import figure
from pellucid.verbs.look import layer_table

#: Runs that are offered to be compared with; any may be typed.
MOST_OTHERS: Final = 50


def routes() -> list[Route]:
    """The page, and what it shows."""
    return [Route("/run/{id}/look", show), Route("/run/{id}/look/drawn", drawn)]


async def show(request: Request) -> Response:
    """The form as the address fills it in, and the place where the picture comes."""
    library: Library = request.app.state.library
    asked = Asked.read(request.query_params.multi_items())

    def facts() -> dict[str, Any]:
        run = library.run(request.path_params["id"])
        layers = tuple(str(row[0]) for row in layer_table(run).rows)
        same = [row for row in library.rows() if row.get("dataset") == run.spec.data.name and row["id"] != run.id]
        others = tuple(str(row["id"]) for row in same[:MOST_OTHERS])
        fields = controls(asked.way, layers=layers, class_names=tuple(run.class_names), others=others)
        return {"run": run, "fields": [*fields, *IMAGES]}

    found = await library.compute(facts)
    every = ways()
    return render.page(
        request,
        "look.html",
        title=f"{asked.way.replace('_', ' ')}, {found['run'].id}",
        asked=asked,
        ways=every,
        summary=every[asked.way],
        command=asked.command(found["run"].id),
        query=urlencode({"way": asked.way, **asked.texts}),
        **found,
    )


async def drawn(request: Request) -> Response:
    """The picture."""
    library: Library = request.app.state.library
    asked = Asked.read(request.query_params.multi_items())

    def made() -> Response:
        run = library.run(request.path_params["id"])
        other = asked.texts.get("other")
        shown = asked.display(run, library.run(other) if other else None)
        return render.page(request, "parts/display.html", title=asked.way, drawn=Markup(figure(shown, drawn=False)))

    return await library.draw(request, made)

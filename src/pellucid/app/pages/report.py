"""The page that people send: the report of a run, a study, or the runs that are compared, as one file to keep."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pellucid.app.library import Library
from pellucid.app.listing import Query
from pellucid.errors import UsageError
from pellucid.report.build import of_run, of_several, of_study
from pellucid.report.document import Document

#: Runs beside each other in one report, at most.
MOST: Final = 12


def routes() -> list[Route]:
    """Three files; a browser saves them, since scripts of a file have no place in the app's pages."""
    return [
        Route("/run/{id}/report.html", of_one),
        Route("/study/{name}/report.html", of_a_study),
        Route("/compare/report.html", of_chosen),
    ]


async def of_one(request: Request) -> Response:
    """The report of a run."""
    library: Library = request.app.state.library
    run_id = request.path_params["id"]
    return await library.draw(request, lambda: _file(run_id, of_run(library.run(run_id))))


async def of_a_study(request: Request) -> Response:
    """The report of a study."""
    library: Library = request.app.state.library
    name = request.path_params["name"]
    return await library.draw(request, lambda: _file(name, of_study(library.study(name))))


async def of_chosen(request: Request) -> Response:
    """The report of the runs that the address chooses, side by side.

    Raises UsageError for fewer than two runs, or more than a page can hold.
    """
    library: Library = request.app.state.library
    query = Query.read(request.query_params.multi_items())

    def made() -> Response:
        chosen = [str(row["id"]) for row in query.chosen_runs(library.rows())]
        if not 2 <= len(chosen) <= MOST:
            told = f"expected 2 to {MOST} runs, found {len(chosen)}"
            raise UsageError(f"report: {told}. Choose others in the list of runs.")
        return _file("runs", of_several([library.run(one) for one in chosen]))

    return await library.draw(request, made)


def _file(name: str, document: Document) -> Response:
    """A file that the browser saves under `name`, an id of letters, digits, dots and dashes."""
    headers = {"content-disposition": f'attachment; filename="{name}.html"'}
    return Response(document.html(), media_type="text/html", headers=headers)

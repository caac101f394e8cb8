"""All runs: a list that can be searched, sorted and grouped, and the curves of those that are chosen or running."""

from __future__ import annotations

import shlex
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pellucid.app import render
from pellucid.app.library import Library, stamp
from pellucid.app.listing import COLUMNS, METRICS, MOST_DRAWN, STATUSES, Query, configuration, listed

#: Running runs whose curves are drawn without being chosen.
MOST_RUNNING = 8


def routes() -> list[Route]:
    """The page, which is also asked for by its own script, for its list alone."""
    return [Route("/runs", show)]


def show(request: Request) -> Response:
    """The list, as the address has it."""
    library: Library = request.app.state.library
    rows = library.rows()
    query = Query.read(request.query_params.multi_items())
    chosen = query.chosen_runs(rows)
    running = [row for row in rows if row["status"] == "running"]
    drawn = chosen[:MOST_DRAWN] or running[:MOST_RUNNING]
    values: dict[str, Any] = {
        "title": "Runs",
        "query": query,
        "found": listed(rows, query),
        "total": len(rows),
        "configurations": len({configuration(row) for row in rows}),
        "columns": COLUMNS,
        "metrics": METRICS,
        "statuses": [one for one in STATUSES if any(row["status"] == one for row in rows)],
        "networks": sorted({row["network"] for row in rows if row.get("network")}),
        "datasets": sorted({row["dataset"] for row in rows if row.get("dataset")}),
        "chosen": chosen,
        "drawn": drawn,
        "drawable": len(chosen or running),
        "stamp": stamp(rows),
        "root": str(library.root),
        "typed": shlex.quote(str(library.root)),
    }
    if not rows:
        return render.page(request, "no_runs.html", **values)
    return render.page(request, "parts/runs.html" if render.wants_part(request) else "runs.html", **values)

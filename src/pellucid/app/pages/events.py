"""What happens while a page is open, told as it happens (server-sent events)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from math import inf
from typing import Any, Final

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from pellucid.app.curves import Follower
from pellucid.app.library import Library
from pellucid.app.listing import MOST_DRAWN, Query
from pellucid.app.trainings import Training, Trainings
from pellucid.storage.run_folder import RunFolder

#: Seconds between two looks at the files, and between two at the whole list.
LOOK_SECONDS: Final = 0.5
LIST_SECONDS: Final = 2.0
#: Seconds after which something is said, so that nobody on the way takes the line for dead.
BREATH_SECONDS: Final = 15.0


def routes() -> list[Route]:
    """One stream for all that a page wants to know: a browser holds few lines open."""
    return [Route("/events", events)]


async def events(request: Request) -> Response:
    """`run`, `metric`: whose curves are told. `training`: of this run. `list`: the stamp of the list that the page
    shows; told when it is another by now, and whenever it changes.

    Events: `curves`, a JSON list of the series that changed (see `Follower.changes`); `list`, without content;
    `training`, when the line of trainings moves: its state, how many are ahead, whether the run is there.
    """
    library: Library = request.app.state.library
    query = Query.read(request.query_params.multi_items())
    library.forget()  # what was begun this moment is followed too
    rows = await anyio.to_thread.run_sync(library.rows)
    trainings: Trainings = request.app.state.trainings
    # deleted before the line was opened, or while nobody looked: told as gone, but for what begins
    lost = [row for row in query.lost(rows) if _was_there(trainings.of(str(row["id"])))]
    follower = Follower(library, [*query.chosen_runs(rows), *lost][:MOST_DRAWN], query.metric)
    line = _Line(library, trainings, request.query_params.get("training", ""))
    stream = _told(library, follower, line, shown=request.query_params.get("list"))
    return StreamingResponse(stream, media_type="text/event-stream")


def _was_there(training: Training | None) -> bool:
    """Whether a run that is not there was once: of a training that waits or begins there is none yet."""
    return training is None or not training.open


class _Line:
    """What has become of the training of one run."""

    def __init__(self, library: Library, trainings: Trainings, run_id: str) -> None:
        self._library, self._trainings, self._run = library, trainings, run_id
        self._seen: dict[str, Any] = {}

    def changes(self) -> dict[str, Any]:
        """Its present state where it is another than at the call before; else nothing."""
        training = self._trainings.of(self._run) if self._run else None
        if training is None:
            return {}
        found = {
            "state": training.state,
            "ahead": self._trainings.ahead(training),
            "there": RunFolder.exists(self._library.root, training.run_id),
            "said": training.said if training.state == "failed" else "",
        }
        if found == self._seen:
            return {}
        self._seen = found
        return found


async def _told(library: Library, follower: Follower, line: _Line, *, shown: str | None) -> AsyncIterator[str]:
    yield "retry: 2000\n\n"
    spoken, looked = asyncio.get_running_loop().time(), -inf
    while True:
        now = asyncio.get_running_loop().time()
        changed = await anyio.to_thread.run_sync(follower.changes)
        if changed:
            yield _event("curves", changed)
            spoken = now
        moved = line.changes()
        if moved:
            yield _event("training", moved)
            spoken = now
        if shown is not None and now - looked >= LIST_SECONDS:
            looked, stamp = now, await anyio.to_thread.run_sync(library.stamp)
            if stamp != shown:
                shown, spoken = stamp, now
                yield _event("list", None)
        if now - spoken >= BREATH_SECONDS:
            spoken = now
            yield ": here\n\n"
        await asyncio.sleep(LOOK_SECONDS)


def _event(name: str, content: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(content, ensure_ascii=True, allow_nan=False)}\n\n"

"""Atlases that are made while the pages go on answering, one at a time."""

from __future__ import annotations

import logging
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from threading import Lock, Thread

from pellucid.errors import PellucidError
from pellucid.verbs.atlas import atlas
from pellucid.verbs.run import Run

_log = logging.getLogger("pellucid.app")


@dataclass
class Making:
    """How far one atlas is. what: "waiting", "images" or "layers", of which `done` of `of` are done.

    share: of the whole, roughly, never less than before. failure: what went wrong, in words; empty while nothing has.
    over: it is made, or has failed.
    """

    what: str = "waiting"
    done: int = 0
    of: int = 1
    share: float = 0.0
    failure: str = ""
    over: bool = False

    def told(self, what: str, done: int, of: int) -> None:
        """Takes what `atlas` tells. The pass over the images is taken for two thirds of the work."""
        self.what, self.done, self.of = what, done, of
        part = done / max(of, 1)
        # layers are counted from before the pass, whose images come before the first of them is done
        now = part * 2 / 3 if what == "images" else (2 / 3 + part / 3 if done else 0.0)
        self.share = max(self.share, now)

    @property
    def words(self) -> str:
        """What is being done, for people."""
        if self.what == "waiting":
            return "waiting for another atlas"
        return f"{self.done:,} of {self.of:,} {self.what}"


class AtlasMakers:
    """The atlases in the making, by run. One that was cut off by the server's end is gone on with when asked for."""

    def __init__(self) -> None:
        self._lock, self._turn = Lock(), Lock()
        self._making: dict[str, Making] = {}

    def of(self, run_id: str) -> Making | None:
        """How far a run's atlas is; None where none was asked for."""
        return self._making.get(run_id)

    def make(self, run: Run) -> Making:
        """Begins a run's atlas, unless it is being made."""
        with self._lock:
            found = self._making.get(run.id)
            if found is None or found.over:
                found = self._making[run.id] = Making()
                # in this request's context: what is not on this machine is not fetched by a page
                made = partial(copy_context().run, self._made, run, found)
                Thread(target=made, daemon=True, name=f"atlas of {run.id}").start()
            return found

    def _made(self, run: Run, making: Making) -> None:
        with self._turn:
            try:
                atlas(run, told=making.told)
            except PellucidError as error:
                making.failure = str(error)
            except Exception as error:
                _log.error("atlas of %s", run.id, exc_info=error)
                making.failure = f"This is a mistake in pellucid ({type(error).__name__}). Please report it."
            making.over = True

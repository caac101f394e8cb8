"""Ctrl-C during a training: the first asks for an orderly end, the second leaves at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pellucid.errors import InterruptedRunError

#: Whether this process has been asked to stop what it does, and whatever it would begin after.
_stopping = False


class Interrupt:
    """Whether the user has asked to stop, here or where the work is given out."""

    _asked = False

    @property
    def requested(self) -> bool:
        return self._asked or _stopping


#: Signals by which a process that trains for another one is asked to stop.
REQUESTS = (signal.SIGUSR1, signal.SIGINT)


def stop_on_request() -> None:
    """SIGUSR1 asks for an orderly end from now on, however often it comes, where a second SIGINT would end at once.

    For a process that trains for another one: it ends the run that it is at, and any that it would still begin. Of
    SIGINT, which a terminal sends to all, it takes notice between runs too: it would die there, and the others that
    work for the same process would be ended with it. What was held back with `held` comes now.
    """
    for request in REQUESTS:
        signal.signal(request, _stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, REQUESTS)


def _stop(signum: int, frame: FrameType | None) -> None:
    global _stopping  # no Event: setting one takes a lock, for which a second signal within would wait for ever
    _stopping = True


@contextmanager
def held() -> Iterator[None]:
    """A process that is begun meanwhile is asked to stop no sooner than it can be (`stop_on_request`)."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, REQUESTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stop_requested() -> bool:
    """Whether this process has been asked to stop by `stop_on_request`'s signals."""
    return _stopping


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """While open, the first SIGINT sets `requested` and says so on stderr; a second one ends the process, code 130.

    A step is never cut in half that way. Outside the main thread, where Python delivers no signals, it does nothing.
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return

    def handle(signum: int, frame: FrameType | None) -> None:
        if interrupt._asked:
            os._exit(InterruptedRunError.exit_code)
        interrupt._asked = True
        # os.write: printing is not safe inside a handler that may have interrupted a print
        os.write(2, b"\nStopping after this step and saving a checkpoint. Ctrl-C again leaves at once.\n")

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)

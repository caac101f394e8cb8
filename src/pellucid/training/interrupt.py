"""Ctrl-C during a training: the first asks for an orderly end, the second leaves at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pellucid.errors import InterruptedRunError


class Interrupt:
    """Whether the user has asked to stop."""

    requested = False


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
        if interrupt.requested:
            os._exit(InterruptedRunError.exit_code)
        interrupt.requested = True
        # os.write: printing is not safe inside a handler that may have interrupted a print
        os.write(2, b"\nStopping after this step and saving a checkpoint. Ctrl-C again leaves at once.\n")

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)

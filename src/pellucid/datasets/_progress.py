"""How far a long piece of reading has come, on a terminal."""

from __future__ import annotations

import sys
from time import monotonic

_EVERY_S = 0.2


class Progress:
    """A line on stderr that is written over again; nothing where stderr is no terminal."""

    def __init__(self, label: str, total: int, unit: str, *, scale: int = 1) -> None:
        self._label, self._total, self._unit, self._scale = label, total, unit, scale
        self._shown = sys.stderr.isatty()
        self._last = monotonic()
        self._drawn = False

    def update(self, done: int) -> None:
        """Shows `done` of the total, at most five times a second."""
        if not self._shown or monotonic() - self._last < _EVERY_S:
            return
        self._last, self._drawn = monotonic(), True
        numbers = f"{done / self._scale:,.0f} of {self._total / self._scale:,.0f} {self._unit}"
        sys.stderr.write(f"\r{self._label}: {numbers} ({done / max(1, self._total):.0%})\x1b[K")
        sys.stderr.flush()

    def close(self) -> None:
        """Wipes the line."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

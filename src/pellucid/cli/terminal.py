"""Where words go: messages on stderr, results on stdout. Light, since every command loads it."""

from __future__ import annotations

import json
import sys
import textwrap
from typing import Any


def say(text: str = "") -> None:
    """A message to the person, on stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def complain(text: str) -> None:
    """An error, wrapped to the terminal's width, on stderr."""
    say("\n".join(textwrap.wrap(f"Error: {text}", 100, break_long_words=False, break_on_hyphens=False)))


def emit(text: str) -> None:
    """A result, on stdout."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def emit_json(data: Any) -> None:
    """A result for a program, on stdout: one line of JSON."""
    emit(json.dumps(data, ensure_ascii=False, allow_nan=False))

"""One part of a report: a heading, a few sentences, and displays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pellucid.displays.display import Display


@dataclass(frozen=True)
class Section:
    """key: its anchor in the page and its word in a URL. words: sentences, plain text. displays: in reading order."""

    key: str
    title: str
    words: Sequence[str] = ()
    displays: Sequence[Display] = ()

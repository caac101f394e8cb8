"""Draws that are a function of words: the same on every machine, and each as if the others were not."""

from __future__ import annotations

import hashlib


def share(words: str) -> float:
    """From 0 to below 1, evenly.

    >>> share("0/1/lr") == share("0/1/lr") != share("0/2/lr")
    True
    """
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:6], "big") / 2**48

"""Randomness as a pure function of where it is used: (seed, stream, epoch, step), and of nothing that came before.

A killed run therefore resumes to the same bits without any generator's state, and no global generator is drawn from.
"""

from __future__ import annotations

_MASK = 2**64 - 1
#: Names of the independent streams of one seed.
WEIGHTS, DROPOUT = 1, 2


def mix(*words: int) -> int:
    """64 bits from whole numbers, each bit depending on all of theirs.

    The finaliser of SplitMix64 folded over `words`. Source: Steele, Lea, Flood 2014 (steele2014 in
    docs/bibliography.bib).

    >>> mix(0, 1, 2) == mix(0, 1, 2), mix(0, 1, 2) == mix(0, 2, 1)
    (True, False)
    """
    state = 0
    for word in words:
        state = (state + (word & _MASK) + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state

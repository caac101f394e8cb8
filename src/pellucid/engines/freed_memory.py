"""Memory that a training step frees and the next one asks for again."""

from __future__ import annotations

import ctypes
import platform
from functools import cache


@cache
def keep_freed_memory() -> bool:
    """Lets the C library keep large blocks that are freed, for this process from now on; whether it could.

    glibc gives blocks beyond its thresholds back to the system at once, and each step of a training asks for the same
    megabytes again: thousands of page faults a step, up to two fifths of its time (docs/decisions/freed-memory.md).
    The heap may grow by a quarter, as large blocks do not fit where others lay. Other C libraries are left as they
    are.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
    # before 2.35 glibc takes no threshold above half of its largest arena, 32 MiB
    kept = mallopt(mmap_threshold, 1 << 30) or mallopt(mmap_threshold, 1 << 25)
    return bool(kept and mallopt(trim_threshold, (1 << 31) - 1))

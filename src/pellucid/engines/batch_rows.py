"""Which images of an epoch's order make up each step's batch."""

from __future__ import annotations

from itertools import pairwise


def batch_rows(count: int, batch_size: int) -> list[slice]:
    """The batches of `count` images: the last one holds what is left.

    One image alone has no batch statistics: it joins the batch before.

    >>> batch_rows(10, 4)
    [slice(0, 4, None), slice(4, 8, None), slice(8, 10, None)]
    >>> batch_rows(9, 4)
    [slice(0, 4, None), slice(4, 9, None)]
    """
    full, rest = divmod(count, batch_size)
    steps = max(1, full + (rest > 1))
    return [slice(start, stop) for start, stop in pairwise([*range(0, steps * batch_size, batch_size), count])]

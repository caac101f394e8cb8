"""Two views of the same images, side by side in one set."""

from __future__ import annotations

import numpy as np

from pellucid.errors import UsageError
from pellucid.images import Images, Splits
from pellucid.views._parse import parts, viewed


def union(splits: Splits, *, value: str | None = None) -> Splits:
    """Each split seen through several views, one after the other: union=A+B, such as union=none+negative.

    A view that is itself a union stands in parentheses. Raises UsageError where the views differ in shape or scaling.
    """
    expressions = parts(value or "")
    if len(expressions) < 2 or not all(expressions):
        raise UsageError(
            f"view union: expected two views or more with + between them, found {value or 'none'}. "
            "Write union=none+negative or so."
        )
    seen = [viewed(splits, expression) for expression in expressions]
    for expression, other in zip(expressions, seen, strict=True):
        if other.shape != seen[0].shape:
            raise UsageError(
                f"view union: expected images of one shape, found {_x(seen[0].shape)} from {expressions[0]} and "
                f"{_x(other.shape)} from {expression}. Give both the same size and channels."
            )
        if other.scaling != seen[0].scaling:
            raise UsageError(
                f"view union: expected one scaling, found different ones from {expressions[0]} and {expression}. "
                "Put min_max or standardise after the union."
            )
    joined = {name: _joined([dict(other)[name] for other in seen]) for name, _ in splits}
    return Splits(**joined, scaling=seen[0].scaling)


def _joined(sets: list[Images]) -> Images:
    return Images(
        pixels=np.concatenate([images.pixels for images in sets]),
        labels=np.concatenate([images.labels for images in sets]),
        class_names=sets[0].class_names,
        sources=tuple(source for images in sets for source in images.sources),
        groups=tuple(group for images in sets for group in images.groups),
    )


def _x(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))

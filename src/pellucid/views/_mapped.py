"""What views of pixels share: the same change on all three splits, and no change after a scaling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import UsageError
from pellucid.images import Scaling, Splits


def mapped(view: str, splits: Splits, change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> Splits:
    """`splits` with the pixels N H W C of each replaced by `change` of them; labels stay."""
    require_unscaled(view, splits)
    parts = {name: replace(images, pixels=change(images.pixels)) for name, images in splits}
    return Splits(**parts, scaling=Scaling.unit(parts["train"].shape[2]))


def require_unscaled(view: str, splits: Splits) -> None:
    """Raises UsageError if a view before has set the scaling: its numbers would no longer be those of the images."""
    if splits.scaling != Scaling.unit(splits.shape[2]):
        raise UsageError(
            f"view {view}: expected pixels as they are, found them scaled by an earlier view. "
            "Put min_max or standardise last."
        )


def require_no_value(view: str, value: str | None) -> None:
    """Raises UsageError for a view that takes no value and is given one."""
    if value is not None:
        raise UsageError(f"view {view}: expected no value, found {value!r}. Write {view} alone.")


def whole_number(view: str, value: str | None) -> int:
    """The value of a view as a whole number of 1 or more; UsageError if it is none."""
    if value is None or not (value.isascii() and value.isdigit()) or int(value) < 1:
        found = "none" if value is None else repr(value)
        raise UsageError(f"view {view}: expected a whole number of 1 or more, found {found}. Write {view}=16 or so.")
    return int(value)

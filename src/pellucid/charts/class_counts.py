"""Images of each class."""

from __future__ import annotations

from pellucid.displays.bars import Bars
from pellucid.images import Splits


def class_counts(splits: Splits, *, title: str = "Images of each class") -> Bars:
    """A bar a class and split."""
    rows = [
        (name, split, int(count))
        for split, images in splits
        if len(images)
        for name, count in zip(splits.class_names, images.class_counts(), strict=True)
    ]
    names, groups, values = (tuple(column) for column in zip(*rows, strict=True)) if rows else ((), (), ())
    return Bars(names, values, "images", groups=groups, title=title)

"""Data sets: which there are, what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid import catalog
from pellucid.charts.samples import samples
from pellucid.datasets._load import load
from pellucid.displays.display import Display
from pellucid.displays.table import Table
from pellucid.images import Splits
from pellucid.verbs.options import data_spec


def data(name: Any, *, views: str | Sequence[str] | None = None, **options: Any) -> Splits:
    """The splits of a data set or a folder of images, as a run would have them. options: fields of `DataSpec`.

    Raises UsageError, DataError.

    >>> [len(images) for _, images in data("digits")]
    [1197, 300, 300]
    """
    given = {**options, "views": views or ()}
    return load(data_spec(name, {key: value for key, value in given.items() if value is not None}))


@dataclass(frozen=True, eq=False)
class Description:
    """What `pellucid data show` tells. means, deviations: of the training pixels 0 to 1, one a channel."""

    splits: Splits
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    counts: Table
    samples: Display

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "shape": list(self.splits.shape),
            "classes": list(self.splits.class_names),
            "images": {name: len(images) for name, images in self.splits},
            "class_counts": {name: images.class_counts().tolist() for name, images in self.splits},
            "pixel_mean": list(self.means),
            "pixel_std": list(self.deviations),
        }

    def text(self) -> str:
        """For a terminal."""
        height, width, channels = self.splits.shape
        numbers = "  ".join(f"{len(images):,} {name}" for name, images in self.splits)
        mean, std = (", ".join(f"{value:.4f}" for value in values) for values in (self.means, self.deviations))
        return (
            f"images      {numbers}\nsize        {height} x {width}, channels: {channels}\n"
            f"pixel mean  {mean}  (training images, 0 to 1)\npixel std   {std}\n\n{self.counts.text()}"
        )


def describe(splits: Splits, *, per_class: int = 10) -> Description:
    """Counts, pixel statistics of the training images, and samples, so many of each class."""
    pixels = splits.train.pixels.reshape(-1, splits.shape[2])
    # in float64 over byte counts: exact, and without a float copy of all pixels
    values = np.arange(256) / 255
    shares = [np.bincount(pixels[:, channel], minlength=256) / len(pixels) for channel in range(splits.shape[2])]
    means = tuple(float(share @ values) for share in shares)
    deviations = tuple(
        float(np.sqrt(share @ (values - mean) ** 2)) for share, mean in zip(shares, means, strict=True)
    )
    columns = [images.class_counts().tolist() for _, images in splits]
    return Description(
        splits,
        means,
        deviations,
        Table(
            title="",
            columns=("class", *(name for name, _ in splits)),
            rows=list(zip(splits.class_names, *columns, strict=True)),
        ),
        samples(splits.train, per_class=per_class),
    )


def listing() -> Table:
    """The data sets with their first docstring line."""
    names = catalog.names("datasets")
    return Table(
        title="", columns=("name", "what it is"), rows=[(name, catalog.summary("datasets", name)) for name in names]
    )

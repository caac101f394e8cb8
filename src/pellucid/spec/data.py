"""Which images a run uses, as data."""

from __future__ import annotations

from dataclasses import dataclass, field

from pellucid.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """A data set by name, how it is read, changed by views and split.

    Sizes of splits are numbers of images; None takes the data set's own (all that is left, for training).
    """

    name: str = field(metadata={"help": "data set: a name from `pellucid data list`"})
    path: str | None = field(
        default=None, metadata={"help": "folder of images, one folder a class (for image_folder)"}
    )
    size: int | None = field(
        default=None,
        metadata={"help": "side length in pixels that images are read at (image_folder, digits)"},
    )
    channels: int | None = field(default=None, metadata={"help": "1 for gray, 3 for colour (image_folder)"})
    unreadable: str = field(
        default="refuse",
        metadata={
            "help": "image files that cannot be read: refuse or skip (image_folder)",
            "choices": ("refuse", "skip"),
        },
    )
    group: str | None = field(
        default=None,
        metadata={"help": "regular expression over file names; files with the same match stay in one split"},
    )
    views: tuple[str, ...] = field(
        default=(), metadata={"help": "views in order, such as grayscale, centre_crop=28, standardise"}
    )
    validation_size: int | None = field(default=None, metadata={"help": "validation images"})
    test_size: int | None = field(
        default=None,
        metadata={"help": "test images; of a set with test images of its own the same number of each class"},
    )
    subset: int | None = field(
        default=None, metadata={"help": "train on this many images, the same number of each class"}
    )
    split_seed: int = field(default=0, metadata={"help": "seed of the splits; runs that share it share their splits"})

    def __post_init__(self) -> None:
        for name in ("size", "validation_size", "test_size", "subset"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name}: expected a whole number of 1 or more, found {value}.")
        if self.channels not in (None, 1, 3):
            raise UsageError(f"channels: expected 1 (gray) or 3 (colour), found {self.channels}.")
        if self.unreadable not in ("refuse", "skip"):
            raise UsageError(f"unreadable: expected refuse or skip, found {self.unreadable!r}.")
        views = (self.views,) if isinstance(self.views, str) else self.views
        object.__setattr__(self, "views", tuple(views))

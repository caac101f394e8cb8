"""How training images are varied from one epoch to the next, as data."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from pellucid.errors import UsageError

_IN_PIXELS = ("shift", "crop_padding", "reflect_padding", "cutout")


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random changes of each training image, drawn anew at every step; all off by default.

    They are done in the order of the fields, on bytes, before the scaling. What comes in from outside the image, but
    for `reflect_padding`, and the square of `cutout`, is the byte 0 (black). `pellucid.datasets._batches.draw` gives
    the exact definitions.

    Raises UsageError for a value outside its range, and for two that do the same.

    >>> Augmentation().active, Augmentation(shift=2).active
    (False, True)
    """

    horizontal_flip: bool = field(
        default=False, metadata={"help": "mirror half of the images, drawn anew each time, left to right"}
    )
    alternating_flip: bool = field(
        default=False,
        metadata={
            "help": "mirror half of the images left to right, the other half in the next epoch, and so on",
            "later": True,
        },
    )
    shift: int = field(default=0, metadata={"help": "move by up to this many pixels, in both directions"})
    crop_padding: int = field(
        default=0, metadata={"help": "add this many black pixels on all sides, then cut the old size out of it"}
    )
    reflect_padding: int = field(
        default=0,
        metadata={"help": "as crop_padding, with the image's mirror images around it, not black", "later": True},
    )
    brightness: float = field(default=0.0, metadata={"help": "add up to this share of white, or take it away"})
    contrast: float = field(
        default=0.0, metadata={"help": "stretch around the image's mean by a factor of 1 - contrast to 1 + contrast"}
    )
    cutout: int = field(default=0, metadata={"help": "blacken one square of this many pixels a side"})

    def __post_init__(self) -> None:
        for what in _IN_PIXELS:
            value = getattr(self, what)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise UsageError(f"{what}: expected a whole number of pixels, 0 or more, found {value}.")
        for what in ("brightness", "contrast"):
            value = getattr(self, what)
            if not 0 <= value <= 1:
                raise UsageError(f"{what}: expected a number from 0 to 1, found {value}.")

        for one, other in (("horizontal_flip", "alternating_flip"), ("crop_padding", "reflect_padding")):
            if getattr(self, one) and getattr(self, other):
                raise UsageError(f"{other}: expected it without {one}, found both. Leave out one.")

    @property
    def active(self) -> bool:
        """Whether anything is changed at all."""
        return any(getattr(self, item.name) for item in fields(self))

    def suits(self, shape: tuple[int, ...]) -> None:
        """Raises UsageError where images of `shape` (H, W, C) could be moved out of sight or blackened whole."""
        side = min(shape[:2])
        for what in _IN_PIXELS:
            if getattr(self, what) >= side:
                raise UsageError(
                    f"{what}: expected fewer pixels than the images' {side} a side, found {getattr(self, what)}. "
                    "Give a smaller number."
                )

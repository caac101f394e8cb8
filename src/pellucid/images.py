"""Images at rest: one ``uint8`` array N H W C beside its labels, and the splits made of them.

Everything that reads, changes or shows images speaks in these four types. Floats appear only in a batch, through
`Scaling`; nothing here knows torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import DataError


@dataclass(frozen=True, eq=False)
class Images:
    """Labelled images.

    pixels: uint8, N H W C with C of 1 or 3. labels: int64, N, each in ``range(len(class_names))``.
    sources: the file behind each image, for sets that have files; empty otherwise.
    groups: for each image a name of what it was cut from (a film, a patient), so that splits keep those together;
    empty where unknown.

    Raises DataError where shapes, types or labels do not fit.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    sources: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        pixels, labels, classes = self.pixels, self.labels, len(self.class_names)
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] not in (1, 3):
            raise DataError(
                f"images: expected uint8 of shape N x H x W x 1 or N x H x W x 3, found {pixels.dtype} of shape "
                f"{' x '.join(map(str, pixels.shape))}. Convert the array, for instance with .astype('uint8')."
            )
        if labels.shape != (len(pixels),):
            raise DataError(
                f"labels: expected one for each of the {len(pixels)} images, found shape {labels.shape}. "
                "Check that images and labels come from the same split."
            )
        outside = np.flatnonzero((labels < 0) | (labels >= classes))
        if outside.size:
            first = int(outside[0])
            raise DataError(
                f"labels: expected 0 to {classes - 1} for {classes} classes, found {int(labels[first])} at index "
                f"{first} ({outside.size} such labels). Mend the labels or name all classes."
            )
        for what in ("sources", "groups"):
            if getattr(self, what) and len(getattr(self, what)) != len(pixels):
                raise DataError(f"{what}: expected {len(pixels)} entries, found {len(getattr(self, what))}.")

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        _, height, width, channels = self.pixels.shape
        return height, width, channels

    def take(self, indices: NDArray[np.integer[Any]]) -> Images:
        """The images at `indices`, in that order."""
        return replace(
            self,
            pixels=self.pixels[indices],
            labels=self.labels[indices],
            sources=tuple(self.sources[i] for i in indices) if self.sources else (),
            groups=tuple(self.groups[i] for i in indices) if self.groups else (),
        )

    def class_counts(self) -> NDArray[np.int64]:
        """Images of each class, int64."""
        return np.bincount(self.labels, minlength=len(self.class_names)).astype(np.int64)

    def fingerprint(self) -> str:
        """SHA-256 over shape, pixels and labels: whether two arrays are the same images in the same order."""
        digest = hashlib.sha256(repr(self.pixels.shape).encode())
        digest.update(np.ascontiguousarray(self.pixels).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Scaling:
    """From a pixel to what the network sees: ``x = pixel * scale + shift``, one pair a channel.

    The default for C channels is ``x = pixel / 255``; the views `min_max` and `standardise` make others from the
    training split.
    """

    scale: tuple[float, ...]
    shift: tuple[float, ...]

    @classmethod
    def unit(cls, channels: int) -> Scaling:
        """Pixels 0 to 255 become 0 to 1."""
        return cls((1 / 255,) * channels, (0.0,) * channels)

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """float32 of the shape of `pixels` (channels last)."""
        scaled = pixels.astype(np.float32) * np.asarray(self.scale, np.float32) + np.asarray(self.shift, np.float32)
        return scaled.astype(np.float32, copy=False)


@dataclass(frozen=True, eq=False)
class Splits:
    """What a run trains on, chooses by and is judged by."""

    train: Images
    validation: Images
    test: Images
    scaling: Scaling

    def __iter__(self) -> Iterator[tuple[str, Images]]:
        yield from (("train", self.train), ("validation", self.validation), ("test", self.test))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels of every image."""
        return self.train.shape

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.train.class_names

    def fingerprint(self) -> str:
        """SHA-256 over the three splits and the scaling."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        parts = [images.fingerprint() for _, images in self] + [repr(self.scaling)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Dataset:
    """What a file in `datasets` returns: the set as published, before any split is drawn.

    test, validation: None where the set has no split of that name; it is then drawn from `train`.
    validation_size, test_size: images to draw where a split is missing and the user names no size.
    sizes: the side lengths in pixels that the set can be read at, preferred first; empty where there is one only.
    skipped: files left out because they could not be read, each with its reason.
    ignored: number of files left alone: hidden, without an image's ending, or outside of all class folders.
    """

    name: str
    train: Images
    test: Images | None = None
    validation: Images | None = None
    validation_size: int = 0
    test_size: int = 0
    sizes: tuple[int, ...] = ()
    skipped: tuple[str, ...] = field(default=())
    ignored: int = 0

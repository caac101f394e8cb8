"""The order of images and their random changes, each a pure function of (seed, epoch, step).

Nothing here keeps a generator's state, so a killed run resumes to the same bits. Draws are NumPy arrays; `apply` does
them on pixels of NumPy or of a tensor library alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.spec.augmentation import Augmentation

#: Names of the independent streams of one seed.
_ORDER, _CHANGES, _MIRRORED = 101, 102, 103


def permutation(n: int, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """The order of `n` images in an epoch, int64, N.

    >>> permutation(5, seed=0, epoch=1).tolist() == permutation(5, seed=0, epoch=1).tolist()
    True
    """
    return np.random.default_rng([seed, _ORDER, epoch]).permutation(n).astype(np.int64, copy=False)


def batch_indices(n: int, batch_size: int, *, seed: int, epoch: int) -> Iterator[NDArray[np.int64]]:
    """The epoch's `permutation` in batches; the last one holds what is left.

    >>> [len(batch) for batch in batch_indices(10, 4, seed=0, epoch=1)]
    [4, 4, 2]
    """
    order = permutation(n, seed=seed, epoch=epoch)
    for start in range(0, n, batch_size):
        yield order[start : start + batch_size]


@dataclass(frozen=True, eq=False)
class Draw:
    """The random changes of one batch of N images.

    rows, columns: int64, N H and N W, where in the original each row and column comes from; -1 is outside of it.
    keep: bool, N H W, False where the result is the byte 0; None where all are kept.
    gain, offset: float32, N; ``v' = mean + gain * (v - mean) + offset`` with the mean over the image's bytes, then
    rounded and clipped to 0..255; None where neither changes.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    keep: NDArray[np.bool_] | None
    gain: NDArray[np.float32] | None
    offset: NDArray[np.float32] | None


def draw(
    augmentation: Augmentation,
    *,
    images: NDArray[np.int64],
    shape: tuple[int, ...],
    seed: int,
    epoch: int,
    step: int,
) -> Draw:
    """The changes of a batch of images of `shape` (H, W, C), a pure function of its arguments.

    images: their places among the training images, N, by which `alternating_flip` knows them.

    Each image has nine numbers u in [0, 1), one for each question, so that switching one change on or off, or a
    shorter batch, leaves the others as they were. With u: flipped where u < 1/2; moved down and right by
    ``floor(u * (2 s + 1)) - s`` pixels for shift s, and after that in the same way for crop_padding; brightness
    ``255 b (2u - 1)``; contrast ``1 + c (2u - 1)``; the square's centre at row ``floor(u * H)`` and column
    ``floor(u * W)``, the square from ``centre - floor(side / 2)`` on, cut at the border. reflect_padding moves as
    crop_padding does, and beyond the border the image goes on as its own mirror image, the border once.
    alternating_flip has one number u for each training image and flips it in odd epochs where u < 1/2, in even ones
    elsewhere.

    Sources: random crop after padding, he2016; alternating flips, jordan2024; cutout, devries2017
    (docs/bibliography.bib).
    """
    height, width = shape[:2]
    count = len(images)
    u = np.random.default_rng([seed, _CHANGES, epoch, step]).random((count, 9))
    rows = np.tile(np.arange(height), (count, 1))
    columns = np.tile(np.arange(width), (count, 1))
    if augmentation.horizontal_flip:
        columns = np.where(u[:, :1] < 0.5, columns[:, ::-1], columns)
    if augmentation.alternating_flip:
        at_first = np.random.default_rng([seed, _MIRRORED]).random(images.max(initial=0) + 1)[images] < 0.5
        columns = np.where((at_first == (epoch % 2 == 1))[:, None], columns[:, ::-1], columns)
    for reach, first, reflected in (
        (augmentation.shift, 1, False),
        (augmentation.crop_padding, 3, False),
        (augmentation.reflect_padding, 3, True),
    ):
        if reach:
            rows = _moved(rows, reach, u[:, first], reflected=reflected)
            columns = _moved(columns, reach, u[:, first + 1], reflected=reflected)

    keep = None
    if augmentation.shift or augmentation.crop_padding:
        keep = (rows >= 0)[:, :, None] & (columns >= 0)[:, None, :]
    if augmentation.cutout:
        in_row, in_column = (_in_square(size, augmentation.cutout, u[:, k]) for size, k in ((height, 7), (width, 8)))
        outside = ~(in_row[:, :, None] & in_column[:, None, :])
        keep = outside if keep is None else keep & outside

    gain = offset = None
    if augmentation.brightness or augmentation.contrast:
        offset = (255 * augmentation.brightness * (2 * u[:, 5] - 1)).astype(np.float32)
        gain = (1 + augmentation.contrast * (2 * u[:, 6] - 1)).astype(np.float32)
    return Draw(rows, columns, keep, gain, offset)


def _moved(places: NDArray[np.int64], reach: int, u: NDArray[np.float64], *, reflected: bool) -> NDArray[np.int64]:
    """`places` moved towards the end by up to `reach`; -1 comes in behind, or their own mirror image."""
    offsets = np.floor(u * (2 * reach + 1)).astype(np.int64) - reach
    origin = np.arange(places.shape[1]) - offsets[:, None]
    if reflected:
        last = places.shape[1] - 1
        origin = last - np.abs(last - origin % max(2 * last, 1))
    inside = (origin >= 0) & (origin < places.shape[1])
    return np.where(inside, np.take_along_axis(places, np.where(inside, origin, 0), axis=1), -1)


def _in_square(size: int, side: int, u: NDArray[np.float64]) -> NDArray[np.bool_]:
    first = np.floor(u * size)[:, None] - side // 2
    place = np.arange(size)
    return (place >= first) & (place < first + side)


def apply(pixels: Any, draw: Draw) -> Any:
    """`pixels` (uint8, N H W C; an array or a tensor) with the changes of `draw`: the same kind, type and shape.

    One gather, one multiplication by the mask, and for brightness and contrast float32 arithmetic in one order, so
    that arrays and tensors get the same bytes.
    """
    count, height, width, channels = pixels.shape
    rows = np.arange(count)[:, None] * height + np.maximum(draw.rows, 0)
    places = (rows * width)[:, :, None] + np.maximum(draw.columns, 0)[:, None, :]
    # of gray images a vector: PyTorch gathers rows of one byte five times as slowly
    values = pixels.reshape(-1) if channels == 1 else pixels.reshape(-1, channels)
    changed = _gathered(values, places.reshape(-1)).reshape(pixels.shape)
    if draw.gain is not None and draw.offset is not None:
        floats = _floats(changed)
        gain, offset = _beside(floats, draw.gain), _beside(floats, draw.offset)
        # Divided by an array: accelerators turn division by a number into a product with its rounded inverse.
        size = _beside(floats, np.array([height * width * channels], np.float32))
        mean = _floats(pixels.reshape(count, -1).sum(-1)) / size
        base = mean * (1 - gain) + offset
        floats *= gain[:, None, None, None]
        floats += base[:, None, None, None] + 0.5
        changed[...] = floats.clip(0, 255.5)
    if draw.keep is not None:
        changed *= _beside(pixels, draw.keep)[..., None]
    return changed


def _gathered(values: Any, places: NDArray[np.int64]) -> Any:
    """The entries of `values` at `places`."""
    if isinstance(values, np.ndarray):
        return values.take(places, axis=0)
    return values.index_select(0, _beside(values[:0].long(), places))


def _floats(values: Any) -> Any:
    """float32 of an array or a tensor."""
    return values.astype(np.float32) if isinstance(values, np.ndarray) else values.float()


def _beside(values: Any, array: NDArray[Any]) -> Any:
    """`array` for arithmetic with `values`: for a tensor, a tensor of its type on its device."""
    return array if isinstance(values, np.ndarray) else values.new_tensor(array)

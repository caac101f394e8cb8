"""The user's own images: a folder for each class."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets._cache import Arrays, cached
from pellucid.datasets._decode import UnreadableError, decoded, measured
from pellucid.datasets._listing import Listing, listing
from pellucid.datasets._progress import Progress
from pellucid.errors import DataError, UsageError
from pellucid.images import Dataset, Images
from pellucid.views._luma import luma

_LARGEST_SIDE = 1024
_THREADS = 2
#: Share of the images drawn for validation, and for the test, where the folder has no such part.
_SHARE = 0.15
_SHOWN = 5

_Result = TypeVar("_Result")


def image_folder(
    *, path: str | None = None, size: int | None = None, channels: int | None = None, unreadable: str = "refuse"
) -> Dataset:
    """Your own images: a folder for each class, with or without train/, validation/ and test/ above them.

    size: side length in pixels to read at, height and width squeezed to a square; needed where sizes differ.
    channels: 1 or 3; None takes 1 if all files are gray, else 3. unreadable: "refuse" stops at files that cannot be
    read, "skip" leaves them out and lists them in the set's `skipped`.

    The decoded images are kept in the user's cache until a file changes. Raises DataError for another layout, classes
    that differ between the parts, images of several sizes without `size`, and unreadable files that are refused.
    """
    if not path:
        raise UsageError("image_folder, path: expected a folder of images, found none. Give its path.")
    if size is not None and not 1 <= size <= _LARGEST_SIDE:
        raise UsageError(f"image_folder, size: expected 1 to {_LARGEST_SIDE} pixels a side, found {size}.")
    files = listing(Path(path))
    arrays, notes = cached(
        "image_folder",
        where=[str(Path(path).absolute()), size, channels, unreadable],
        content=files.stamps(),
        read=lambda: _read(files, size, channels, skip=unreadable == "skip"),
    )
    parts = {part: _images(files, part, arrays[f"{part}_pixels"], arrays[f"{part}_kept"]) for part in files.parts}
    share = max(len(files.class_names), round(_SHARE * len(parts["train"])))
    return Dataset(
        name="image_folder",
        train=parts["train"],
        test=parts.get("test"),
        validation=parts.get("validation"),
        validation_size=share,
        test_size=share,
        skipped=tuple(notes["skipped"]),
        ignored=files.ignored,
    )


def _images(files: Listing, part: str, pixels: NDArray[np.uint8], kept: NDArray[np.int64]) -> Images:
    listed = [files.parts[part][index] for index in kept]
    images = Images(
        pixels=pixels,
        labels=np.array([label for _, label in listed], np.int64),
        class_names=files.class_names,
        sources=tuple(name for name, _ in listed),
    )
    empty = [name for name, count in zip(files.class_names, images.class_counts(), strict=True) if not count]
    if empty:
        raise DataError(
            f"{files.root}, {part}: expected images in each class folder, found none in "
            f"{', '.join(map(repr, empty))}. Add images (PNG, JPEG, BMP, GIF, TIFF, WebP, PPM), "
            "or take the folder out."
        )
    return images


def _read(files: Listing, size: int | None, channels: int | None, *, skip: bool) -> tuple[Arrays, dict[str, Any]]:
    """All pixels of each part with the indices of the files that they come from, and the files left out."""
    names = [name for part in files.parts.values() for name, _ in part]
    height, width = (size, size) if size else _common_size(files.root, names)
    arrays: Arrays = {}
    failures: list[str] = []
    coloured = False
    for part, listed in files.parts.items():
        names_of_part = [name for name, _ in listed]
        pixels, results = _decode_all(files.root, names_of_part, (height, width, channels or 3), part)
        kept = np.array([index for index, result in enumerate(results) if isinstance(result, bool)], np.int64)
        failures += [
            f"{name}: {result}"
            for name, result in zip(names_of_part, results, strict=True)
            if isinstance(result, str)
        ]
        coloured = coloured or True in results
        arrays[f"{part}_pixels"] = pixels if len(kept) == len(listed) else pixels[kept]
        arrays[f"{part}_kept"] = kept
    if failures and not skip:
        raise DataError(_refusal(files.root, len(names), failures))
    if channels is None and not coloured:
        arrays |= {f"{part}_pixels": arrays[f"{part}_pixels"][..., :1].copy() for part in files.parts}
    return arrays, {"skipped": failures}


def _decode_all(
    root: Path, names: list[str], shape: tuple[int, int, int], part: str
) -> tuple[NDArray[np.uint8], list[bool | str]]:
    """Pixels of all files, and for each whether it is in colour, or the reason why it cannot be read."""
    height, width, channels = shape
    pixels = np.empty((len(names), *shape), np.uint8)

    def decode(index: int) -> bool:
        image = decoded(root / names[index], height, width)
        in_colour = bool(image.shape[2] > 1)
        pixels[index] = luma(image[None])[0] if in_colour and channels == 1 else image
        return in_colour

    return pixels, _each(decode, range(len(names)), f"{root.name}, {part}")


def _refusal(root: Path, total: int, failures: list[str]) -> str:
    shown = "; ".join(failures[:_SHOWN])
    more = f"; and {len(failures) - _SHOWN:,} more" if len(failures) > _SHOWN else ""
    return (
        f"{root}: expected {total:,} images that can be read, found {len(failures):,} that cannot ({shown}{more}). "
        "Mend or remove them, or leave them out with --unreadable skip."
    )


def _common_size(root: Path, names: list[str]) -> tuple[int, int]:
    """Height and width of all images. Raises DataError where they differ, with the sizes and how many have each."""
    sizes = Counter(
        found for found in _each(lambda name: measured(root / name), names, root.name) if not isinstance(found, str)
    )
    if len(sizes) > 1:
        common = sizes.most_common()
        shown = ", ".join(f"{width}x{height} ({count:,})" for (height, width), count in common[:_SHOWN])
        more = f" and {len(common) - _SHOWN:,} more" if len(common) > _SHOWN else ""
        raise DataError(
            f"{root}: expected images of one size, found {len(common):,} sizes, width x height: {shown}{more}. "
            "Choose a side length in pixels with --size, such as --size 64."
        )
    height, width = next(iter(sizes), (1, 1))
    if max(height, width) > _LARGEST_SIDE:
        raise DataError(
            f"{root}: expected images of at most {_LARGEST_SIDE} pixels a side, found {width}x{height}. "
            "Choose a side length in pixels with --size, such as --size 64."
        )
    return height, width


def _each(work: Callable[[Any], _Result], items: Sequence[Any], label: str) -> list[_Result | str]:
    """`work` on each item in threads; in place of a result the reason where a file is unreadable."""

    def careful(item: Any) -> _Result | str:
        try:
            return work(item)
        except UnreadableError as reason:
            return str(reason)

    progress = Progress(label, len(items), "images")
    results = []
    pool = ThreadPoolExecutor(_THREADS)
    try:
        with warnings.catch_warnings():
            # Pillow's remarks on odd but readable files; what it cannot read it raises.
            warnings.simplefilter("ignore")
            for result in pool.map(careful, items):
                results.append(result)
                progress.update(len(results))
    finally:
        pool.shutdown(cancel_futures=True)
        progress.close()
    return results

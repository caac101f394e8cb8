"""Images that stand in a data set twice: to the pixel, or nearly so (cropped, resized, recompressed, relit).

A near duplicate is found in two steps. Every image is averaged down to a small square, its mean taken away, its
length made 1, once whole and once for each of a few dozen crops; the product of such vectors is their correlation,
and one matrix product a crop finds for each image those that resemble it. What resembles is then compared at a finer
scale, the crop's place and size searched in small steps, and kept if the correlation there is high enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Side of the square in the first and in the second step.
COARSE, FINE = 12, 20
#: Correlation from which on two images are looked at again, and from which on they count as near duplicates.
SIMILAR, SAME = 0.85, 0.985
#: For each image so many that resemble it are looked at again.
CANDIDATES = 2
#: Sides of the crops that are looked for, as shares of the whole.
SIDES = (1.0, 0.96, 0.92, 0.885)
#: Images with a standard deviation below this (of 255) hold nothing to compare.
FLAT = 2.0

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Pair:
    """Two images by index, `first` the earlier; similarity: 1 for an exact copy, else the correlation found."""

    first: int
    second: int
    exact: bool
    similarity: float


@dataclass(frozen=True)
class Crop:
    """A part of an image: top, left and side as shares of the whole; the whole is Crop(0, 0, 1)."""

    top: float = 0.0
    left: float = 0.0
    side: float = 1.0


def exact_duplicates(pixels: NDArray[np.uint8]) -> list[Pair]:
    """Every image that is the copy of an earlier one, paired with the first of its kind. pixels: N H W C."""
    first: dict[bytes, int] = {}
    pairs = []
    for index, image in enumerate(np.ascontiguousarray(pixels)):
        original = first.setdefault(image.tobytes(), index)
        if original != index:
            pairs.append(Pair(original, index, exact=True, similarity=1.0))
    return pairs


def near_duplicates(pixels: NDArray[np.uint8]) -> list[Pair]:
    """Images that nearly are another one, each pair once, most similar first; exact copies are left out.

    pixels: N H W C. Compares every image with every other: 5,000 images of 32x32 take seconds on two cores, and ten
    times as many images a hundred times as long.
    """
    gray = _gray(pixels)
    lively = np.flatnonzero(gray.reshape(len(gray), -1).std(axis=1) >= FLAT)
    gray = gray[lively]
    if len(gray) < 2:
        return []
    found: dict[tuple[int, int], float] = {}
    of, among, crops = _candidates(gray)
    for cropped, whole, similarity in _verified(gray, of, among, crops):
        key = (min(cropped, whole), max(cropped, whole))
        if not np.array_equal(pixels[lively[cropped]], pixels[lively[whole]]):
            found[key] = max(similarity, found.get(key, 0.0))
    pairs = [Pair(int(lively[i]), int(lively[j]), False, value) for (i, j), value in found.items()]
    return sorted(pairs, key=lambda pair: (-pair.similarity, pair.first, pair.second))


def _gray(pixels: NDArray[np.uint8]) -> Floats:
    """N H W float32: the mean over channels."""
    gray: Floats = pixels.astype(np.float32).mean(axis=3)
    return gray


def _averaging(length: int, start: float, extent: float, cells: int) -> Floats:
    """cells x length: each row averages its share of ``start`` to ``start + extent``, pixels in part where cut."""
    edges = length * (start + extent * np.arange(cells + 1) / cells)
    pixel = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    weights = np.clip(overlap, 0, None)
    shares: Floats = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def _described(gray: Floats, crop: Crop, cells: int) -> Floats:
    """N x cells^2: the crop averaged down, mean 0 and length 1."""
    height, width = gray.shape[1:]
    down = _averaging(height, crop.top, crop.side, cells)
    across = _averaging(width, crop.left, crop.side, cells)
    small: Floats = (down @ gray @ across.T).reshape(len(gray), -1).astype(np.float32, copy=False)
    small -= small.mean(axis=1, keepdims=True)
    small /= np.maximum(np.linalg.norm(small, axis=1, keepdims=True), 1e-6)
    return small


def _crops() -> Iterator[Crop]:
    """The crops of the first step: for each side, places from corner to corner."""
    for side in SIDES:
        places = (0.0,) if side == 1.0 else (0.0, (1 - side) / 2, 1 - side)
        for top, left in product(places, places):
            yield Crop(top, left, side)


def _candidates(gray: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp], list[Crop]]:
    """Images whose crop resembles another image whole: indices of the one and the other, and the crop."""
    whole = _described(gray, Crop(), COARSE)
    crops = list(_crops())
    n = len(gray)
    best = np.full((n, CANDIDATES), SIMILAR, np.float32)
    who = np.full((n, CANDIDATES), -1, np.intp)
    how = np.zeros((n, CANDIDATES), np.intp)
    block = max(1, 2**24 // n)
    for number, crop in enumerate(crops):
        part = whole if crop == Crop() else _described(gray, crop, COARSE)
        for start in range(0, n, block):
            similar = whole[start : start + block] @ part.T
            rows = np.arange(len(similar))
            similar[rows, start + rows] = -1
            for _ in range(CANDIDATES):
                top = similar.argmax(axis=1)
                _insert(best, who, how, start + rows, top, similar[rows, top], number)
                similar[rows, top] = -1
    one, place = np.nonzero(who >= 0)
    return who[one, place], one, [crops[how[i, k]] for i, k in zip(one, place, strict=True)]


def _insert(
    best: Floats,
    who: NDArray[np.intp],
    how: NDArray[np.intp],
    rows: NDArray[np.intp],
    top: NDArray[np.intp],
    value: Floats,
    number: int,
) -> None:
    """Puts a new candidate in the place of the same image's, or of the weakest, where it is stronger."""
    known = who[rows] == top[:, None]
    place = np.where(known.any(axis=1), known.argmax(axis=1), best[rows].argmin(axis=1))
    better = value > best[rows, place]
    at = rows[better], place[better]
    best[at], who[at], how[at] = value[better], top[better], number


def _verified(
    gray: Floats, of: NDArray[np.intp], among: NDArray[np.intp], crops: list[Crop]
) -> Iterator[tuple[int, int, float]]:
    """Those candidates whose correlation at the finer scale is at least `SAME` for some crop near the first one."""
    place = np.array([[crop.top, crop.left, crop.side] for crop in crops], np.float32).reshape(-1, 3)
    target = _described(gray, Crop(), FINE)[among]
    score = _correlation(gray, of, place, target)
    for step in (0.03, 0.015, 0.008):
        open_ = np.flatnonzero(score > SAME - 8 * step)  # a step moves the correlation by less than this
        if not open_.size:
            break
        moves = [move for move in product((-step, 0.0, step), repeat=3) if any(move)]
        centre = place[open_].copy()
        for move in moves:
            trial = centre + np.array(move, np.float32)
            trial[:, 2] = np.clip(trial[:, 2], 0.8, 1.0)
            trial[:, :2] = np.clip(trial[:, :2], 0.0, 1.0 - trial[:, 2:])
            value = _correlation(gray, of[open_], trial, target[open_])
            better = value > score[open_]
            score[open_[better]], place[open_[better]] = value[better], trial[better]
    for k in np.flatnonzero(score >= SAME):
        yield int(of[k]), int(among[k]), float(score[k])


def _correlation(gray: Floats, of: NDArray[np.intp], place: Floats, target: Floats) -> Floats:
    """For each candidate the correlation of its crop with the other image, both at the finer scale."""
    found = np.empty(len(of), np.float32)
    height, width = gray.shape[1:]
    for start in range(0, len(of), 4096):
        rows = slice(start, start + 4096)
        down = _averaging_each(height, place[rows, 0], place[rows, 2])
        across = _averaging_each(width, place[rows, 1], place[rows, 2])
        small = (down @ gray[of[rows]] @ across.transpose(0, 2, 1)).reshape(len(down), -1)
        small -= small.mean(axis=1, keepdims=True)
        length = np.maximum(np.linalg.norm(small, axis=1), 1e-6)
        found[rows] = (small * target[rows]).sum(axis=1) / length
    return found


def _averaging_each(length: int, start: Any, extent: Any) -> Floats:
    """`_averaging` with a start and an extent of its own for each: M x FINE x length."""
    edges = length * (start[:, None] + extent[:, None] * np.arange(FINE + 1, dtype=np.float32) / FINE)
    pixel = np.arange(length, dtype=np.float32)
    overlap = np.minimum(edges[:, 1:, None], pixel + 1) - np.maximum(edges[:, :-1, None], pixel)
    weights = np.clip(overlap, 0, None)
    found: Floats = weights / np.maximum(weights.sum(axis=2, keepdims=True), 1e-9)
    return found

"""Maps over images: each image with the numbers that belong to its pixels below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.displays.colours import around_gray, positive, signed
from pellucid.displays.display import Display
from pellucid.displays.image_grid import ImageGrid

KINDS = ("picture", "signed", "positive")
_COLUMNS = 10


@dataclass(frozen=True, eq=False)
class Maps(Display):
    """array: floats N C H W, unscaled. images: uint8 N H W C, drawn above; of any size.

    kind: "picture" draws the channels as colours around gray, "signed" their sum in two colours around zero,
    "positive" their sum from zero up. Each map has its own scale, whose end is written below it. twin: the same of
    randomised weights, drawn as a third row on its own scales; similarity: of each map with its twin.
    """

    array: NDArray[Any]
    images: NDArray[np.uint8]
    kind: str
    name: str
    captions: Sequence[str] = ()
    title: str = ""
    twin: NDArray[Any] | None = None
    similarity: Sequence[float] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "name": self.name,
            "captions": list(self.captions),
            "array": self.array,
            "similarity": list(self.similarity),
        }

    @cached_property
    def grid(self) -> ImageGrid:
        """Images and maps in rows of at most ten."""
        height = max(self.images.shape[1], *(self.array.shape[2:])) if len(self.array) else 1
        rows: list[tuple[str, NDArray[np.uint8], list[str]]] = []
        bounds = self._bounds(self.array)
        maps = self._drawn(self.array, bounds)
        twins = None if self.twin is None else self._drawn(self.twin, self._bounds(self.twin))
        count = len(self.array)
        columns = min(_COLUMNS, max(count, 1))
        cells: list[NDArray[np.uint8]] = []
        captions: list[str] = []
        names: list[str] = []
        size = (height, height if not count else max(self.images.shape[2], self.array.shape[3]))
        for start in range(0, count, columns):
            stop = min(start + columns, count)
            rows = [
                ("image", self.images[start:stop], list(self.captions[start:stop]) or [""] * (stop - start)),
                (self.name, maps[start:stop], [self._scale(bound) for bound in bounds[start:stop]]),
            ]
            if twins is not None:
                told = [f"similarity {one:.2f}" for one in self.similarity[start:stop]]
                rows.append(("random weights", twins[start:stop], told))
            for name, pictures, words in rows:
                names.append(name)
                for picture in pictures:
                    cells.append(_sized(picture, size))
                cells += [np.full((*size, 3), 255, np.uint8)] * (columns - len(pictures))
                captions += [*words, *[""] * (columns - len(pictures))]
        empty = np.zeros((0, *size, 3), np.uint8)
        return ImageGrid(
            np.stack(cells) if cells else empty, captions, columns=columns, row_names=names, title=self.title
        )

    def _shown(self, one: NDArray[Any]) -> NDArray[Any]:
        return one if self.kind == "picture" else one.sum(0)

    def _bounds(self, array: NDArray[Any]) -> list[float]:
        """The largest absolute value of each map, as it is drawn."""
        return [float(np.abs(self._shown(one)).max(initial=0)) for one in array]

    def _scale(self, bound: float) -> str:
        return f"{'' if self.kind == 'positive' else '±'}{bound:.2g}"

    def _drawn(self, array: NDArray[Any], bounds: Sequence[float]) -> NDArray[np.uint8]:
        """uint8 N H W 3."""
        found = []
        for one, bound in zip(array, bounds, strict=True):
            if self.kind == "picture":
                drawn = around_gray(one.transpose(1, 2, 0), bound)
                drawn = drawn if drawn.shape[2] == 3 else around_gray(one.mean(0)[..., None], bound)
                found.append(drawn.repeat(3 // drawn.shape[2], axis=2))
            else:
                found.append((signed if self.kind == "signed" else positive)(one.sum(0), bound))
        return np.stack(found) if found else np.zeros((0, *array.shape[2:], 3), np.uint8)

    def svg(self) -> str:
        return self.grid.svg()

    def png(self) -> bytes:
        return self.grid.png()


def _sized(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """uint8 H W 3 of `size`, nearest neighbour."""
    rows = np.arange(size[0]) * picture.shape[0] // size[0]
    columns = np.arange(size[1]) * picture.shape[1] // size[1]
    found: NDArray[np.uint8] = picture[rows[:, None], columns]
    return found if found.shape[2] == 3 else found[..., :1].repeat(3, axis=2)

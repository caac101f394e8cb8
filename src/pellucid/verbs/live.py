"""A run held ready for pictures as they are drawn, dropped or moved, and what it makes of them."""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Sequence
from copy import deepcopy
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets._decode import UnreadableError, measured
from pellucid.errors import DataError, UsageError
from pellucid.images import Images
from pellucid.verbs.predict import as_run_sees
from pellucid.verbs.run import Run
from pellucid.views._luma import luma

#: A drawing has this many points along each pixel of the network's image; fewer where there would be more than
#: `POINTS` along its longer side.
FINE, POINTS = 4, 256
#: A dropped picture with more pixels is refused before any is read.
LARGEST_PICTURE = 40_000_000
#: Side of the box into which a digit is fitted, and width of a pen like its writers', as shares of the image's side,
#: by data set. MNIST's digits take 20 of 28 pixels; those of scikit-learn all of their 8, in strokes wider than one.
HANDS = {"mnist": (20 / 28, 2.4 / 28), "digits": (1.0, 5 / 28)}
#: Width of a pen for other data sets.
PEN = 2.4 / 28


class Live:
    """One run's network, asked from any thread.

    shape: height, width, channels of what it sees. layers: those whose maps are told. fine: points of a drawing along
    each of its pixels. box: see `HANDS`; None where drawings are taken as they stand. pen: width of a stroke, in
    pixels of the network's image.
    """

    def __init__(self, run: Run, *, weights: str = "best") -> None:
        from pellucid.inspection._answer import Responder

        self.run, self.shape, self.class_names = run, run.input_shape, run.class_names
        self._responder = Responder(run.inspected(weights=weights), self.shape)
        self.layers = self._responder.layers
        self.box: float | None
        self.box, share = HANDS.get(run.spec.data.name, (None, PEN))
        self.pen = share * min(self.shape[:2])
        self.fine = max(1, min(FINE, POINTS // max(self.shape[:2])))

    @cached_property
    def _apart(self) -> tuple[Any, Lock]:
        """The same network once more, for what takes long: answers need not wait for it."""
        with self._responder.lock:
            return deepcopy(self._responder.subject), Lock()

    @cached_property
    def paper(self) -> int:
        """The gray around what the images show, 0 or 255, by the border of the first of the test; 0 without any."""
        pixels = self.run.images("test").pixels[:200]
        if not len(pixels):
            return 0
        border = np.ones(self.shape[:2], np.bool_)
        border[1:-1, 1:-1] = False
        return 255 if float(np.median(pixels[:, border])) > 127 else 0

    def image(self, split: str, index: int) -> tuple[NDArray[np.uint8], str]:
        """An image of the run's data, uint8 H W C, and its class.

        Raises UsageError for a split or number that is not there.
        """
        images = self.run.images(split)
        if not 0 <= index < len(images):
            raise UsageError(f"image: expected a number from 0 to {len(images) - 1} (split {split}), found {index}.")
        pixels: NDArray[np.uint8] = images.pixels[index]
        return pixels, self.class_names[int(images.labels[index])]

    def find(self, split: str, index: int, label: int, *, step: int = 1) -> int:
        """The number of the next image of a class, or of the one before; beyond the last comes the first.

        Raises UsageError for a class that is not there, or that has no image in the split.
        """
        rows = np.flatnonzero(self.run.images(split).labels == label)
        if not len(rows):
            raise UsageError(
                f"class: expected one of the {len(self.class_names)} with images in the split {split}, found {label}."
            )
        if step < 0:
            before = rows[rows < index]
            return int(before[-1] if len(before) else rows[-1])
        after = rows[rows > index]
        return int(after[0] if len(after) else rows[0])

    def picture(self, data: bytes) -> NDArray[np.uint8]:
        """The bytes of a picture file as the run's images are, uint8 H W C: read at their size, through their views.

        Raises DataError for what is no picture, or one of more than `LARGEST_PICTURE` pixels.
        """
        with tempfile.TemporaryDirectory(prefix="pellucid-") as folder:
            path = Path(folder) / "picture"
            path.write_bytes(data)
            try:
                height, width = measured(path)
            except UnreadableError as error:
                raise DataError(f"picture: expected a PNG, JPEG or other picture, found {error}.") from None
            if height * width > LARGEST_PICTURE:
                raise DataError(
                    f"picture: expected at most {LARGEST_PICTURE:,} pixels, found {width:,} x {height:,}. "
                    "Make it smaller first."
                )
            try:
                read: NDArray[np.uint8] = as_run_sees(self.run, [path]).pixels[0]
            except DataError:
                raise DataError("picture: expected one that can be read to its end, found a damaged file.") from None
            return read

    def seen(
        self, surface: NDArray[np.uint8], *, centre: bool = False, invert: bool = False, noise: float = 0.0
    ) -> NDArray[np.uint8]:
        """What the network gets of a drawing: uint8 H W C from uint8 of any height and width and 1 or 3 channels.

        Each pixel is the mean of the points above it. centre: fitted into the run's `box` and centred as MNIST's
        digits were. invert: light and dark change places. noise: normal, its standard deviation in gray values; the
        same drawing gets the same noise. In this order.

        Raises UsageError for noise outside 0 to 255.
        """
        if not 0 <= noise <= 255:
            raise UsageError(f"noise: expected 0 to 255 gray values, found {noise}.")
        height, width, channels = self.shape
        drawn = _with_channels(surface, channels)
        if centre and self.box is not None:
            found = centred(drawn, (height, width), box=self.box, paper=self.paper)
        else:
            found = averaged(drawn, height, width)
        if invert:
            found = 255 - found
        if noise:
            grain = np.random.default_rng(0).normal(0.0, noise, found.shape)
            found = np.rint(np.clip(found + grain, 0, 255)).astype(np.uint8)
        return found

    def answer(self, pixels: NDArray[np.uint8], *, most: int = 64, whole: Sequence[str] = ()) -> Any:
        """Probabilities and maps, an `inspection._answer.Answer`, of one picture as the network gets it."""
        return self._responder.answer(self._checked(pixels), most=most, whole=whole)

    def neuron(
        self, pixels: NDArray[np.uint8], layer: str, channel: int, row: int = 0, column: int = 0
    ) -> dict[str, Any]:
        """How a neuron came to its value on a picture, as plain data: `steps` and the pixels of its receptive field.

        field: first and last row, first and last column, both ends included; None where it sees the whole picture.

        Raises UsageError for a layer, channel or place that is not there.
        """
        from pellucid.inspection._account import Neuron
        from pellucid.inspection._arithmetic import arithmetic

        responder = self._responder
        x = responder.floats(self._checked(pixels))
        with responder.lock:
            steps = arithmetic(responder.subject, x, Neuron(layer, channel, row, column), self.layers)
        info = next(one for one in self.layers if one.name == layer)
        field = info.field
        seen = None if field is None else [*field.height.pixels(row), *field.width.pixels(column)]
        return {"steps": [step.to_dict() for step in steps], "field": seen}

    def occlusion(
        self,
        pixels: NDArray[np.uint8],
        *,
        target: int | None = None,
        size: int | None = None,
        stride: int | None = None,
    ) -> dict[str, Any]:
        """The probability of a class while a gray square hides a part of the picture, by place of the square.

        target: by default the class it is taken for. size, stride: by default a quarter and a 14th of the shorter
        side. Plain data: `probability` rows x columns, `tops` and `lefts` of the squares, the `whole` picture's
        probability.
        """
        from pellucid.inspection.occlusion import occlusion

        whole = self.answer(pixels, most=1).probabilities
        chosen = int(whole.argmax()) if target is None else target
        side = min(self.shape[:2])
        square, step = size or max(2, side // 4), stride or max(1, side // 14)
        one = Images(pixels[None], np.zeros(1, np.int64), self.class_names)
        subject, lock = self._apart
        with lock:
            found = occlusion(subject, one, target=chosen, size=square, stride=step)
        assert found.array is not None
        return {
            "target": chosen,
            "size": square,
            "whole": float(whole[chosen]),
            "probability": found.array[0, 0].tolist(),
            "tops": list(found.tops),
            "lefts": list(found.lefts),
        }

    def _checked(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if pixels.shape != self.shape or pixels.dtype != np.uint8:
            raise UsageError(
                f"picture: expected uint8 of {' x '.join(map(str, self.shape))}, found {pixels.dtype} of "
                f"{' x '.join(map(str, pixels.shape))}."
            )
        return pixels


def _with_channels(pixels: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    if pixels.shape[2] == channels:
        return pixels
    return luma(pixels[None])[0] if channels == 1 else pixels.repeat(3, axis=2)


def averaged(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """uint8 H W C at `height` x `width`, each pixel the mean over its area; whole factors are exact."""
    from PIL import Image

    if pixels.shape[:2] == (height, width):
        return pixels
    planes = (Image.fromarray(pixels[:, :, k]) for k in range(pixels.shape[2]))
    return np.stack([np.asarray(one.resize((width, height), Image.Resampling.BOX)) for one in planes], axis=2)


def centred(
    pixels: NDArray[np.uint8], size: tuple[int, int], *, box: float = 20 / 28, paper: int = 0
) -> NDArray[np.uint8]:
    """A drawing made into an image as MNIST was: uint8 H W C to height x width x C.

    What differs from the paper is cut out, fitted into a box of the share `box` of the image's sides, its proportions
    kept, and laid with its centre of mass on the image's centre, as far as that leaves all of it in the image. A
    blank drawing stays blank.

    Source: LeCun et al. 1998 (lecun1998 in docs/bibliography.bib), and the MNIST page's description of its files.
    """
    height, width = size
    blank = np.full((height, width, pixels.shape[2]), paper, np.uint8)
    ink = np.abs(pixels.astype(np.int16) - paper).max(axis=2)
    rows, columns = np.flatnonzero(ink.max(axis=1) > 16), np.flatnonzero(ink.max(axis=0) > 16)
    if not len(rows) or not len(columns):
        return blank
    cut = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    share = min(box * height / cut.shape[0], box * width / cut.shape[1])
    tall, wide = (max(1, min(side, round(share * length))) for side, length in zip(size, cut.shape, strict=False))
    small = averaged(cut, tall, wide)
    mass = np.abs(small.astype(np.float64) - paper).sum(axis=2)
    top, left = (
        int(np.clip(round((side - 1) / 2 - centre), 0, side - length))
        for side, length, centre in zip(size, (tall, wide), _centre_of(mass), strict=True)
    )
    blank[top : top + tall, left : left + wide] = small
    return blank


def _centre_of(mass: NDArray[np.float64]) -> tuple[float, float]:
    """Row and column."""
    total = mass.sum() or 1.0
    return (
        float((mass.sum(axis=1) * np.arange(mass.shape[0])).sum() / total),
        float((mass.sum(axis=0) * np.arange(mass.shape[1])).sum() / total),
    )


def packed(answer: Any, seen: NDArray[np.uint8], **header: Any) -> bytes:
    """An answer as one run of bytes, for a page that draws it.

    The length of the header (4 bytes, little-endian), the header (JSON in UTF-8), then `seen` (H W C) and the layers'
    steps one after another, as the header's `layers` have them in order: name, shape of the steps, channels told
    where these are not all, bound and signed. `header` is put into it as it is, so that a page tells answers apart.
    """
    layers = [
        {
            "name": one.layer.name,
            "shape": list(one.steps.shape),
            "channels": one.channels.tolist() if len(one.channels) < one.layer.shape[0] else None,
            "bound": one.bound,
            "signed": one.signed,
        }
        for one in answer.maps
    ]
    told = {
        **header,
        "shape": list(seen.shape),
        "probabilities": np.nan_to_num(answer.probabilities).tolist(),
        "layers": layers,
    }
    text = json.dumps(told, allow_nan=False).encode()
    parts = [struct.pack("<I", len(text)), text, np.ascontiguousarray(seen).tobytes()]
    return b"".join([*parts, *(one.steps.tobytes() for one in answer.maps)])

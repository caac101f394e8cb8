"""What a run's network says of picture files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets._decode import UnreadableError, decoded
from pellucid.datasets._load import load
from pellucid.displays.table import Table
from pellucid.errors import DataError
from pellucid.images import Images, Scaling, Splits
from pellucid.verbs.run import Run
from pellucid.views._luma import luma
from pellucid.views._parse import parse, viewed

#: Views that change a picture; the others choose among pictures or scale them, which the run has settled.
_OF_PIXELS = ("grayscale", "centre_crop", "resize", "negative")
_OF_SIZE = ("centre_crop", "resize")


@dataclass(frozen=True, eq=False)
class Predictions:
    """probabilities: N x classes, float64, rows sum to 1. files: their N names."""

    files: tuple[str, ...]
    class_names: tuple[str, ...]
    probabilities: NDArray[np.float64]

    @property
    def labels(self) -> NDArray[np.int64]:
        """The most probable class of each image, as a number."""
        found: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return found

    def to_dict(self) -> list[dict[str, Any]]:
        """One entry a file: the class, its probability, and all probabilities by class."""
        return [
            {
                "file": name,
                "class": self.class_names[int(row.argmax())],
                "probability": float(row.max()),
                "probabilities": dict(zip(self.class_names, row.tolist(), strict=True)),
            }
            for name, row in zip(self.files, self.probabilities, strict=True)
        ]

    def table(self, *, top: int = 3) -> Table:
        """The `top` most probable classes of each file."""
        order = np.argsort(-self.probabilities, axis=1, kind="stable")[:, :top]
        return Table(
            title="",
            columns=("file", *(f"{place}." for place in range(1, order.shape[1] + 1))),
            rows=[
                (name, *(f"{self.class_names[k]} {100 * row[k]:.1f} %" for k in best))
                for name, row, best in zip(self.files, self.probabilities, order, strict=True)
            ],
        )


def predict(run: Run, files: str | Path | Sequence[str | Path], *, weights: str = "best") -> Predictions:
    """Class probabilities of picture files, or of one, read as the run's images were: channels, size, views.

    Raises DataError naming every file that is not there or not a picture.
    """
    files = [files] if isinstance(files, (str, Path)) else files
    from scipy.special import softmax

    images = as_run_sees(run, files)
    logits = run.model(weights=weights).logits(images).astype(np.float64)
    return Predictions(tuple(map(str, files)), run.class_names, softmax(logits, axis=1))


def as_run_sees(run: Run, files: Sequence[str | Path]) -> Images:
    """Pictures as the run's images: read at their size, with their channels, through the same views.

    Raises DataError naming every file that cannot be read.
    """
    expressions = [view for view in run.spec.data.views if parse(view)[0] in _OF_PIXELS]
    names = {parse(view)[0] for view in expressions}
    height, width, channels = run.input_shape
    if names & set(_OF_SIZE):
        height, width, _ = load(replace(run.spec.data, views=(), subset=None)).shape
    pixels, failed = [], []
    for file in files:
        try:
            image = decoded(Path(file), height, width)
        except (UnreadableError, OSError) as error:
            failed.append(f"{file} ({error})")
            continue
        if image.shape[2] == 3 and channels == 1:
            image = luma(image[None])[0]
        elif image.shape[2] == 1 and channels == 3:
            image = image.repeat(3, axis=2)
        pixels.append(image)
    if failed:
        raise DataError(
            f"expected {len(files)} picture{'s' * (len(files) != 1)}, found {len(failed)} that cannot be read: "
            f"{'; '.join(failed[:5])}"
            f"{' ...' if len(failed) > 5 else ''}. Check the paths, or leave them out."
        )
    images = Images(np.stack(pixels), np.zeros(len(pixels), np.int64), run.class_names)
    splits = Splits(images, images, images, Scaling.unit(channels))
    for view in expressions:
        if parse(view)[0] != "grayscale":
            splits = viewed(splits, view)
    return splits.test

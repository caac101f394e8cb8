"""What a run's network says of picture files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets._decode import decode
from pellucid.errors import DataError
from pellucid.images import Images, Splits
from pellucid.verbs.run import Run
from pellucid.views._parse import apply_views


@dataclass(frozen=True, eq=False)
class Predictions:
    """probabilities: N x classes, float64, rows sum to 1. files: their N names."""

    files: tuple[str, ...]
    class_names: tuple[str, ...]
    probabilities: NDArray[np.float64]

    @property
    def labels(self) -> NDArray[np.int64]:
        """The most probable class of each image, as a number."""
        return self.probabilities.argmax(axis=1)

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


def predict(run: Run, files: Sequence[str | Path], *, weights: str = "best") -> Predictions:
    """Class probabilities of picture files, read as the run's images were: channels, size, views.

    Raises DataError naming every file that is not there or not a picture.
    """
    from scipy.special import softmax

    images = as_run_sees(run, files)
    logits = run.model(weights=weights).logits(images).astype(np.float64)
    return Predictions(tuple(map(str, files)), run.class_names, softmax(logits, axis=1))

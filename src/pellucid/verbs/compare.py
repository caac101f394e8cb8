"""Two runs on one test set."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pellucid.errors import DataError
from pellucid.evaluation.by_image import mcnemar
from pellucid.evaluation.comparison import ALPHA
from pellucid.verbs.answered_alike import answered_alike
from pellucid.verbs.run import Run


@dataclass(frozen=True)
class Comparison:
    """first_alone, second_alone: test images that one alone gets right. difference: of accuracies, with 95 %."""

    first: str
    second: str
    images: int
    first_alone: int
    second_alone: int
    difference: float
    low: float
    high: float
    p: float

    @property
    def words(self) -> str:
        """What may be said of these two trained networks, on images like these."""
        counts = (
            f"of {self.images:,} test images {self.first_alone:,} are right in {self.first} alone, "
            f"{self.second_alone:,} in {self.second} alone"
        )
        span = (
            f"{100 * self.difference:+.2f} points ({100 * self.low:+.2f} to {100 * self.high:+.2f}), p = {self.p:.3g}"
        )
        if self.p <= ALPHA:
            better = self.first if self.difference > 0 else self.second
            verdict = f"{better} is the better of these two trained networks"
        else:
            verdict = "no difference between these two trained networks is shown"
        return f"{counts}: {span}\n{verdict}; whether its configuration is better takes several seeds: pellucid study"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def compare(first: Run, second: Run) -> Comparison:
    """McNemar's exact test of two runs' answers on the same test images.

    Raises DataError where they were tested on others.
    """
    sides = []
    for run in (first, second):
        kept = run.folder.predictions()
        if kept is None:
            raise DataError(f"{run.id}: expected answers on test images, found none. Train it with a test split.")
        sides.append(kept)
    runs = zip((first, second), sides, strict=True)
    if not answered_alike([(run.folder.manifest, kept["labels"]) for run, kept in runs]):
        raise DataError(
            f"{first.id}, {second.id}: expected the same test images, found {len(sides[0]['labels']):,} and "
            f"{len(sides[1]['labels']):,} that differ. Compare runs of one data set and split."
        )
    right = [one["logits"].argmax(1) == one["labels"] for one in sides]
    return Comparison(first.id, second.id, len(right[0]), **mcnemar(*right))

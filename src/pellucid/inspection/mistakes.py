"""What the network gets wrong and how sure it is, image by image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.charts.calibration_curve import calibration_curve
from pellucid.charts.confusion_matrix import confusion_matrix
from pellucid.displays.display import Display
from pellucid.displays.image_grid import ImageGrid
from pellucid.displays.page import Page
from pellucid.displays.table import Table
from pellucid.errors import DataError
from pellucid.evaluation.calibration import calibration
from pellucid.images import Images
from pellucid.inspection._options import Count
from pellucid.inspection._subject import probabilities_of


def mistakes(model: Any, images: Any, *, n: Count = 20, other: Any = None) -> Page:
    """Wrong and right images by confidence, the hardest classes, and labels that are likely wrong.

    Four rows of n images: the surest wrong ones, the least sure wrong ones, the least sure right ones and the surest
    right ones, each with its true and predicted class and the probability of the latter. Confusion matrix, and
    calibration curve with its expected error. Hardest classes: by accuracy, with what they are taken for most. Likely
    label errors: images that are taken for another class at least as confidently as images of that class are on
    average, and for their own less than theirs (northcutt2021); sorted by the margin. other: a second network, whose
    changes are shown too: what it gets right that this one does not, and the reverse.

    images: `Images`, with their labels. Raises DataError without labels.
    """
    if not isinstance(images, Images):
        raise DataError("images: expected Images with labels, found floats alone. Give pellucid.Images.")
    probabilities = probabilities_of(model, images)
    guess, names = probabilities.argmax(1), images.class_names
    sure, right = probabilities.max(1), guess == images.labels
    order = np.argsort(-sure, kind="stable")
    wrong, good = order[~right[order]], order[right[order]]

    def grid(rows: NDArray[np.int64], title: str) -> ImageGrid:
        return _grid(images, rows, guess, sure, title)

    accuracy = f"{int((~right).sum()):,} of {len(images):,} images wrong"
    displays: list[Display] = [
        grid(wrong[:n], "Surest mistakes (true → predicted)"),
        grid(wrong[::-1][:n], "Least sure mistakes"),
        grid(good[::-1][:n], "Least sure right ones"),
        grid(good[:n], "Surest right ones"),
        _hardest(images.labels, guess, names),
    ]
    if probabilities.shape[1] == len(names):
        counts = np.zeros((len(names), len(names)), np.int64)
        np.add.at(counts, (images.labels, guess), 1)
        told = calibration(probabilities, images.labels)
        displays += [
            confusion_matrix(counts, class_names=names),
            calibration_curve(told.confidence, accuracy=told.accuracy, count=told.count, error=told.error),
        ]
    suspects, _ = likely_label_errors(probabilities, images.labels)
    displays.append(
        grid(suspects[:n], f"Likely label errors: {len(suspects):,} (label → what it looks like), by margin")
    )
    if other is not None:
        theirs = probabilities_of(other, images)
        better = (theirs.argmax(1) == images.labels) & ~right
        worse = (theirs.argmax(1) != images.labels) & right
        strength = np.abs(theirs - probabilities)[np.arange(len(images)), images.labels]
        for rows, title in ((better, "right in the other network alone"), (worse, "right in this network alone")):
            found = np.flatnonzero(rows)
            found = found[np.argsort(-strength[found], kind="stable")]
            displays.append(
                _grid(images, found[:n], theirs.argmax(1), theirs.max(1), f"{len(found):,} images {title}")
            )
    return Page(displays, title=f"Mistakes: {accuracy}")


def likely_label_errors(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rows whose label is likely wrong, the likeliest first, and by how much: max other class - own class.

    With t_k the mean probability of class k over images labelled k: an image labelled i is counted for class j != i
    if p_j >= t_j is its largest such, and p_i < t_i. Source: Northcutt, Jiang, Chuang 2021 (northcutt2021 in
    docs/bibliography.bib).
    """
    classes = probabilities.shape[1]
    own = probabilities[np.arange(len(labels)), labels]
    counts = np.bincount(labels, minlength=classes)
    with np.errstate(invalid="ignore"):
        thresholds = np.bincount(labels, own, minlength=classes) / counts
    confident = np.where(probabilities >= np.nan_to_num(thresholds, nan=np.inf), probabilities, -1)
    best = confident.argmax(1)
    suspect = (confident.max(1) >= 0) & (best != labels) & (own < thresholds[labels])
    margin = probabilities.max(1) - own
    rows = np.flatnonzero(suspect)
    rows = rows[np.argsort(-margin[rows], kind="stable")]
    return rows, margin[rows]


def _grid(
    images: Images, rows: NDArray[np.int64], guess: NDArray[np.int64], sure: NDArray[np.float64], title: str
) -> ImageGrid:
    names = images.class_names
    captions, marks = [], []
    for row in rows:
        true, taken = names[images.labels[row]], _name(names, int(guess[row]))
        right = guess[row] == images.labels[row]
        captions.append(f"{true} {100 * sure[row]:.0f}%" if right else f"{true} → {taken} {100 * sure[row]:.0f}%")
        marks.append("right" if right else "wrong")
    return ImageGrid(images.pixels[rows], captions, marks, columns=10, title=title)


def _hardest(labels: NDArray[np.int64], guess: NDArray[np.int64], names: tuple[str, ...]) -> Table:
    rows = []
    for label, name in enumerate(names):
        own = guess[labels == label]
        if len(own):
            wrong = own[own != label]
            most = np.bincount(wrong).argmax() if len(wrong) else None
            taken = "-" if most is None else f"{_name(names, int(most))} ({int((wrong == most).sum())})"
            rows.append((name, float((own == label).mean()), len(own), taken))
    rows.sort(key=lambda row: row[1])
    return Table(
        ("class", "accuracy", "images", "taken most for"),
        [(name, f"{100 * accuracy:.1f} %", count, taken) for name, accuracy, count, taken in rows],
        title="Hardest classes",
    )


def _name(names: tuple[str, ...], label: int) -> str:
    """A network may know more classes than the images have."""
    return names[label] if label < len(names) else f"class {label}"

"""What becomes of accuracy and confidence when the images are not quite those of the training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.displays.heatmap import Heatmap
from pellucid.displays.image_grid import ImageGrid
from pellucid.displays.page import Page
from pellucid.displays.table import Table
from pellucid.errors import DataError, UsageError, unknown_name
from pellucid.evaluation.calibration import calibration
from pellucid.images import Images
from pellucid.inspection._changes import blurred, covered, moved
from pellucid.inspection._options import Seed
from pellucid.inspection._subject import BATCH, probabilities_of

Change = Callable[[Tensor, float, np.random.Generator], Tensor]


def _noise(x: Tensor, level: float, generator: np.random.Generator) -> Tensor:
    return x + level * torch.from_numpy(generator.standard_normal(x.shape, np.float32))


def _contrast(x: Tensor, level: float, _: np.random.Generator) -> Tensor:
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * level


def _rotation(x: Tensor, level: float, generator: np.random.Generator) -> Tensor:
    return moved(x, degrees=level * torch.from_numpy(generator.choice([-1.0, 1.0], len(x))))


def _translation(x: Tensor, level: float, generator: np.random.Generator) -> Tensor:
    angle = torch.from_numpy(generator.integers(0, 8, len(x))) * (np.pi / 4)
    right, down = (side * level * turned for side, turned in ((x.shape[3], angle.cos()), (x.shape[2], angle.sin())))
    return moved(x, right=right.round(), down=down.round())


def _occlusion(x: Tensor, level: float, generator: np.random.Generator) -> Tensor:
    return covered(x, max(1, round(level * min(x.shape[2:]))), 0.5, generator)


#: Each shift with what its five levels mean, and what it does to floats N C H W from 0 to 1.
SHIFTS: dict[str, tuple[str, tuple[float, ...], Change]] = {
    "negative": ("share of 1 - x mixed in", (0.2, 0.4, 0.6, 0.8, 1.0), lambda x, t, _: x * (1 - t) + (1 - x) * t),
    "noise": ("standard deviation, of white", (0.04, 0.08, 0.12, 0.18, 0.26), _noise),
    "blur": ("standard deviation in pixels", (0.5, 0.75, 1.0, 1.5, 2.0), lambda x, t, _: blurred(x, t)),
    "contrast": ("factor of the distance to the mean", (0.75, 0.5, 0.4, 0.3, 0.15), _contrast),
    "brightness": ("added, of white", (0.1, 0.2, 0.3, 0.4, 0.5), lambda x, t, _: x + t),
    "rotation": ("degrees to either side", (5.0, 10.0, 15.0, 20.0, 30.0), _rotation),
    "translation": ("share of the side, eight directions", (0.04, 0.08, 0.12, 0.16, 0.2), _translation),
    "occlusion": ("side of a gray square, of the image's", (0.2, 0.3, 0.4, 0.5, 0.6), _occlusion),
}


@dataclass(frozen=True)
class ShiftsPage(Page):
    """accuracy, calibration_error: shifts x 6 strengths, the first one the images as they are."""

    names: tuple[str, ...] = ()
    accuracy: NDArray[np.float64] | None = None
    calibration_error: NDArray[np.float64] | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "shifts": list(self.names),
            "levels": [[0.0, *SHIFTS[name][1]] for name in self.names],
            "accuracy": self.accuracy,
            "calibration_error": self.calibration_error,
        }


def shifts(model: Any, images: Any, *, kinds: tuple[str, ...] = (), n: int = 2_000, seed: Seed = 0) -> ShiftsPage:
    """Accuracy and calibration on negatives, noise, blur and other changes of the images, at five strengths each.

        relative accuracy = mean over the five strengths / accuracy on the images as they are

    kinds: some of negative, noise, blur, contrast, brightness, rotation, translation, occlusion; by default all.
    n: of the images, evenly spread over them; all where there are no more. seed: of noise, places and directions.
    Changed images are rounded to bytes again. Calibration error: over 15 bins of equal width.

    images: `Images`, with their labels. Strengths after Hendrycks and Dietterich 2019 (hendrycks2019 in
    docs/bibliography.bib), some made stronger where small images bear it.

    Raises DataError without labels, UsageError for another kind.
    """
    if not isinstance(images, Images):
        raise DataError("images: expected Images with labels, found floats alone. Give pellucid.Images.")
    for name in kinds:
        if name not in SHIFTS:
            raise unknown_name("shift", name, list(SHIFTS))
    if n < 1:
        raise UsageError(f"n: expected one image or more, found {n}.")
    chosen = images.take(np.unique(np.linspace(0, len(images) - 1, min(n, len(images))).round().astype(np.int64)))
    names = tuple(kinds) or tuple(SHIFTS)
    accuracy, error = (np.empty((len(names), 6)) for _ in range(2))
    accuracy[:, 0], error[:, 0] = _scored(model, chosen)
    examples, one = [], chosen.take(np.arange(1))
    for row, name in enumerate(names):
        examples.append(one.pixels[0])
        for k, level in enumerate(SHIFTS[name][1]):
            spoiled = shifted(chosen, name, level, seed=seed)
            accuracy[row, k + 1], error[row, k + 1] = _scored(model, spoiled)
            examples.append(spoiled.pixels[0])
    relative = accuracy[:, 1:].mean(1) / max(float(accuracy[0, 0]), 1e-12)
    clean, half = accuracy[0, 0], 1.96 * np.sqrt(max(accuracy[0, 0] * (1 - accuracy[0, 0]), 0.25 / len(chosen)))
    strengths = ["none", *map(str, range(1, 6))]
    captions = [word for name in names for word in ("as it is", *(f"{level:g}" for level in SHIFTS[name][1]))]

    def heat(values: NDArray[np.float64], title: str) -> Heatmap:
        texts = [[f"{100 * value:.1f}" for value in row] for row in values]
        return Heatmap(
            values, names, strengths, "shift", "strength", "share", texts=texts, title=title, value_format=".0%"
        )

    table = Table(
        ("shift", "accuracy", "of the clean one", "at the strongest", "calibration error", "what the levels are"),
        [
            (
                name,
                f"{100 * accuracy[row, 1:].mean():.1f} %",
                f"{100 * relative[row]:.1f} %",
                f"{100 * accuracy[row, 5]:.1f} %",
                f"{100 * error[row, 1:].mean():.1f} %",
                f"{SHIFTS[name][0]}: {', '.join(f'{level:g}' for level in SHIFTS[name][1])}",
            )
            for row, name in sorted(enumerate(names), key=lambda pair: float(relative[pair[0]]))
        ],
        title="Means over the five strengths, the hardest first",
    )
    points = 100 * half / np.sqrt(len(chosen))
    return ShiftsPage(
        [
            table,
            heat(accuracy, "Accuracy in percent"),
            heat(error, "Calibration error in percent"),
            ImageGrid(np.stack(examples), captions, columns=6, row_names=names, title="The first image, changed"),
        ],
        title=f"Shifts over {len(chosen):,} images: {100 * clean:.1f} % as they are (± {points:.1f} points, 95 %)",
        names=names,
        accuracy=accuracy,
        calibration_error=error,
    )


def shifted(images: Images, name: str, level: float, *, seed: Seed = 0) -> Images:
    """The images changed by the shift `name` of `SHIFTS`, as bytes."""
    generator = np.random.default_rng([seed, list(SHIFTS).index(name), round(1000 * level)])
    pixels = np.empty_like(images.pixels)
    for start in range(0, len(images), BATCH):
        part = torch.from_numpy(images.pixels[start : start + BATCH].transpose(0, 3, 1, 2).astype(np.float32) / 255)
        changed = SHIFTS[name][2](part, level, generator).clamp(0, 1) * 255
        pixels[start : start + BATCH] = changed.round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return replace(images, pixels=pixels)


def _scored(model: Any, images: Images) -> tuple[float, float]:
    """Accuracy and expected calibration error."""
    probabilities = probabilities_of(model, images)
    right = float((probabilities.argmax(1) == images.labels).mean())
    return right, calibration(probabilities, images.labels).error

"""How far a network's features move when the image is moved, turned or enlarged (Zeiler and Fergus)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.displays.curves import Curves, Series
from pellucid.displays.display import Display
from pellucid.displays.image_grid import ImageGrid
from pellucid.displays.page import Page
from pellucid.errors import UsageError
from pellucid.images import Images
from pellucid.inspection._changes import moved
from pellucid.inspection._layers import IDLE, layer_of
from pellucid.inspection._layers import layers as layers_of
from pellucid.inspection._subject import BATCH, Subject, forward, watched

#: Images that are shown where none are chosen.
FEW = 5
#: Lines that can be told apart in one chart.
LINES = 6


@dataclass(frozen=True)
class InvariancePage(Page):
    """By change: amounts, A; distance, layers x images x A; probability, of each image's class, images x A."""

    layers: tuple[str, ...] = ()
    amounts: dict[str, NDArray[np.float64]] | None = None
    distance: dict[str, NDArray[np.float64]] | None = None
    probability: dict[str, NDArray[np.float64]] | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "layers": list(self.layers),
            "amounts": self.amounts,
            "distance": self.distance,
            "probability": self.probability,
        }


def invariance(model: Any, images: Any, *, layers: Sequence[str] = (), n: int = 5) -> InvariancePage:
    """Images moved, turned and enlarged step by step: how far each layer's features go, and whether the class stays.

        distance(t) = |f(x_t) - f(x)| / |f(x)|

    with f a layer's features as one vector, x_t the image changed by t. The paper draws |f(x_t) - f(x)|; the quotient
    lets layers be compared. Moved sideways by up to a quarter of the width, turned by up to 180 degrees, enlarged 0.5
    to 2 times, with bilinear pixels; beyond the border its pixels are repeated. The curves of layers are means over
    the first n images; those of the class's probability are each image's own. layers: by default up to six, spread
    over the network, the last one included.

    Source: Zeiler and Fergus 2014, figure 5 (zeiler2014 in docs/bibliography.bib).

    Raises UsageError for a layer that is not there.
    """
    if n < 1:
        raise UsageError(f"n: expected one image or more, found {n}.")
    subject = Subject.of(model)
    given = images.take(np.arange(min(n, len(images)))) if isinstance(images, Images) else images[:n]
    x = torch.cat([batch for _, batch in subject.batches(given)])
    known = [one.name for one in layers_of(subject, x[:1]) if one.kind not in IDLE]
    for name in layers:
        layer_of(subject, x[:1], name)
    spread = np.unique(np.linspace(0, len(known) - 1, min(LINES, len(known))).round().astype(int))
    wanted = tuple(layers) or tuple(known[k] for k in spread)
    quarter = x.shape[3] // 4
    changes: dict[str, tuple[NDArray[np.float64], str, str]] = {
        "translation": (np.unique(np.linspace(-quarter, quarter, 17).round()), "right", "pixels to the right"),
        "rotation": (np.linspace(-180, 180, 25), "degrees", "degrees clockwise"),
        "scale": (2 ** np.linspace(-1, 1, 17), "factor", "times as large"),
    }
    start, whole = _features(subject, x, wanted)
    labels = given.labels if isinstance(given, Images) else whole.argmax(1).numpy()
    if len(labels) and labels.max() >= whole.shape[1]:
        raise UsageError(f"images: expected labels from 0 to {whole.shape[1] - 1}, found {labels.max()}.")
    names = given.class_names if isinstance(given, Images) else ()
    captions = [f"{k}: {names[label] if label < len(names) else f'class {label}'}" for k, label in enumerate(labels)]
    amounts, distance, probability = {}, {}, {}
    displays: list[Display] = []
    for change, (steps, option, unit) in changes.items():
        far, sure = np.empty((len(wanted), len(x), len(steps))), np.empty((len(x), len(steps)))
        shown = []
        for k, amount in enumerate(steps):
            changed = moved(x, **{option: float(amount)})
            features, answers = _features(subject, changed, wanted)
            for row, name in enumerate(wanted):
                size = start[name].norm(dim=1).clamp(min=1e-12)
                far[row, :, k] = ((features[name] - start[name]).norm(dim=1) / size).numpy()
            sure[:, k] = answers.softmax(1).numpy()[np.arange(len(x)), labels]
            shown.append(changed[:1])
        amounts[change], distance[change], probability[change] = steps, far, sure
        few = np.unique(np.linspace(0, len(steps) - 1, 9).round().astype(int))
        pictures = subject.bytes(torch.cat([shown[k] for k in few]))
        displays.append(
            ImageGrid(pictures, [f"{steps[k]:.3g}" for k in few], title=f"{change.capitalize()}: image 0, {unit}")
        )
        at = steps.tolist()
        by_layer = [Series(name, at, far[row].mean(0).tolist()) for row, name in enumerate(wanted)]
        by_image = [Series(word, at, sure[k].tolist()) for k, word in enumerate(captions)]
        log = change == "scale"
        displays.append(
            Page(
                [
                    Curves(by_layer, unit, "|f(x') - f(x)| / |f(x)|", title="Distance of features", log_x=log),
                    Curves(by_image, unit, "probability", title="Probability of the class", percent=True, log_x=log),
                ],
                columns=2,
            )
        )
    return InvariancePage(
        displays,
        title=f"Invariance of {len(x)} image{'s' * (len(x) > 1)} to translation, rotation and scale",
        layers=wanted,
        amounts=amounts,
        distance=distance,
        probability=probability,
    )


def _features(subject: Subject, x: Tensor, wanted: Sequence[str]) -> tuple[dict[str, Tensor], Tensor]:
    """Each layer's features N x F and the logits, float64."""
    seen: dict[str, list[Tensor]] = {name: [] for name in wanted}

    def see(name: str, value: Tensor) -> None:
        if name in seen:
            # a copy: the next layer may work in place
            seen[name].append(value.flatten(1).double().cpu().clone())

    with subject.quiet(), torch.inference_mode(), watched(subject.module, see):
        logits = [forward(subject, part).double().cpu().flatten(1) for part in x.split(BATCH)]
    return {name: torch.cat(parts) for name, parts in seen.items()}, torch.cat(logits)

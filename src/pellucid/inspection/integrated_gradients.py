"""The gradient along the way from black to the image."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.displays.maps import Maps
from pellucid.errors import UsageError
from pellucid.inspection._attribution import Place, Target, aimed, maps, randomised, traced
from pellucid.inspection._subject import Subject

#: Images that are shown where none are chosen.
FEW = 10


def integrated_gradients(
    model: Any,
    images: Any,
    *,
    target: Target = None,
    layer: str | None = None,
    channel: Target = None,
    place: Place = None,
    baseline: float = 0.0,
    steps: int = 50,
    twin: bool = False,
) -> Maps:
    """Each pixel's share of the difference between the value at the image and at the baseline.

        map = (x - b) * integral over a from 0 to 1 of  d s / d x  at  b + a (x - b)

    The shares add up to s(x) - s(b); the integral is taken by Gauss and Legendre's rule at `steps` points. baseline:
    what every pixel of b is, as the network sees it. target, layer, channel, place, twin: as in `gradient`.

    Source: Sundararajan, Taly, Yan 2017 (sundararajan2017 in docs/bibliography.bib).
    """
    if steps < 1:
        raise UsageError(f"steps: expected a whole number of 1 or more, found {steps}.")
    subject = Subject.of(model)
    aim, x, images = aimed(subject, images, target=target, layer=layer, channel=channel, place=place)
    points, weights = np.polynomial.legendre.leggauss(steps)

    def shares(of: Subject) -> Tensor:
        total = torch.zeros_like(x)
        for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
            total += float(weight) * traced(of, baseline + float(point) * (x - baseline), aim)
        return (x - baseline) * total

    other = shares(randomised(subject)) if twin else None
    title = "Integrated gradients: each pixel's share of the value (sum over colours)"
    return maps(subject, images, shares(subject), aim, kind="signed", name="share", title=title, twin=other)

"""The gradient's mean over noisy copies of the image."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.displays.maps import Maps
from pellucid.errors import UsageError
from pellucid.inspection._attribution import Place, Target, aimed, maps, randomised, traced
from pellucid.inspection._options import Seed
from pellucid.inspection._subject import Subject

#: Images that are shown where none are chosen.
FEW = 10


def smoothgrad(
    model: Any,
    images: Any,
    *,
    target: Target = None,
    layer: str | None = None,
    channel: Target = None,
    place: Place = None,
    samples: int = 25,
    noise: float = 0.15,
    seed: Seed = 0,
    twin: bool = False,
) -> Maps:
    """The mean gradient over copies of the image with normal noise.

        map = mean over k of  d s / d x  at  x + e_k,  e_k of standard deviation noise * (max x - min x)

    noise: share of each image's range. seed: of the noise, which is the same for every batch size. target, layer,
    channel, place, twin: as in `gradient`.

    Source: Smilkov et al. 2017 (smilkov2017 in docs/bibliography.bib).
    """
    if samples < 1 or noise < 0:
        raise UsageError(
            f"smoothgrad: expected samples of 1 or more and noise of 0 or more, found {samples}, {noise}."
        )
    subject = Subject.of(model)
    aim, x, images = aimed(subject, images, target=target, layer=layer, channel=channel, place=place)
    spread = noise * (x.amax((1, 2, 3), keepdim=True) - x.amin((1, 2, 3), keepdim=True))

    def mean(of: Subject) -> Tensor:
        generator, total = np.random.default_rng(seed), torch.zeros_like(x)
        for _ in range(samples):
            drawn = torch.from_numpy(generator.standard_normal(tuple(x.shape))).to(x)
            total += traced(of, x + spread * drawn, aim)
        return total / samples

    other = mean(randomised(subject)) if twin else None
    title = f"SmoothGrad: the mean gradient over {samples} noisy copies (sum over colours)"
    return maps(subject, images, mean(subject), aim, kind="signed", name="gradient", title=title, twin=other)

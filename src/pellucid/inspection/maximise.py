"""An image made for a channel, pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.displays.image_grid import ImageGrid
from pellucid.errors import UsageError
from pellucid.images import Scaling
from pellucid.inspection._layers import check_channel, layer_of
from pellucid.inspection._options import Seed
from pellucid.inspection._subject import Subject, by_channel, output_at

#: Only their size is used.
FEW = 1
#: Channels shown where none are chosen.
SHOWN = 20


@dataclass(frozen=True, eq=False)
class Maximised(ImageGrid):
    """array: the images as the network sees them, N C H W. values: the channels' means over places, after, before."""

    array: NDArray[np.floating] | None = None
    values: Sequence[tuple[float, float]] = ()


def maximise(
    model: Any,
    images: Any,
    *,
    layer: str | None = None,
    channels: Sequence[int] = (),
    steps: int = 200,
    rate: float = 0.05,
    jitter: int = 2,
    smoothness: float = 10.0,
    seed: Seed = 0,
) -> Maximised:
    """Images optimised until a channel answers to them as strongly as it can.

        x <- Adam ascent on  mean over places of A_channel(shifted x)  -  smoothness * mean squared step between
        pixels

    Begins with gray and a little noise; every step moves the image by up to `jitter` pixels, so that no single pixel
    is tuned, and keeps it within the range of real pixels. layer: by default the last convolution. channels: one
    image each, by default the first 20; together in one batch. rate: of the ascent, in units of the whole range.
    images: only their size is used.

    Such images explain less of a network than real ones do (borowski2021). Sources: Simonyan, Vedaldi, Zisserman
    2014; jitter as in Mordvintsev, Olah, Tyka 2015 (docs/bibliography.bib).
    """
    if steps < 1 or jitter < 0 or smoothness < 0 or rate <= 0:
        raise UsageError(
            f"maximise: expected steps and rate above 0, jitter and smoothness of 0 or more, found {steps}, {rate}, "
            f"{jitter}, {smoothness}."
        )
    subject = Subject.of(model)
    example = next(subject.batches(images, 1))[1]
    info = layer_of(subject, example, layer)
    shown = [check_channel(info, one) for one in channels] or list(range(min(SHOWN, info.shape[0])))
    scaling = subject.scaling or Scaling.unit(example.shape[1])
    as_image = (1, example.shape[1], 1, 1)
    scale, shift = (
        torch.tensor(values, dtype=example.dtype, device=example.device).view(as_image)
        for values in (scaling.scale, scaling.shift)
    )
    generator = np.random.default_rng(seed)
    noise = torch.from_numpy(generator.standard_normal((len(shown), *example.shape[1:]))).to(example)
    picture = (0.5 + 0.01 * noise).requires_grad_()  # in units of white
    row, at = torch.arange(len(shown)), torch.tensor(shown)
    ascent = torch.optim.Adam([picture], lr=rate, maximize=True)

    def answers(of: Tensor) -> Tensor:
        values = by_channel(output_at(subject, of * 255 * scale + shift, info.name))
        return values[row, at].flatten(1).mean(1)

    with subject.quiet(), torch.enable_grad():
        before = answers(picture).detach().cpu()
        for _ in range(steps):
            down, right = (int(value) for value in generator.integers(-jitter, jitter + 1, 2))
            rough = sum(picture.diff(dim=axis).square().mean((1, 2, 3)) for axis in (2, 3))
            gain = answers(picture.roll((down, right), (2, 3))) / before.abs().clamp(min=1e-3).to(picture)
            (picture.grad,) = torch.autograd.grad((gain - smoothness * rough).sum(), picture)
            ascent.step()
            with torch.no_grad():
                picture.clamp_(0, 1)
        after = answers(picture).detach().cpu()
    drawn = picture.detach().cpu().numpy().transpose(0, 2, 3, 1)
    return Maximised(
        np.rint(drawn * 255).astype(np.uint8),
        [f"{channel}: {a:.2g}" for channel, a in zip(shown, after, strict=True)],
        columns=min(10, len(shown)),
        title=f"{info.name} ({info.shape_text}): images made for each channel, and its mean activation",
        array=(picture.detach() * 255 * scale + shift).cpu().numpy(),
        values=[(float(a), float(b)) for a, b in zip(after, before, strict=True)],
    )

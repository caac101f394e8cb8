"""How the answer changes with each pixel."""

from __future__ import annotations

from typing import Any

from pellucid.displays.maps import Maps
from pellucid.inspection._attribution import Place, Target, aimed, maps, randomised, traced
from pellucid.inspection._subject import Subject

#: Images that are shown where none are chosen.
FEW = 10


def gradient(
    model: Any,
    images: Any,
    *,
    target: Target = None,
    layer: str | None = None,
    channel: Target = None,
    place: Place = None,
    twin: bool = False,
) -> Maps:
    """The gradient of a class's logit, or of a neuron, by the pixels.

        map = d s / d x,  s the logit or the neuron's value

    Both signs are drawn, summed over colours. target, layer, channel, place: what s is, one or one an image; by
    default the class that each image is taken for. twin: the same of randomised weights beside it.

    Source: Simonyan, Vedaldi, Zisserman 2014 (simonyan2014 in docs/bibliography.bib).
    """
    subject = Subject.of(model)
    aim, x, images = aimed(subject, images, target=target, layer=layer, channel=channel, place=place)
    other = traced(randomised(subject), x, aim) if twin else None
    title = "Gradient: how the value changes with each pixel (sum over colours)"
    return maps(
        subject, images, traced(subject, x, aim), aim, kind="signed", name="gradient", title=title, twin=other
    )

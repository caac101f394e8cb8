"""How the answer changes with each pixel, times the pixel."""

from __future__ import annotations

from typing import Any

from pellucid.displays.maps import Maps
from pellucid.inspection._attribution import Place, Target, aimed, maps, randomised, traced
from pellucid.inspection._subject import Subject

#: Images that are shown where none are chosen.
FEW = 10


def gradient_x_input(
    model: Any,
    images: Any,
    *,
    target: Target = None,
    layer: str | None = None,
    channel: Target = None,
    place: Place = None,
    twin: bool = False,
) -> Maps:
    """The gradient times the input: for a network of ReLUs without biases, each pixel's share of the value.

        map = x * d s / d x,  x as the network sees it

    target, layer, channel, place, twin: as in `gradient`. Source: Shrikumar, Greenside, Kundaje 2017
    (shrikumar2017 in docs/bibliography.bib).
    """
    subject = Subject.of(model)
    aim, x, images = aimed(subject, images, target=target, layer=layer, channel=channel, place=place)
    other = x * traced(randomised(subject), x, aim) if twin else None
    title = "Gradient x input: each pixel's share of the value (sum over colours)"
    values = x * traced(subject, x, aim)
    return maps(subject, images, values, aim, kind="signed", name="gradient x input", title=title, twin=other)

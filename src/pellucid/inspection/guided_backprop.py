"""The gradient with nothing negative let through at any ReLU."""

from __future__ import annotations

from typing import Any

from pellucid.displays.maps import Maps
from pellucid.inspection._attribution import Place, Target, aimed, maps, randomised, traced
from pellucid.inspection._options import Others
from pellucid.inspection._subject import Subject

#: Images that are shown where none are chosen.
FEW = 10


def guided_backprop(
    model: Any,
    images: Any,
    *,
    target: Target = None,
    layer: str | None = None,
    channel: Target = None,
    place: Place = None,
    others: Others = "refuse",
    twin: bool = False,
) -> Maps:
    """Guided backpropagation of a class's logit or of a neuron: gradient and deconvnet at once.

        at a ReLU with input f:  R <- max(R, 0) * [f > 0]

    Every pixel is drawn around gray. others: "refuse" a network with other activations than ReLU, or give them their
    true "gradient". target, layer, channel, place, twin: as in `gradient`.

    Such maps recover parts of the image and change little when later weights are randomised (Adebayo et al. 2018):
    they show what passed through, not why. Source: Springenberg et al. 2015 (springenberg2015 in
    docs/bibliography.bib).
    """
    subject = Subject.of(model)
    aim, x, images = aimed(subject, images, target=target, layer=layer, channel=channel, place=place)

    def signal(of: Subject) -> Any:
        return traced(of, x, aim, rule="guided", others=others)

    title = "Guided backpropagation (gray is zero)"
    other = signal(randomised(subject)) if twin else None
    return maps(subject, images, signal(subject), aim, kind="picture", name="guided", title=title, twin=other)

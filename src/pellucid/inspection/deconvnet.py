"""What a neuron answers to, put back into the image (Zeiler and Fergus)."""

from __future__ import annotations

from typing import Any

from pellucid.displays.maps import Maps
from pellucid.inspection._attribution import Place, Target, aimed, maps, randomised, traced
from pellucid.inspection._options import Begin, Others
from pellucid.inspection._subject import Subject

#: Images that are shown where none are chosen.
FEW = 10


def deconvnet(
    model: Any,
    images: Any,
    *,
    target: Target = None,
    layer: str | None = None,
    channel: Target = None,
    place: Place = None,
    seed: Begin = "activation",
    others: Others = "refuse",
    twin: bool = False,
) -> Maps:
    """A neuron's activation taken back to the pixels: unpool with switches, rectify, filter transposed.

        at a ReLU:  R <- max(R, 0)        at a max pool:  R goes where the maximum was
        at a convolution:  R <- transposed filters * R, no biases

    All other neurons of the layer are zero. Pools that overlap add; batch norm multiplies by its factor, local
    response normalisation hands on; the last step is a filter, so that negative pixels are right. Every pixel is
    drawn around gray.

    seed: "activation" begins with the neuron's own value (nothing where it is not positive), as in the paper; "one"
    with 1, as Captum does. others: "refuse" a network with other activations than ReLU, or give them their true
    "gradient". target, layer, channel, place, twin: as in `gradient`.

    Such maps recover parts of the image and change little when later weights are randomised (Adebayo et al. 2018):
    they show what passed through, not why. Source: Zeiler and Fergus 2014 (zeiler2014 in docs/bibliography.bib).
    """
    subject = Subject.of(model)
    aim, x, images = aimed(subject, images, target=target, layer=layer, channel=channel, place=place)

    def signal(of: Subject) -> Any:
        return traced(of, x, aim, rule="deconvnet", others=others, seed=seed)

    title = "Deconvnet: the value taken back to the pixels (gray is zero)"
    other = signal(randomised(subject)) if twin else None
    return maps(subject, images, signal(subject), aim, kind="picture", name="deconvnet", title=title, twin=other)

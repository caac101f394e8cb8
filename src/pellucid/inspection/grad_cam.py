"""Where in the image a layer speaks for a class."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pellucid.displays.maps import Maps
from pellucid.errors import UsageError
from pellucid.inspection._attribution import Target, aimed, maps, randomised, scores
from pellucid.inspection._layers import layer_of
from pellucid.inspection._subject import Subject, forward, watched

#: Images that are shown where none are chosen.
FEW = 10


def grad_cam(model: Any, images: Any, *, target: Target = None, layer: str | None = None, twin: bool = False) -> Maps:
    """Grad-CAM: the layer's maps, weighted by how much their mean speaks for the class.

        w_k = mean over places of  d s / d A_k        map = max(sum over k of w_k A_k, 0)

    layer: one that gives maps, by default the last convolution. The map has the layer's size, N 1 H' W', and is drawn
    over the image's. target: a class, or one an image; by default the one that each image is taken for. twin: the
    same of randomised weights beside it.

    Source: Selvaraju et al. 2017 (selvaraju2017 in docs/bibliography.bib).
    """
    subject = Subject.of(model)
    info = layer_of(subject, subject.floats(images), layer)
    if info.rank != 4:
        raise UsageError(f"layer: expected one that gives maps, found {info.name} ({info.shape_text}).")
    aim, x, images = aimed(subject, images, target=target, layer=None, channel=None, place=None)

    def weighted(of: Subject) -> Tensor:
        found: list[Tensor] = []

        def see(name: str, value: Tensor) -> Tensor | None:
            if name != info.name:
                return None
            found.append(value if value.requires_grad else value.detach().requires_grad_())
            return found[0].clone()  # what comes after may change it in place

        with of.quiet(), torch.enable_grad(), watched(of.module, see):
            value = scores(forward(of, x.clone().requires_grad_()), aim)
            (slope,) = torch.autograd.grad(value.sum(), found[0])
        return (slope.mean((2, 3), keepdim=True) * found[0]).sum(1, keepdim=True).clamp(min=0).detach()

    title = f"Grad-CAM at {info.name} ({info.shape_text})"
    other = weighted(randomised(subject)) if twin else None
    return maps(subject, images, weighted(subject), aim, kind="positive", name="Grad-CAM", title=title, twin=other)

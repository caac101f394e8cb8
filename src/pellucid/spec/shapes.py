"""Follows a shape through a network, layer by layer, before any engine is imported."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from pellucid.errors import SpecError
from pellucid.spec.layer import Layer, Parameters, Shape, ShapeError, shape_text
from pellucid.spec.layers import Residual
from pellucid.spec.network import Network
from pellucid.spec.receptive_field import ReceptiveField, receptive_field


@dataclass(frozen=True)
class LayerTrace:
    """One layer in place: shapes in and out, what it holds and costs for one image."""

    name: str
    layer: Layer
    input: Shape
    output: Shape
    parameters: Parameters
    buffers: Parameters
    multiply_adds: int
    neurons: int
    receptive_field: ReceptiveField | None

    @property
    def trainable(self) -> int:
        """Trainable numbers."""
        return sum(map(prod, self.parameters.values()))

    @property
    def not_trainable(self) -> int:
        """Numbers kept but not trained, such as running means and variances."""
        return sum(map(prod, self.buffers.values()))


def trace(network: Network, shape: Shape) -> list[LayerTrace]:
    """Every layer of `network` for images of `shape` (height, width, channels).

    Raises SpecError naming network, layer, what it expects and receives (and from which layer), and what to change.
    """
    if len(shape) != 3 or min(shape) < 1:
        raise SpecError(f"{network.name}: expected an input of height x width x channels, found {shape_text(shape)}.")
    rows: list[LayerTrace] = []
    before = f"the image: {shape_text(shape)}"
    field: ReceptiveField | None = ReceptiveField()
    for name, layer in network.named():
        if _whitens_late(layer, first=not rows):
            after = rows[-1].name if rows else "others of its block"
            raise SpecError(
                f"{network.name}, layer {name}: expected whitening to come first, found it after {after}: its "
                "filters come from the images. Put it first."
            )
        try:
            output = layer.output(shape)
            field = receptive_field([layer], field)
        except ShapeError as error:
            raise SpecError(f"{network.name}, layer {name}: {error.problem} ({before}). {error.fix}") from None
        rows.append(
            LayerTrace(
                name=name,
                layer=layer,
                input=shape,
                output=output,
                parameters=layer.parameters(shape),
                buffers=layer.buffers(shape),
                multiply_adds=layer.multiply_adds(shape),
                neurons=layer.neurons(shape),
                receptive_field=field,
            )
        )
        before = f"{name}: {shape_text(output)} from {shape_text(shape)}"
        shape = output
    return rows


def _whitens_late(layer: Layer, *, first: bool) -> bool:
    """Whether a layer, or one within a residual block, whitens what are no longer the images."""
    if isinstance(layer, Residual):
        branches = (layer.named_body(), layer.named_shortcut())
        return any(
            _whitens_late(inner, first=first and place == 0)
            for branch in branches
            for place, (_, inner) in enumerate(branch)
        )
    return layer.kind == "whitening" and not first


def check(network: Network, shape: Shape, classes: int) -> list[LayerTrace]:
    """`trace`, and that the network ends in one logit for each of `classes`.

    Raises SpecError otherwise.
    """
    rows = trace(network, shape)
    last = rows[-1]
    if last.output != (classes,):
        raise SpecError(
            f"{network.name}, layer {last.name}: expected {classes} logits, one for each class, found an output of "
            f"{shape_text(last.output)}. End the network with a dense layer of {classes} units."
        )
    return rows


def parameter_shapes(network: Network, shape: Shape) -> tuple[Parameters, Parameters]:
    """Trainable arrays and buffers of the whole network, named ``layer.parameter``."""
    rows = trace(network, shape)
    trainable = {f"{row.name}.{key}": value for row in rows for key, value in row.parameters.items()}
    buffers = {f"{row.name}.{key}": value for row in rows for key, value in row.buffers.items()}
    return trainable, buffers

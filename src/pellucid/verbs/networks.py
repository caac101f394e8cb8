"""The catalogue of networks, and a network's layers as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.displays.table import Table
from pellucid.errors import UsageError
from pellucid.spec import Conv, Dense, Residual
from pellucid.spec.layer import Shape, shape_text
from pellucid.spec.network import Network
from pellucid.spec.shapes import LayerTrace, trace
from pellucid.verbs.options import network_named


def network(
    name: str, *, input_shape: Shape = (28, 28, 1), classes: int = 10, options: Mapping[str, Any] | None = None
) -> Network:
    """A network of the catalogue (or a TOML file) for images of `input_shape` (height, width, channels).

    Raises UsageError for an unknown name or option.
    """
    return network_named(name, options or {}, input_shape, classes)


def shape_from_text(text: str) -> Shape:
    """``28x28x1`` as ``(28, 28, 1)``. Raises UsageError for anything else.

    >>> shape_from_text("32x32x3")
    (32, 32, 3)
    """
    words = text.lower().split("x")
    if len(words) != 3 or not all(word.isdecimal() and int(word) > 0 for word in words):
        raise UsageError(f"input: expected height x width x channels such as 28x28x1, found {text!r}.")
    return tuple(int(word) for word in words)


def layer_table(network: Network, shape: Shape) -> Table:
    """One row a layer: shapes, parameters, multiply-adds, neurons, receptive field. Raises SpecError, see `trace`."""

    def field(row: LayerTrace) -> str:
        return str(row.receptive_field) if row.receptive_field else "all"

    return Table(
        title=f"{network.name} for {shape_text(shape)}",
        columns=(
            "layer",
            "kind",
            "input",
            "output",
            "trainable",
            "not trainable",
            "multiply-adds",
            "neurons",
            "receptive field",
        ),
        rows=[
            (
                row.name,
                row.layer.kind,
                shape_text(row.input),
                shape_text(row.output),
                row.trainable,
                row.not_trainable,
                row.multiply_adds,
                row.neurons,
                field(row),
            )
            for row in trace(network, shape)
        ],
    )


def totals(network: Network, shape: Shape) -> dict[str, dict[str, int]]:
    """Sums over all layers, over conv and dense layers apart, and over whole residual blocks, where there are any."""
    rows = trace(network, shape)
    kinds = {
        "all": rows,
        "conv": [row for row in rows if isinstance(row.layer, Conv)],
        "dense": [row for row in rows if isinstance(row.layer, Dense)],
    }
    if blocks := [row for row in rows if isinstance(row.layer, Residual)]:
        kinds["residual"] = blocks
    return {
        kind: {
            "parameters": sum(row.trainable + row.not_trainable for row in chosen),
            "trainable": sum(row.trainable for row in chosen),
            "not_trainable": sum(row.not_trainable for row in chosen),
            "multiply_adds": sum(row.multiply_adds for row in chosen),
            "neurons": sum(row.neurons for row in chosen),
        }
        for kind, chosen in kinds.items()
    }


def total_table(network: Network, shape: Shape) -> Table:
    """`totals` for people."""
    sums = totals(network, shape)
    words = [name.replace("_", " ") for name in sums["all"]]
    rows = [(f"{kind} layers", *numbers.values()) for kind, numbers in sums.items()]
    return Table(title="", columns=("in", *words), rows=rows)

"""A network as data: named layers in order, and how its weights begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pellucid.errors import SpecError, unknown_name
from pellucid.spec.layer import Layer, layer_names
from pellucid.spec.layers import layer_from_dict, layer_to_dict

#: How weights are drawn; see `pellucid.engines.initial_weights`.
INITIALISATIONS = ("default", "xavier", "kaiming", "orthogonal", "dirac", "dirac_normal")


@dataclass(frozen=True)
class Network:
    """Layers in order; the last one's outputs are the logits.

    Names are the layers' own or follow from kind and count (conv1, relu1, pool1); see `named`. The input's shape is
    not part of the network: `pellucid.spec.shapes.trace` follows a shape through it.
    """

    name: str
    layers: tuple[Layer, ...]
    initialisation: str = "default"

    def __post_init__(self) -> None:
        if not self.layers:
            raise SpecError(f"{self.name}: expected at least one layer, found none.")
        if self.initialisation not in INITIALISATIONS:
            raise unknown_name("initialisation", self.initialisation, INITIALISATIONS)
        layer_names(self.layers)

    def named(self) -> list[tuple[str, Layer]]:
        """The layers with their names."""
        return layer_names(self.layers)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a run folder or a spec file; `from_dict` reads it back."""
        return {
            "name": self.name,
            "initialisation": self.initialisation,
            "layers": [layer_to_dict(layer) for layer in self.layers],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Network:
        """Raises SpecError or UsageError, naming what is missing, unknown or of the wrong kind."""
        valid = ("name", "initialisation", "layers")
        for key in data:
            if key not in valid:
                raise unknown_name("field of a network", key, valid)
        layers = data.get("layers")
        if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
            raise SpecError(
                "network: expected 'layers', a list of tables each with its 'layer', found "
                f"{type(layers).__name__}. See docs/networks.md for an example."
            )
        return cls(
            name=str(data.get("name", "network")),
            layers=tuple(layer_from_dict(layer) for layer in layers),
            initialisation=str(data.get("initialisation", "default")),
        )


@dataclass(frozen=True)
class ForeignModule:
    """A network that is code of the user's own: what can be said of it as data.

    digest: of its first weights and its description, so that two different modules never share a run.
    """

    name: str
    digest: str

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "digest": self.digest}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ForeignModule:
        return cls(str(data["name"]), str(data["digest"]))

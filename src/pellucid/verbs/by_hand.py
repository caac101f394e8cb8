"""The engine by hand beside PyTorch, a student's layer beside both, gradients beside differences, explanations."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.displays.table import Table
from pellucid.errors import UsageError, unknown_name
from pellucid.spec.layer import Shape
from pellucid.spec.network import Network
from pellucid.verbs.options import request, resolve

if TYPE_CHECKING:
    from pellucid.agreement.explain import Explanation
    from pellucid.agreement.gradients import Slope
    from pellucid.agreement.lockstep import Line
    from pellucid.agreement.student import Report


def lockstep(
    network: str | Network,
    data: Any,
    *,
    steps: int = 5,
    dtype: str = "float64",
    layer: str | type | None = None,
    **options: Any,
) -> list[Line]:
    """Both engines on the same weights and batches: one line for each tensor of each layer in each step.

    Ends after the first step with a line that does not agree. layer: ``FILE.py:CLASS`` or a class, put in the place
    of every layer of its kind. options: fields of `Recipe` and `DataSpec`, and ``seed``.

    Raises UsageError for a layer that cannot be made or called.
    """
    from pellucid.agreement.lockstep import lockstep as compared
    from pellucid.agreement.student import kind_of
    from pellucid.datasets._batches import permutation
    from pellucid.engines.initial_weights import WHITENED_IMAGES

    asked = request(network, data, recipe=None, config=None, network_options={}, options=options)
    spec, _, splits = resolve(asked)
    size, seed = asked.recipe.batch_size, asked.rest.get("seed", 0)
    order = permutation(len(splits.train), seed=seed, epoch=1)

    def batch(step: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
        start = (step - 1) * size % max(1, len(order) - size + 1)
        images = splits.train.take(order[start : start + size])
        return splits.scaling.apply(images.pixels).transpose(0, 3, 1, 2), images.labels

    replaced = None
    if layer is not None:
        made = layer if isinstance(layer, type) else their_class(layer)
        kind = kind_of(made)
        replaced = _replacing(made, kind)
    return compared(
        spec,
        splits.shape,
        batch,
        recipe=asked.recipe,
        steps=steps,
        seed=seed,
        dtype=dtype,
        replaced=replaced,
        images=splits.scaling.apply(splits.train.pixels[:WHITENED_IMAGES]),
    )


def lockstep_table(lines: list[Line]) -> Table:
    """The largest relative difference of each layer's tensors over all steps."""
    worst: dict[tuple[str, str], Line] = {}
    for line in lines:
        key = line.layer, line.tensor
        if key not in worst or line.difference.relative > worst[key].difference.relative:
            worst[key] = line
    return Table(
        ("layer", "tensor", "largest difference", "relative", "in step", "agrees"),
        [
            (name, tensor, f"{one.difference.absolute:.1e}", f"{one.difference.relative:.1e}", one.step, one.agrees)
            for (name, tensor), one in worst.items()
        ],
    )


def _replacing(made: type, kind: str) -> Callable[[str, Any], Any]:
    from pellucid.agreement.student import REFERENCES, instance

    names = set(inspect.signature(made).parameters)

    def replaced(name: str, layer: Any) -> Any:
        if type(layer) is not REFERENCES[kind]:
            return None
        given: dict[str, Any] = {
            key: getattr(layer, key)
            for key in ("kernel_size", "stride", "padding", "dilation", "groups", "pool", "return_sequences")
            if key in names and hasattr(layer, key)
        }
        return instance(made, layer.parameters | layer.buffers, given, names, every=False)

    return replaced


def check(layer: str | type, *, kind: str | None = None) -> Report:
    """A class that computes a layer, beside both engines and central differences.

    layer: ``FILE.py:CLASS`` or a class. kind: which layer it is meant to be; by default its attribute ``kind`` or
    its name says. The file's code runs, as any import does. Raises UsageError where it does not follow the protocol.
    """
    from pellucid.agreement.student import check as checked

    return checked(layer if isinstance(layer, type) else their_class(layer), kind=kind)


def check_gradients(
    network: str | Network,
    *,
    input_shape: Shape = (28, 28, 1),
    batch: int = 4,
    seed: int = 0,
    **options: Any,
) -> list[Slope]:
    """Every gradient of a network by the engine scratch, in float64, against central differences of its loss.

    network: a name of the catalogue, a TOML file, or a `Network`. batch: random images of `input_shape`. options:
    fields of `Recipe` such as ``loss`` and ``label_smoothing``.
    """
    from pellucid.agreement.gradients import check_gradients as checked
    from pellucid.spec.recipe import Recipe
    from pellucid.spec.shapes import trace
    from pellucid.verbs.networks import network as named

    spec = network if isinstance(network, Network) else named(network, input_shape=input_shape)
    classes = trace(spec, input_shape)[-1].output[-1]
    return checked(spec, input_shape, recipe=Recipe(**options), batch=batch, seed=seed, classes=classes)


def gradient_table(found: list[Slope]) -> Table:
    """One row an array."""
    return Table(
        ("layer", "array", "largest error", "relative", "verdict"),
        [
            (one.layer, one.array, f"{one.absolute:.1e}", f"{one.relative:.1e}", "right" if one.agrees else "WRONG")
            for one in found
        ],
    )


def explain(name: str) -> Explanation:
    """The mathematics of a layer, loss or optimizer, its code in both directions, and an example worked out now."""
    from pellucid.agreement.explain import explain as explained

    return explained(name)


def their_class(words: str) -> type:
    """The class of ``FILE.py:CLASS``; the file's code runs. Raises UsageError where there is none."""
    path, _, name = words.rpartition(":")
    if not path or not Path(path).is_file():
        raise UsageError(f"layer: expected FILE.py:CLASS, found {words!r}, of which there is no such file.")
    described = importlib.util.spec_from_file_location(Path(path).stem, path)
    if described is None or described.loader is None:
        raise UsageError(f"layer: expected a Python file, found {path}.")
    module = importlib.util.module_from_spec(described)
    try:
        described.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"{path}: expected code that runs, found {type(error).__name__}: {error}.") from error
    made = getattr(module, name, None)
    if not isinstance(made, type):
        own = [
            key
            for key, value in vars(module).items()
            if isinstance(value, type) and value.__module__ == module.__name__
        ]
        raise unknown_name("class", name, own)
    return made

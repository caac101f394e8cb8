"""Progressive resizing: the first epochs see smaller images, which cost less and teach the coarse things."""

from __future__ import annotations

from pellucid.errors import SpecError, UsageError
from pellucid.spec.layer import Shape
from pellucid.spec.network import Network
from pellucid.spec.recipe import Recipe
from pellucid.spec.shapes import trace


def smaller(shape: Shape, side: int) -> Shape:
    """Images of `shape` (H, W, C) with `side` pixels on the shorter side, the other in proportion, rounded.

    >>> smaller((32, 32, 3), 24), smaller((30, 40, 1), 15)
    ((24, 24, 3), (15, 20, 1))
    """
    height, width, channels = shape
    shorter = min(height, width)
    return round(height * side / shorter), round(width * side / shorter), channels


def check_smaller(recipe: Recipe, shape: Shape) -> None:
    """Raises UsageError where the smaller images would not be smaller than those of `shape`."""
    if recipe.progressive_size >= min(shape[:2]):
        raise UsageError(
            f"progressive_size: expected fewer pixels than the images' {min(shape[:2])} a side, found "
            f"{recipe.progressive_size}. Give a smaller number, or 0 for none."
        )


def check_progressive(recipe: Recipe, network: Network, shape: Shape) -> None:
    """Raises UsageError where smaller images are none, or are none that the same weights can take."""
    check_smaller(recipe, shape)
    side = recipe.progressive_size
    if not side:
        return
    whole = {row.name: row.parameters for row in trace(network, shape)}
    try:
        small = {row.name: row.parameters for row in trace(network, smaller(shape, side))}
    except SpecError as error:
        raise UsageError(
            f"progressive_size: expected images that {network.name} can take, found {side}. {error} Or give a larger "
            "number, or 0 for none."
        ) from None
    wrong = next((name for name, parameters in whole.items() if small[name] != parameters), None)
    if wrong is not None:
        raise UsageError(
            f"progressive_size: expected images that all weights of {network.name} can take, found {side}, of which "
            f"{wrong} gets another number of values. Give another number, end the network in a global pool, or give "
            "0 for none."
        )

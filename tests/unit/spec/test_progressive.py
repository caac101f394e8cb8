"""Which smaller images the weights of a network can take."""

from __future__ import annotations

import pytest

from pellucid import catalog
from pellucid.errors import UsageError
from pellucid.spec import Conv, Dense, Flatten, GlobalPool, Network, Recipe
from pellucid.spec.progressive import check_progressive

GLOBAL = Network("global", (Conv(4, 5), GlobalPool(), Dense(10)))


def test_a_network_of_the_same_weights_takes_them() -> None:
    check_progressive(Recipe(progressive_size=7), GLOBAL, (8, 8, 1))
    compact = catalog.load("networks", "compact_cifar")(input_shape=(32, 32, 3))
    check_progressive(Recipe(progressive_size=25), compact, (32, 32, 3))
    check_progressive(Recipe(), Network("dense", (Flatten(), Dense(10))), (8, 8, 1))


@pytest.mark.parametrize(
    ("network", "side", "told"),
    [
        (
            GLOBAL,
            8,
            "expected fewer pixels than the images' 8 a side, found 8. Give a smaller number, or 0 for none.",
        ),
        (GLOBAL, 4, "expected images that global can take, found 4. global, layer conv1: "),
        (
            Network("dense", (Flatten(), Dense(10))),
            4,
            "expected images that all weights of dense can take, found 4, of which fc1 gets another number of",
        ),
    ],
)
def test_what_it_cannot_take_is_told(network: Network, side: int, told: str) -> None:
    with pytest.raises(UsageError) as raised:
        check_progressive(Recipe(progressive_size=side), network, (8, 9, 1))
    assert str(raised.value).startswith(f"progressive_size: {told}")

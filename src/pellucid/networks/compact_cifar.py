"""A lean network for photographs of 32x32, made for minutes on a processor."""

from pellucid.spec import (
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    Layer,
    MaxPool,
    Network,
    Scale,
    Shape,
    Whitening,
)


def compact_cifar(
    *,
    input_shape: Shape = (32, 32, 3),
    classes: int = 10,
    width: int = 64,
    deep: int = 256,
    activation: str = "gelu",
) -> Network:
    """A fixed whitening layer and three groups of two 3x3 convolutions with batch norm, for 32x32x3.

    width: filters of the first group; deep: of the second and third. Convolutions begin as the identity where they
    can, pooling comes first in each group, before three quarters of its arithmetic, and batch norms have no scale.

    Source: the network of Jordan 2024 (jordan2024b in docs/bibliography.bib).
    """
    height, across, _ = input_shape
    # the first layer takes a row and a column, the pools all but a twenty-fourth of the others
    features = deep * max((height - 1) // 24, 1) * max((across - 1) // 24, 1)

    def group(filters: int) -> tuple[Layer, ...]:
        rest = BatchNorm(momentum=0.4, scale=False), Activation(activation)
        first, second = (Conv(filters, 3, padding="same", bias=False) for _ in range(2))
        return first, MaxPool(2), *rest, second, *rest

    return Network(
        "compact_cifar",
        (
            Whitening(2),
            Activation(activation),
            *group(width),
            *group(deep),
            *group(deep),
            MaxPool(3),
            Flatten(),
            Dense(classes, bias=False),
            Scale(1 / features),
        ),
        initialisation="dirac_normal",
    )

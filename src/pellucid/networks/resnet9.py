"""A nine-layer residual network for CIFAR-10."""

from pellucid.spec import (
    Activation,
    BatchNorm,
    Conv,
    Dense,
    GlobalPool,
    Layer,
    MaxPool,
    Network,
    Residual,
    Shape,
)


def resnet9(
    *, input_shape: Shape = (32, 32, 3), classes: int = 10, width: int = 64, activation: str = "relu"
) -> Network:
    """Residual network of eight 3x3 convolutions with batch norm and a dense layer, for 32x32x3.

    width: filters of the first convolution; the others have 2, 4 and 8 times as many.

    Source: the network of Page 2019, "How to train your ResNet" (page2019 in docs/bibliography.bib).
    """

    def block(filters: int) -> tuple[Layer, ...]:
        return Conv(filters, 3, padding="same", bias=False), BatchNorm(), Activation(activation)

    def residual(filters: int) -> Residual:
        return Residual((*block(filters), *block(filters)))

    return Network(
        "resnet9",
        (
            *block(width),
            *block(2 * width),
            MaxPool(2),
            residual(2 * width),
            *block(4 * width),
            MaxPool(2),
            *block(8 * width),
            MaxPool(2),
            residual(8 * width),
            GlobalPool("max"),
            Dense(classes),
        ),
        initialisation="kaiming",
    )

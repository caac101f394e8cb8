"""A small network that learns digits and garments in seconds."""

from pellucid.spec import Activation, BatchNorm, Conv, Dense, Flatten, Layer, MaxPool, Network, Shape


def compact(*, input_shape: Shape = (28, 28, 1), classes: int = 10, width: int = 24, hidden: int = 128) -> Network:
    """Two convolutions with batch norm and a dense layer, lean in arithmetic, for 28x28x1.

    Pooling comes before batch norm and ReLU, which have a quarter of the values left to work on. width: filters of
    the first convolution, the second has a third more; hidden: units of the dense layer.
    """

    def block(filters: int, kernel_size: int) -> tuple[Layer, ...]:
        return Conv(filters, kernel_size, bias=False), MaxPool(2), BatchNorm(), Activation("relu")

    return Network(
        "compact",
        (
            *block(width, 5),
            *block(width * 4 // 3, 3),
            Flatten(),
            Dense(hidden),
            Activation("relu"),
            Dense(classes),
        ),
    )

"""The wider LeNet of TensorFlow's early tutorials (report 000)."""

from pellucid.spec import Activation, Conv, Dense, Dropout, Flatten, Layer, MaxPool, Network, Shape


def lenet5_28(*, input_shape: Shape = (28, 28, 1), classes: int = 10, dropout: float = 0.0) -> Network:
    """Wide LeNet for 28x28: 5x5 convolutions of 32 and 64 filters, dense 1024; 1,111,946 parameters.

    dropout: rate before the last layer, 0 for none.
    """
    rest: tuple[Layer, ...] = (Dropout(dropout),) if dropout else ()
    return Network(
        "lenet5_28",
        (
            Conv(32, 5),
            Activation("relu"),
            MaxPool(2),
            Conv(64, 5),
            Activation("relu"),
            MaxPool(2),
            Flatten(),
            Dense(1024),
            Activation("relu"),
            *rest,
            Dense(classes),
        ),
    )

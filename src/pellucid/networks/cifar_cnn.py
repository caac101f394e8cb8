"""Two convolutions with ReLU on CIFAR-10 (report 001)."""

from pellucid.spec import Activation, Conv, Dense, Flatten, MaxPool, Network, Shape


def cifar_cnn(*, input_shape: Shape = (32, 32, 3), classes: int = 10) -> Network:
    """Two 5x5 convolutions of 32 and 64 filters, dense 1024, for 32x32x3.

    The report names only its two ReLU layers; filters and dense layer are our reading of it.
    """
    return Network(
        "cifar_cnn",
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
            Dense(classes),
        ),
    )

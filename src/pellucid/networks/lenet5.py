"""LeNet-5's shape with ReLU and max pooling (report 002)."""

from pellucid.spec import Activation, Conv, Dense, Flatten, MaxPool, Network, Shape


def lenet5(*, input_shape: Shape = (28, 28, 1), classes: int = 10, activation: str = "relu") -> Network:
    """LeNet-5 with max pooling and ReLU: two 5x5 convolutions of 6 and 16 filters, dense 120 and 84.

    Images below 32 pixels are padded by 2, as MNIST's 28x28 were made 32x32 in the original. 61,706 parameters for
    28x28x1, 62,006 for 32x32x3.

    Source: LeCun, Bottou, Bengio, Haffner 1998 (lecun1998 in docs/bibliography.bib).
    """
    padding = 2 if min(input_shape[:2]) < 32 else 0
    return Network(
        "lenet5",
        (
            Conv(6, 5, padding=padding),
            Activation(activation),
            MaxPool(2),
            Conv(16, 5),
            Activation(activation),
            MaxPool(2),
            Flatten(),
            Dense(120),
            Activation(activation),
            Dense(84),
            Activation(activation),
            Dense(classes),
        ),
    )

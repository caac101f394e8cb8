"""One convolution, for MNIST (report 004, part 1)."""

from pellucid.spec import Activation, Conv, Dense, Flatten, MaxPool, Network, Shape


def one_conv(
    *,
    input_shape: Shape = (28, 28, 1),
    classes: int = 10,
    filters: int = 28,
    kernel_size: int = 3,
    stride: int = 1,
    padding: int = 0,
) -> Network:
    """One convolution of 28 3x3 filters, max pooling, dense 128: 607,394 parameters.

    There is no activation after the convolution, as in the report; max pooling is the first nonlinearity.
    """
    return Network(
        "one_conv",
        (
            Conv(filters, kernel_size, stride=stride, padding=padding),
            MaxPool(2),
            Flatten(),
            Dense(128),
            Activation("relu"),
            Dense(classes),
        ),
    )

"""Four convolutions and five dense layers, for CIFAR-10 (report 004, part 2)."""

from pellucid.spec import Activation, BatchNorm, Conv, Dense, Dropout, Flatten, Layer, MaxPool, Network, Shape


def four_conv(*, input_shape: Shape = (32, 32, 3), classes: int = 10, dropout: float = 0.3) -> Network:
    """Four 3x3 convolutions (64, 128, 256, 512) with pooling and batch norm, dense 128, 256, 512, 1024.

    dropout: rate after each dense layer, 0 for none; the report gives no rate, 0.3 (keep_prob 0.7) is our choice.
    """
    layers: list[Layer] = []
    for filters in (64, 128, 256, 512):
        layers += [Conv(filters, 3, padding="same"), Activation("relu"), MaxPool(2), BatchNorm()]
    layers.append(Flatten())
    for units in (128, 256, 512, 1024):
        layers += [Dense(units), Activation("relu"), *([Dropout(dropout)] if dropout else []), BatchNorm()]
    layers.append(Dense(classes))
    return Network("four_conv", tuple(layers))

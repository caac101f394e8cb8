"""A small VGG for CIFAR-10 (report 003)."""

from pellucid.spec import Activation, BatchNorm, Conv, Dense, Dropout, Flatten, Layer, MaxPool, Network, Shape


def vgg_small(
    *, input_shape: Shape = (32, 32, 3), classes: int = 10, batch_norm: bool = False, dropout: float = 0.0
) -> Network:
    """Small VGG for 32x32: 3x3 convolutions of 64, 128, 256, 256 filters, dense 1024 twice, batch norm on the logits.

    batch_norm: also after each convolution. dropout: rate after each dense layer of 1024, 0 for none. Weights begin
    as Xavier's. 6,216,114 parameters with both off, 20 of them running statistics.

    Source: in the manner of Simonyan and Zisserman 2015 (simonyan2015 in docs/bibliography.bib).
    """

    def block(filters: int, *, pool: bool) -> tuple[Layer, ...]:
        norm: tuple[Layer, ...] = (BatchNorm(),) if batch_norm else ()
        down: tuple[Layer, ...] = (MaxPool(2),) if pool else ()
        return (Conv(filters, 3, padding="same"), *norm, Activation("relu"), *down)

    def dense(units: int) -> tuple[Layer, ...]:
        rest: tuple[Layer, ...] = (Dropout(dropout),) if dropout else ()
        return (Dense(units), Activation("relu"), *rest)

    return Network(
        "vgg_small",
        (
            *block(64, pool=True),
            *block(128, pool=True),
            *block(256, pool=False),
            *block(256, pool=True),
            Flatten(),
            *dense(1024),
            *dense(1024),
            Dense(classes),
            BatchNorm(name="bn_logits"),
        ),
        initialisation="xavier",
    )

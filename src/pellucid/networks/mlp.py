"""Dense layers alone."""

from pellucid.spec import Activation, Dense, Dropout, Flatten, Layer, Network, Shape


def mlp(
    *,
    input_shape: Shape = (28, 28, 1),
    classes: int = 10,
    hidden_size: int = 256,
    hidden_layers: int = 2,
    activation: str = "relu",
    dropout: float = 0.0,
) -> Network:
    """Multilayer perceptron: the pixels through `hidden_layers` dense layers of `hidden_size` units."""
    layers: list[Layer] = [Flatten()]
    for _ in range(hidden_layers):
        layers += [Dense(hidden_size), Activation(activation), *([Dropout(dropout)] if dropout else [])]
    return Network("mlp", (*layers, Dense(classes)))

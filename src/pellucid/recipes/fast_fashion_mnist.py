"""Garments in seconds."""

from pellucid.spec import Recipe


def fast_fashion_mnist(*, lr: float = 0.01, epochs: int = 2) -> Recipe:
    """Adam on one cycle over two epochs in batches of 256: with `compact`, over 90 % of Fashion-MNIST in seconds."""
    return Recipe(
        optimizer="adam",
        lr=lr,
        betas=(0.7, 0.9),
        epochs=epochs,
        batch_size=256,
        schedule="one_cycle",
        pct_start=0.25,
    )

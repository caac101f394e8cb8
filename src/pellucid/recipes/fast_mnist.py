"""Digits in seconds."""

from pellucid.spec import Recipe


def fast_mnist(*, lr: float = 0.01, epochs: int = 1) -> Recipe:
    """Adam on one cycle over one epoch in batches of 256: with `compact`, 99 % of MNIST in seconds.

    With ``--epochs 8 --shift 2``, trained on all 60,000 images, it comes to 99.5 %, averaged over copies moved by a
    pixel (``evaluate --shifted``).
    """
    return Recipe(
        optimizer="adam",
        lr=lr,
        betas=(0.7, 0.9),
        epochs=epochs,
        batch_size=256,
        schedule="one_cycle",
        pct_start=0.25,
    )

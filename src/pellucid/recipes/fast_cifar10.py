"""Photographs in minutes."""

from pellucid.spec import Augmentation, Recipe


def fast_cifar10(*, lr: float = 0.02, epochs: int = 8) -> Recipe:
    """Muon on one cycle with flips, crops and label smoothing: with `compact_cifar`, CIFAR-10 in minutes.

    Source: the recipe of Jordan 2024 (jordan2024b in docs/bibliography.bib), with our Muon and batches of 500.
    """
    return Recipe(
        optimizer="muon",
        lr=lr,
        momentum=0.6,
        nesterov=True,
        epochs=epochs,
        batch_size=500,
        label_smoothing=0.2,
        schedule="one_cycle",
        pct_start=0.15,
        div_factor=5.0,
        final_div_factor=100.0,
        augmentation=Augmentation(horizontal_flip=True, crop_padding=2),
    )

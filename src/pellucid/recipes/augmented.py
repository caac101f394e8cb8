"""For photographs: flips and shifts, and a rate that falls when validation stalls (report 003)."""

from pellucid.spec import Augmentation, Recipe


def augmented(*, lr: float = 0.001, epochs: int = 60) -> Recipe:
    """Adam with flips and shifts of up to 4 pixels; the rate falls to 0.3 of it after 6 epochs without progress."""
    return Recipe(
        optimizer="adam",
        lr=lr,
        epochs=epochs,
        schedule="plateau",
        plateau_factor=0.3,
        plateau_patience=5,
        augmentation=Augmentation(horizontal_flip=True, shift=4),
    )

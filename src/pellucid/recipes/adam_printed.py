"""Adam in the form that report 000 prints."""

from pellucid.spec import Recipe


def adam_printed(*, lr: float = 0.001) -> Recipe:
    """Report 000's Adam: the rate corrected by sqrt(1-b2^t)/(1-b1^t), early stopping after 5 epochs."""
    return Recipe(optimizer="adam_printed", lr=lr, patience=5, min_delta=0.0001, epochs=50)

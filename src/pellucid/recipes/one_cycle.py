"""One rise and one fall of the learning rate."""

from pellucid.spec import Recipe


def one_cycle(*, lr: float = 0.01) -> Recipe:
    """AdamW on one cycle of the learning rate up to 0.01: quick and good for a few epochs.

    Source: Smith and Topin 2018 (smith2018 in docs/bibliography.bib).
    """
    return Recipe(optimizer="adamw", lr=lr, weight_decay=0.01, schedule="one_cycle")

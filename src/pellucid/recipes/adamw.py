"""Adam with decoupled weight decay."""

from pellucid.spec import Recipe


def adamw(*, lr: float = 0.001) -> Recipe:
    """AdamW, weight decay 0.01, learning rate 0.001 falling along a cosine.

    Source: Loshchilov and Hutter 2019 (loshchilov2019 in docs/bibliography.bib).
    """
    return Recipe(optimizer="adamw", lr=lr, weight_decay=0.01, schedule="cosine")

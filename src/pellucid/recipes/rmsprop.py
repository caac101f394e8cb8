"""RMSprop at its usual rate."""

from pellucid.spec import Recipe


def rmsprop(*, lr: float = 0.001) -> Recipe:
    """RMSprop at a constant learning rate of 0.001, squares decaying by 0.9.

    Source: Tieleman and Hinton 2012 (tieleman2012 in docs/bibliography.bib).
    """
    return Recipe(optimizer="rmsprop", lr=lr, alpha=0.9)

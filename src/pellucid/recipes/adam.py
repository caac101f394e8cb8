"""Adam at its usual rate."""

from pellucid.spec import Recipe


def adam(*, lr: float = 0.001) -> Recipe:
    """Adam at a constant learning rate of 0.001.

    Source: Kingma and Ba 2015 (kingma2015 in docs/bibliography.bib).
    """
    return Recipe(optimizer="adam", lr=lr)

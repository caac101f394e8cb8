"""Adagrad at the rate of report 001."""

from pellucid.spec import Recipe


def adagrad(*, lr: float = 0.01) -> Recipe:
    """Adagrad at a learning rate of 0.01, the best of report 001.

    Source: Duchi, Hazan, Singer 2011 (duchi2011 in docs/bibliography.bib).
    """
    return Recipe(optimizer="adagrad", lr=lr, eps=1e-10)

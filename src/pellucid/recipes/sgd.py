"""Stochastic gradient descent with momentum."""

from pellucid.spec import Recipe


def sgd(*, lr: float = 0.05) -> Recipe:
    """SGD with Nesterov momentum 0.9, learning rate 0.05, falling along a cosine.

    Source: Sutskever, Martens, Dahl, Hinton 2013 (sutskever2013 in docs/bibliography.bib).
    """
    return Recipe(optimizer="sgd", lr=lr, momentum=0.9, nesterov=True, schedule="cosine")

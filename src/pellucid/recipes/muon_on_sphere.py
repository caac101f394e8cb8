"""Muon whose weights keep their norm."""

from pellucid.spec import Recipe


def muon_on_sphere(*, lr: float = 0.02) -> Recipe:
    """Muon with Nesterov momentum 0.6 and weights of fixed norm, learning rate 0.02 falling along a cosine.

    For networks with batch norm. Source: Jordan 2024 (jordan2024b in docs/bibliography.bib).
    """
    return Recipe(optimizer="muon_on_sphere", lr=lr, momentum=0.6, nesterov=True, schedule="cosine")

"""Muon: orthogonalised momentum."""

from pellucid.spec import Recipe


def muon(*, lr: float = 0.02) -> Recipe:
    """Muon with Nesterov momentum 0.95, learning rate 0.02 falling along a cosine; AdamW for the rest.

    Source: Jordan et al. 2024 (jordan2024 in docs/bibliography.bib).
    """
    return Recipe(optimizer="muon", lr=lr, momentum=0.95, nesterov=True, schedule="cosine")

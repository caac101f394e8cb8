"""Report 004: the range of learning rates."""

from __future__ import annotations

from pellucid.spec.factor import Factor
from pellucid.spec.study import Claim, Figure, Study


def learning_rate_range() -> Study:
    """One convolution on MNIST with learning rates from 0.00001 to 0.001, five epochs each (report 004)."""
    return Study(
        name="learning-rate-range",
        base={"network": "one_conv", "data": "mnist", "optimizer": "adam", "epochs": 5},
        factors=(Factor("lr", (0.00001, 0.0001, 0.001)),),
        figures=(Figure("accuracy by epoch on validation images", "curves"),),
        claims=(
            Claim("0.001 is better than 0.0001", "lr=0.001", "lr=0.0001"),
            Claim("0.0001 is better than 0.00001", "lr=0.0001", "lr=1e-05"),
        ),
    )

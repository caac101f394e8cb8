"""Report 003: batch norm x dropout."""

from __future__ import annotations

from pellucid.spec.factor import Factor
from pellucid.spec.study import Claim, Figure, Study


def batch_norm_and_dropout() -> Study:
    """Batch norm on and off x dropout on and off in the small VGG on CIFAR-10, with its curves (report 003).

    Open in the report, assumed here: eight epochs, flips and shifts of up to four pixels. In bf16 where that is
    faster. Five seeds are the fewest with which both claims can be answered.
    """
    return Study(
        name="batch-norm-and-dropout",
        base={
            "network": "vgg_small",
            "data": "cifar10",
            "batch_size": 100,
            "optimizer": "adam",
            "lr": 0.001,
            "epochs": 8,
            "horizontal_flip": True,
            "shift": 4,
            "precision": "auto",
        },
        factors=(Factor("batch_norm", (False, True)), Factor("dropout", (0.0, 0.5))),
        seeds=(0, 1, 2, 3, 4),
        figures=(
            Figure("loss by epoch on the training images", "curves", {"metric": "train_loss"}),
            Figure("loss by epoch on validation images", "curves", {"metric": "validation_loss"}),
            Figure("loss by epoch on the test images", "curves", {"metric": "test_loss"}),
            Figure("accuracy by epoch on the training images", "curves", {"metric": "train_accuracy"}),
            Figure("accuracy by epoch on validation images", "curves"),
            Figure("accuracy by epoch on the test images", "curves", {"metric": "test_accuracy"}),
        ),
        claims=(
            Claim("batch norm helps", "batch_norm=True dropout=0", "batch_norm=False dropout=0"),
            Claim("dropout helps", "batch_norm=False dropout=0.5", "batch_norm=False dropout=0"),
        ),
    )

"""Report 002: LeNet-5 to an accuracy threshold."""

from __future__ import annotations

from pellucid.spec.study import Claim, Figure, Study


def epochs_to_a_threshold() -> Study:
    """LeNet-5 to 99 % on MNIST and 90 % on Fashion-MNIST, by learning rate and decay: how many epochs (report 002).

    The report watches the test images; here validation images say when to stop. Reported for MNIST: 8 epochs (0.001,
    no decay) to 23 (0.0001, decay 0.0005); for Fashion-MNIST 6 to 51.
    """
    configs = [
        {"data": data, "stop_at": share, "lr": lr, "weight_decay": decay}
        for data, share in (("mnist", 0.99), ("fashion_mnist", 0.9))
        for lr in (0.001, 0.0005, 0.0001)
        for decay in (0.0, 0.0005)
    ]
    return Study(
        name="epochs-to-a-threshold",
        base={"network": "lenet5", "optimizer": "adam", "batch_size": 64, "epochs": 100},
        listed=tuple(configs),
        seeds=(0, 1, 2),
        metric="epochs",
        reported={
            "data=mnist stop_at=0.99 lr=0.001 weight_decay=0": 8,
            "data=mnist stop_at=0.99 lr=0.0001 weight_decay=0.0005": 23,
            "data=fashion_mnist stop_at=0.9 lr=0.001 weight_decay=0": 6,
            "data=fashion_mnist stop_at=0.9 lr=0.0001 weight_decay=0": 51,
        },
        figures=(
            Figure("accuracy by epoch on validation images", "curves"),
            Figure("loss by epoch on validation images", "curves", {"metric": "validation_loss"}),
        ),
        claims=(
            Claim(
                "a higher rate gets there sooner",
                "data=mnist stop_at=0.99 lr=0.001 weight_decay=0",
                "data=mnist stop_at=0.99 lr=0.0001 weight_decay=0",
            ),
            Claim(
                "decay slows MNIST",
                "data=mnist stop_at=0.99 lr=0.0001 weight_decay=0",
                "data=mnist stop_at=0.99 lr=0.0001 weight_decay=0.0005",
            ),
            *(
                Claim(
                    f"decay helps Fashion-MNIST at {lr:g}",
                    f"data=fashion_mnist stop_at=0.9 lr={lr:g} weight_decay=0.0005",
                    f"data=fashion_mnist stop_at=0.9 lr={lr:g} weight_decay=0",
                )
                for lr in (0.0005, 0.0001)
            ),
        ),
    )

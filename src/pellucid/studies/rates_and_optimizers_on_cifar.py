"""Report 001: learning rate x optimizer x epochs on CIFAR-10."""

from __future__ import annotations

from pellucid.spec.study import Claim, Figure, Study


def rates_and_optimizers_on_cifar() -> Study:
    """Learning rate x optimizer on CIFAR-10, ten epochs, and twenty for the best (report 001).

    Open in the report, assumed here: the network (two convolutions, `cifar_cnn`) and batches of 100.
    """
    rows = [
        ("adam", 0.001, 10, 0.6423),
        ("adam", 0.005, 10, 0.6409),
        ("adam", 0.01, 10, 0.1796),
        ("adagrad", 0.001, 10, 0.5678),
        ("adagrad", 0.005, 10, 0.651),
        ("adagrad", 0.01, 10, 0.6848),
        ("adagrad", 0.01, 20, 0.717),
    ]
    return Study(
        name="rates-and-optimizers-on-cifar",
        base={"network": "cifar_cnn", "data": "cifar10", "batch_size": 100},
        listed=tuple({"optimizer": name, "lr": lr, "epochs": epochs} for name, lr, epochs, _ in rows),
        seeds=(0, 1, 2),
        reported={f"optimizer={name} lr={lr:g} epochs={epochs}": value for name, lr, epochs, value in rows},
        figures=(
            Figure("loss by epoch on the training images", "curves", {"metric": "train_loss"}),
            Figure("loss by epoch on validation images", "curves", {"metric": "validation_loss"}),
            Figure("accuracy by epoch on the training images", "curves", {"metric": "train_accuracy"}),
            Figure("accuracy by epoch on validation images", "curves"),
            Figure("weights of the first layer", "filters", {"layer": "conv1"}),
            Figure("activations of both convolutions", "activation_statistics", {"layers": ("relu1", "relu2")}),
        ),
        claims=(
            Claim(
                "Adagrad with 0.01 is better than with 0.001",
                "optimizer=adagrad lr=0.01 epochs=10",
                "optimizer=adagrad lr=0.001 epochs=10",
            ),
            Claim(
                "Adam with 0.01 does not learn",
                "optimizer=adam lr=0.001 epochs=10",
                "optimizer=adam lr=0.01 epochs=10",
            ),
        ),
    )

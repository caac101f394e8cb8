"""Report 001: learning rate x optimizer x epochs on CIFAR-10."""

from __future__ import annotations

from pellucid.spec.study import AlsoReported, Claim, Config, Figure, Study, label


def rates_and_optimizers_on_cifar() -> Study:
    """Learning rate x optimizer on CIFAR-10, ten epochs, and twenty for the best (report 001).

    Open in the report, assumed here: the network (two convolutions, `cifar_cnn`) and batches of 100. The last
    configuration is the report's best with what validation chose: mirrored images.
    """
    rows = [  # losses and accuracies of training and test images
        ("adam", 0.001, 10, 0.9583, 0.6667, 1.04, 0.6423),
        ("adam", 0.005, 10, 0.813, 0.7229, 1.168, 0.6409),
        ("adam", 0.01, 10, 2.576, 0.136, 2.493, 0.1796),
        ("adagrad", 0.001, 10, 1.204, 0.5852, 1.242, 0.5678),
        ("adagrad", 0.005, 10, 0.8916, 0.6942, 1.009, 0.651),
        ("adagrad", 0.01, 10, 0.5843, 0.8122, 0.9117, 0.6848),
        ("adagrad", 0.01, 20, 0.1498, 0.9816, 0.8578, 0.717),
    ]
    configs: list[Config] = [{"optimizer": name, "lr": lr, "epochs": epochs} for name, lr, epochs, *_ in rows]
    arms = [label(config) for config in configs]
    ours: Config = {**configs[-1], "horizontal_flip": True}
    return Study(
        name="rates-and-optimizers-on-cifar",
        base={"network": "cifar_cnn", "data": "cifar10", "batch_size": 100},
        listed=(*configs, ours),
        seeds=(0, 1, 2),
        reported={arm: row[-1] for arm, row in zip(arms, rows, strict=True)},
        also_reported=tuple(
            AlsoReported(arm, metric, value)
            for arm, row in zip(arms, rows, strict=True)
            for metric, value in zip(("train_loss", "train_accuracy", "test_loss"), row[3:6], strict=True)
        ),
        figures=(
            Figure("loss by epoch on the training images", "curves", {"metric": "train_loss"}),
            Figure("loss by epoch on validation images", "curves", {"metric": "validation_loss"}),
            Figure("loss by epoch on the test images", "curves", {"metric": "test_loss"}),
            Figure("accuracy by epoch on the training images", "curves", {"metric": "train_accuracy"}),
            Figure("accuracy by epoch on validation images", "curves"),
            Figure("accuracy by epoch on the test images", "curves", {"metric": "test_accuracy"}),
            Figure("weights of the first layer", "filters", {"layer": "conv1"}),
            Figure(
                "activations of both convolutions; reported mean and deviation 0.0657 and 0.1373, 0.1000 and 0.3112",
                "activation_statistics",
                {"layers": ("relu1", "relu2")},
            ),
        ),
        claims=(
            Claim("Adagrad with 0.01 is better than with 0.001", arms[5], arms[3]),
            Claim("Adam with 0.001 is better than with 0.01, which does not learn", arms[0], arms[2]),
            Claim("Adagrad with 0.01 is better after twenty epochs than after ten", arms[6], arms[5]),
            Claim("71.7 % are reached", arms[6], least=0.717),
            Claim("71.7 % are reached with mirrored images", label(ours), least=0.717),
        ),
    )

"""Report 000: three optimizers on small gray CIFAR-10."""

from __future__ import annotations

from pellucid.spec.study import Claim, Config, Figure, Study, label


def optimizers_on_gray_cifar() -> Study:
    """SGD with momentum, RMSprop and Adam as printed, on 10,000 gray images of CIFAR-10 at 28x28 (report 000).

    Open in the report, assumed here: centre crop to 28 pixels; learning rates 0.01 (SGD), 0.0001 (RMSprop) and 0.001
    (Adam); momentum 0.9; batches of 100; at most 40 epochs. 1,000 test images, early stopping with patience 5.
    """
    as_printed: tuple[tuple[Config, float], ...] = (
        ({"optimizer": "sgd", "momentum": 0.9, "lr": 0.01}, 0.467),
        ({"optimizer": "rmsprop_printed", "momentum": 0.9, "lr": 0.0001}, 0.523),
        ({"optimizer": "adam_printed", "lr": 0.001}, 0.529),
    )
    sgd, rmsprop, adam = (label(config) for config, _ in as_printed)
    return Study(
        name="optimizers-on-gray-cifar",
        base={
            "network": "lenet5_28",
            "data": "cifar10",
            "views": ["grayscale", "centre_crop=28"],
            "subset": 10_000,
            "test_size": 1_000,
            "batch_size": 100,
            "epochs": 40,
            "patience": 5,
            "min_delta": 0.0001,
        },
        listed=tuple(config for config, _ in as_printed),
        reported={label(config): share for config, share in as_printed},
        figures=(
            Figure("ten images with class names", "samples", {"per_class": 1}),
            Figure("accuracy by epoch on the training images", "curves", {"metric": "train_accuracy"}),
            Figure("accuracy by epoch on validation images", "curves"),
            Figure("accuracy by epoch on the test images", "curves", {"metric": "test_accuracy"}),
            Figure("loss by epoch on the training images", "curves", {"metric": "train_loss"}),
            Figure("loss by epoch on validation images", "curves", {"metric": "validation_loss"}),
            Figure("loss by epoch on the test images", "curves", {"metric": "test_loss"}),
            Figure("the 32 filters of the first layer", "filters", {"layer": "conv1"}),
            Figure("activations of both convolutions", "activation_statistics", {"layers": ("relu1", "relu2")}),
            Figure("the deconvnet of the paper it reads", "deconvnet", {"layer": "conv2"}),
        ),
        claims=(
            Claim("Adam is better than SGD", adam, sgd),
            Claim("RMSprop is better than SGD", rmsprop, sgd),
            Claim("Adam is better than RMSprop", adam, rmsprop),
            *(
                Claim(f"{100 * share:.1f} % are reached by {words}", label(config), least=share)
                for words, (config, share) in zip(("SGD", "RMSprop", "Adam"), as_printed, strict=True)
            ),
        ),
    )

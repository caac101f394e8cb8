"""Report 004: four convolutions on CIFAR-10, with 45,000 and 20,000 images."""

from __future__ import annotations

from pellucid.spec.study import Claim, Config, Figure, Study, label


def four_conv_on_cifar() -> Study:
    """Four convolutions on CIFAR-10: 45,000 images, with L2 too, and 20,000 images for 50 epochs (report 004).

    In bf16 where that is faster.
    """
    rows: tuple[tuple[Config, float], ...] = (
        ({"subset": None, "epochs": 10, "l2": 0.0}, 0.74081),
        ({"subset": None, "epochs": 10, "l2": 0.00222}, 0.74084),
        ({"subset": 20_000, "epochs": 50, "l2": 0.0}, 0.6516),
    )
    return Study(
        name="four-conv-on-cifar",
        base={"network": "four_conv", "data": "cifar10", "views": ["min_max"], "batch_size": 100, "optimizer": "adam",
              "lr": 0.001, "precision": "auto"},
        listed=tuple(config for config, _ in rows),
        seeds=(0, 1, 2),
        reported={label(config): share for config, share in rows},
        figures=(
            Figure("layers with shapes and parameters", "layers"),
            Figure("loss and accuracy by epoch", "learning_curves"),
            Figure("weights and biases of each layer", "weight_histograms"),
            Figure("right and wrong images by confidence", "mistakes"),
            Figure("what each layer makes of a horse", "feature_maps", of_class="horse"),
        ),
        claims=(
            Claim("L2 is better than none", label(rows[1][0]), label(rows[0][0])),
            *(
                Claim(f"{100 * share:.2f} % are reached{words}", label(config), least=share)
                for (config, share), words in zip(rows, ("", " with L2", " with 20,000 images"), strict=True)
            ),
        ),
    )  # fmt: skip

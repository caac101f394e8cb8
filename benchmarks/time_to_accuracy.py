"""Seconds of training to a test accuracy: mean over seeds, with intervals.

    PELLUCID_DATA=... python benchmarks/time_to_accuracy.py [--targets NAME ...] [--validation] [--seeds N]

Each target is a network and a recipe, chosen on validation images (`--validation`); here the test images are asked,
once for each seed. Seconds are those of the training steps, the order of images, augmentation and whitening included,
evaluation and reading of files not. Trained without the validation images (on 55,000 or 45,000), since they chose the
recipe; for the targets of `WHOLE`, what they have chosen is trained on all images. With test-time augmentation:
`mirror`, the mean logits of an image and its mirror image; `moved copies`, of the image, or of both where training
mirrors, moved by a pixel along the diagonal too (`pellucid evaluate --shifted`, with `--mirror` six). Intervals
are 95 %, by Student's t over the seeds.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from scipy import stats

from pellucid import catalog
from pellucid.datasets._load import load
from pellucid.engines.engine import engine
from pellucid.engines.pytorch import trainer
from pellucid.evaluation.averaged import averaged
from pellucid.images import Images, Splits
from pellucid.spec import Augmentation, DataSpec, Recipe
from pellucid.training.environment import cpu
from pellucid.training.fit import Progress, fit

#: data, network, its options, recipe, its options, accuracy aimed at, seconds aimed at, seeds.
TARGETS: dict[str, tuple[str, str, dict[str, Any], str, dict[str, Any], float, float, int]] = {
    "mnist-99": ("mnist", "compact", {}, "fast_mnist", {}, 0.99, 3, 30),
    "mnist-99.5": (
        "mnist",
        "compact",
        {},
        "fast_mnist",
        {"epochs": 8, "augmentation": Augmentation(shift=2)},
        0.995,
        30,
        10,
    ),
    "fashion-90": ("fashion_mnist", "compact", {}, "fast_fashion_mnist", {}, 0.90, 8, 10),
    "fashion-94": (
        "fashion_mnist",
        "compact_cifar",
        {"deep": 128},
        "fast_cifar10",
        {"epochs": 10, "batch_size": 250, "lr": 0.01},
        0.94,
        300,
        3,
    ),
    "cifar-88": (
        "cifar10",
        "compact_cifar",
        {},
        "fast_cifar10",
        {"epochs": 2, "batch_size": 500, "progressive_size": 25, "progressive_share": 0.5},
        0.88,
        120,
        5,
    ),
    "cifar-94": (
        "cifar10",
        "compact_cifar",
        {},
        "fast_cifar10",
        {"epochs": 12, "progressive_size": 25, "progressive_share": 0.5},
        0.94,
        600,
        5,
    ),
    "cifar-95": (
        "cifar10",
        "compact_cifar",
        {"width": 128, "deep": 384},
        "fast_cifar10",
        {"epochs": 17, "progressive_size": 25, "progressive_share": 0.48},
        0.95,
        1800,
        3,
    ),
}

#: Trained on the validation images too, as the published records are.
WHOLE = ("mnist-99.5", "cifar-94", "cifar-95")


def accuracy(model: Any, images: Images, **changes: bool) -> float:
    """In percent. changes: of `averaged`."""
    logits = averaged(lambda pixels: model.logits(replace(images, pixels=pixels)), images.pixels, **changes)
    return 100 * float((logits.argmax(1) == images.labels).mean())


def together(first: Images, second: Images) -> Images:
    """The images of both."""
    pixels, labels = (
        np.concatenate([getattr(one, name) for one in (first, second)]) for name in ("pixels", "labels")
    )
    return Images(pixels, labels, first.class_names)


def interval(values: list[float]) -> str:
    if not values:
        return "-"
    mean = float(np.mean(values))
    if len(values) < 2:
        return f"{mean:.2f}"
    half = float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return f"{mean:.2f} +- {half:.2f}"


def timed(network: Any, splits: Splits, recipe: Recipe, seed: int, precision: str) -> tuple[Any, float]:
    """A trainer when it is done, and the seconds of its training."""
    start = time.perf_counter()
    trained = trainer(network, splits.train, splits.scaling, recipe, seed=seed, precision=precision)
    begun = time.perf_counter() - start
    progress = Progress()
    for _ in fit(trained, splits, recipe, progress):
        pass
    return trained, begun + progress.seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--targets", nargs="+", default=list(TARGETS), choices=list(TARGETS))
    parser.add_argument("--validation", action="store_true", help="ask the validation images, to choose a recipe")
    parser.add_argument("--seeds", type=int, help="fewer or more seeds than the target asks for")
    asked = parser.parse_args()
    chosen = engine("pytorch")
    with chosen.threads(None) as threads:
        print(
            f"{datetime.now(UTC):%Y-%m-%d} {cpu()}, torch {torch.__version__}, {threads} threads, "
            f"{'validation' if asked.validation else 'test'} images"
        )
        print("| target | n | accuracy % | with mirror % | moved copies % | seconds | aim | precision |")
        print("|---|---|---|---|---|---|---|---|")
        for name in asked.targets:
            data, network, options, recipe_name, changes, aim, limit, seeds = TARGETS[name]
            splits = load(DataSpec(name=data))
            whole = name in WHOLE and not asked.validation
            train = together(splits.train, splits.validation) if whole else splits.train
            judged = splits.validation if asked.validation else splits.test
            nothing = train.take(np.arange(0))
            recipe = replace(catalog.load("recipes", recipe_name)(), **changes)
            built = catalog.load("networks", network)(input_shape=splits.shape, **options)
            precision, _ = chosen.choose_precision(built, splits.shape, 10, recipe, device="cpu")
            plain, mirrored, moved, seconds = [], [], [], []
            for seed in range(asked.seeds or seeds):
                trained, taken = timed(
                    built, Splits(train, nothing, nothing, splits.scaling), recipe, seed, precision
                )
                seconds.append(taken)
                plain.append(accuracy(trained.model, judged, mirror=False, shifted=False))
                flips = recipe.augmentation.horizontal_flip or recipe.augmentation.alternating_flip  # no digits
                if flips:
                    mirrored.append(accuracy(trained.model, judged, mirror=True, shifted=False))
                moved.append(accuracy(trained.model, judged, mirror=flips, shifted=True))
            print(
                f"| {name} | {len(plain)} | {interval(plain)} | {interval(mirrored)} | {interval(moved)} | "
                f"{interval(seconds)} | "
                f"{100 * aim:g} % in {limit:g} s | {precision} |",
                flush=True,
            )


if __name__ == "__main__":
    main()

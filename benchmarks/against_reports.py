"""How much sooner a fast recipe is at an accuracy than the report's own recipe in the tutorials' loop.

    PELLUCID_DATA=... python benchmarks/against_reports.py [--repeats 5] [--targets NAME ...]

Each row is a figure of a course report: its network, trained for the epochs that the report names (or, where it names
none, those that its study here allows) by the loop of the tutorials (`references/plain_pytorch.py`), against the
network and recipe that reach as much here (`time_to_accuracy.py`, whose seeds and intervals say how surely). The two
take turns in one run, A B A B: ours trains to its end, the loop trains over some images, and its time is extrapolated
to all images and epochs. The loop has neither the report's augmentation nor its validation: both would add to its
time. The median over the turns counts, with a bootstrap interval (95 %); ratios are of neighbours in time. The
accuracy is ours on the test images, the mean over the turns, each with a seed of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pellucid import catalog
from pellucid.datasets._load import load
from pellucid.engines.engine import engine
from pellucid.images import Splits
from pellucid.spec import DataSpec
from pellucid.training.environment import cpu
from throughput import Process, median_with_interval
from time_to_accuracy import TARGETS, accuracy, timed


@dataclass(frozen=True)
class Row:
    """What a report trained: network, batch, epochs over so many images, to which accuracy. ours: of `TARGETS`.

    round: images of a turn of the loop. options: of the network.
    """

    words: str
    network: str
    batch: int
    epochs: int
    images: int
    ours: str
    round: int
    options: dict[str, Any] = field(default_factory=dict)


ROWS = (
    Row("99 % on MNIST (report 002, 8 epochs)", "lenet5", 64, 8, 60_000, "mnist-99", 10_000),
    Row("90 % on Fashion-MNIST (report 002, 6 epochs)", "lenet5", 64, 6, 60_000, "fashion-90", 10_000),
    Row("74.08 % on CIFAR-10 (report 004, 10 epochs)", "four_conv", 100, 10, 45_000, "cifar-88", 1_000),
    Row(
        "88 % on CIFAR-10 (report 003, 30 epochs assumed)",
        "vgg_small",
        100,
        30,
        45_000,
        "cifar-88",
        1_000,
        {"batch_norm": True, "dropout": 0.5},
    ),
)


def measure(ours: str, rows: list[Row], repeats: int) -> None:
    """Prints a line for each row that one of our targets answers."""
    data, name, options, recipe_name, changes, _, _, _ = TARGETS[ours]
    splits, chosen = load(DataSpec(name=data)), engine("pytorch")
    nothing = splits.train.take(np.arange(0))
    recipe = replace(catalog.load("recipes", recipe_name)(), **changes)
    built = catalog.load("networks", name)(input_shape=splits.shape, **options)
    precision, _ = chosen.choose_precision(built, splits.shape, 10, recipe, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        loops = [plain(row, splits, Path(folder)) for row in rows]
        for loop in loops:
            loop.ask("epoch")  # warms up
        seconds, scores = [], []
        theirs: list[list[float]] = [[] for _ in rows]
        for seed in range(repeats):
            trained, taken = timed(built, replace(splits, validation=nothing, test=nothing), recipe, seed, precision)
            seconds.append(taken)
            scores.append(accuracy(trained.model, splits.test, mirror=False, shifted=False))
            for row, loop, found in zip(rows, loops, theirs, strict=True):
                found.append(loop.ask("epoch") * row.epochs * row.images / row.round)
        for loop in loops:
            loop.close()
    for row, found in zip(rows, theirs, strict=True):
        print(
            f"| {row.words} | {np.median(found):,.0f} | {ours}, {np.mean(scores):.2f} % | {np.median(seconds):.1f} | "
            f"{median_with_interval(np.array(found) / np.array(seconds))} |",
            flush=True,
        )


def plain(row: Row, splits: Splits, folder: Path) -> Process:
    """The tutorials' loop over some images of a row."""
    some = splits.train.take(np.arange(row.round))
    network = catalog.load("networks", row.network)(input_shape=splits.shape, **row.options)
    layers, arrays = folder / f"{row.network}.json", folder / f"{row.network}.npz"
    layers.write_text(json.dumps([{"layer": layer.kind, **asdict(layer)} for layer in network.layers]))
    np.savez(
        arrays,
        pixels=some.pixels,
        labels=some.labels,
        test_pixels=splits.test.pixels[:100],
        test_labels=splits.test.labels[:100],
    )
    loop = Path(__file__).parent / "references" / "plain_pytorch.py"
    return Process(sys.executable, loop, layers, arrays, str(row.batch))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=5)
    names = list(dict.fromkeys(row.ours for row in ROWS))
    parser.add_argument("--targets", nargs="+", default=names, choices=names)
    asked = parser.parse_args()
    with engine("pytorch").threads(None) as threads:
        print(
            f"{datetime.now(UTC):%Y-%m-%d} {cpu()}, torch {torch.__version__}, {threads} threads, "
            f"{asked.repeats} turns; seconds of training"
        )
        print("| report | the loop, extrapolated | ours | seconds | times as fast |")
        print("|---|---|---|---|---|")
        for ours in asked.targets:
            measure(ours, [row for row in ROWS if row.ours == ours], asked.repeats)


if __name__ == "__main__":
    main()

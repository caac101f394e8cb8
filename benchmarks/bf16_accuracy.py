"""Whether bf16 costs accuracy: the same seeds in float32 and in bf16, compared pair by pair.

    PELLUCID_DATA=... python benchmarks/bf16_accuracy.py

Ten seeds of three networks, judged on the validation images; the mean difference bf16 - float32 in points, with a
95 % interval by Student's t over the pairs.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import torch
from scipy import stats

from pellucid import catalog
from pellucid.datasets._load import load
from pellucid.engines.engine import engine
from pellucid.engines.pytorch import trainer
from pellucid.images import Splits
from pellucid.spec import DataSpec, Recipe
from pellucid.training.environment import cpu
from pellucid.training.fit import fit

SEEDS = 10
RUNS = (
    ("lenet5_28", "mnist", Recipe(epochs=1, batch_size=100)),
    ("row_gru", "mnist", Recipe(epochs=1, batch_size=100)),
    ("compact", "fashion_mnist", catalog.load("recipes", "fast_fashion_mnist")()),
)


def main() -> None:
    with engine("pytorch").threads(None) as threads:
        print(
            f"{datetime.now(UTC):%Y-%m-%d} {cpu()}, torch {torch.__version__}, {threads} threads, "
            f"{SEEDS} seeds, validation images"
        )
        print("| network | data | float32 % | bf16 % | bf16 - float32, points |")
        print("|---|---|---|---|---|")
        for name, data, recipe in RUNS:
            splits = load(DataSpec(name=data))
            network = catalog.load("networks", name)(input_shape=splits.shape)
            judged = Splits(splits.train, splits.validation, splits.test.take(np.arange(0)), splits.scaling)
            found = np.zeros((SEEDS, 2))
            for seed in range(SEEDS):
                for column, precision in enumerate(("fp32", "bf16")):
                    trained = trainer(network, splits.train, splits.scaling, recipe, seed=seed, precision=precision)
                    *_, (record, _) = fit(trained, judged, recipe)
                    found[seed, column] = 100 * record.validation_accuracy
            difference = found[:, 1] - found[:, 0]
            half = stats.t.ppf(0.975, SEEDS - 1) * difference.std(ddof=1) / np.sqrt(SEEDS)
            fp32, bf16 = found.mean(axis=0)
            print(
                f"| {name} | {data} | {fp32:.2f} | {bf16:.2f} | {difference.mean():+.2f} "
                f"({difference.mean() - half:+.2f} to {difference.mean() + half:+.2f}) |",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""What our training loop costs beyond the bare forward, backward and step.

    PELLUCID_DATA=... python benchmarks/loop_overhead.py

`lenet5` on MNIST at batch 128, Adam, float32. Ours: `fit`'s steps as a run takes them (gather from bytes,
scaling, totals, finite check, gradient norm, learning rate, progress). Bare: the same module and optimizer on the
same batches, which lie ready as floats. Hot: the same on one batch over and over, which stays in the caches as no
training's images do. In turn, A B C A B C, 80 repeats of 50 steps each in one process; median ratios with bootstrap
intervals over the repeats.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

import numpy as np
import torch

from pellucid import catalog
from pellucid.datasets._load import load
from pellucid.engines.engine import engine
from pellucid.engines.pytorch import trainer as make
from pellucid.engines.pytorch.trainer import TorchTrainer
from pellucid.spec import DataSpec, Recipe
from pellucid.training.environment import cpu
from pellucid.training.fit import Progress, _epoch_steps

BATCH, STEPS, REPEATS = 128, 50, 80


def ours(trainer: TorchTrainer, recipe: Recipe) -> float:
    trainer.begin_epoch(1)
    start = time.perf_counter()
    _epoch_steps(trainer, recipe, Progress(), lambda progress: None)
    trainer.totals()
    return time.perf_counter() - start


def bare(trainer: TorchTrainer, *, distinct: bool) -> float:
    module, (optimizer,), loss_of = trainer.module, trainer._optimizers, trainer._loss
    rows = [trainer._order[part] for part in trainer._rows]
    ready = [(trainer.model.input(trainer._pixels[part]), trainer._labels[part]) for part in rows]
    module.train()
    start = time.perf_counter()
    for x, labels in ready if distinct else ready[:1] * STEPS:
        optimizer.zero_grad(set_to_none=True)
        loss_of(module(x), labels).backward()
        optimizer.step()
    return time.perf_counter() - start


def main() -> None:
    recipe = Recipe(batch_size=BATCH, epochs=1)
    splits = load(DataSpec(name="mnist", subset=BATCH * STEPS))
    network = catalog.load("networks", "lenet5")()
    with engine("pytorch").threads(None) as threads:
        print(
            f"{datetime.now(UTC):%Y-%m-%d} {cpu()}, torch {torch.__version__}, {threads} threads, "
            f"batch {BATCH}, {STEPS} steps, {REPEATS} repeats"
        )
        trainer = make(network, splits.train, splits.scaling, recipe, seed=0)
        kinds = (
            lambda: ours(trainer, recipe),
            lambda: bare(trainer, distinct=True),
            lambda: bare(trainer, distinct=False),
        )
        for kind in kinds:
            kind()
        times = np.array([[kind() for kind in kinds] for _ in range(REPEATS)]) / STEPS * 1e3
    print("ours {:.3f} ms a step, bare {:.3f}, hot {:.3f}".format(*np.median(times, axis=0)))
    rows = np.random.default_rng(0).integers(0, REPEATS, (10_000, REPEATS))
    for name, column in (("bare", 1), ("hot", 2)):
        ratio = times[:, 0] / times[:, column]
        low, high = np.percentile(np.median(ratio[rows], axis=1), [2.5, 97.5])
        overhead, low, high = (100 * (value - 1) for value in (np.median(ratio), low, high))
        print(f"over {name}: {overhead:.1f} % (95 % interval {low:.1f} to {high:.1f})")


if __name__ == "__main__":
    main()

"""Trainings an hour of a sweep: ours, a plain loop under Optuna, a plain loop under Ray Tune.

    PELLUCID_DATA=... python benchmarks/sweeps.py [--configurations 4] [--repeats 5] [--references DIR]

The sweep: learning rates times optimizers times seeds of `lenet5` on MNIST, one epoch each at batch 100, scored on
the test images. The three take turns, A B C A B C, on the same part of the sweep; each time is a whole one, with the
start of workers (ours: new processes at every turn; the others' processes and Ray's cluster begin before the clock
and end with the turn). The first turn is not counted. Then ours does the whole sweep of 32 configurations with 4
seeds once. The references run in a virtual environment of their own, made on the first run in DIR. Ours keeps a run
folder of each training, with logs, weights and predictions; the others keep a number.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from pellucid import catalog
from pellucid.datasets._load import load
from pellucid.spec import DataSpec, Recipe
from pellucid.spec.run import RunSpec
from pellucid.training.environment import cpu
from pellucid.training.many import run_all
from pellucid.verbs.train import EXACT, probe_folder
from reference_environment import python_with
from throughput import Process, median_with_interval

SEEDS = 4
RATES = tuple(float(rate) for rate in np.geomspace(1e-4, 1e-2, 16).round(6))
OPTIMIZERS = ("adam", "rmsprop")
CONSTRAINTS = Path(__file__).parent.parent / "constraints.txt"


def sweep(configurations: int) -> list[dict[str, Any]]:
    """So many configurations, in every seed: optimizers in turn, rates spread over their range."""
    return [
        {"lr": RATES[k * len(RATES) // configurations], "optimizer": OPTIMIZERS[k % len(OPTIMIZERS)], "seed": seed}
        for k in range(configurations)
        for seed in range(SEEDS)
    ]


def ours(trials: Sequence[dict[str, Any]], root: Path) -> tuple[float, float]:
    """Seconds of the sweep and its mean test accuracy."""
    data = DataSpec(name="mnist")
    network = catalog.load("networks", "lenet5")(input_shape=load(data).shape)
    specs = [
        RunSpec(
            network=network,
            data=data,
            recipe=Recipe(epochs=1, batch_size=100, optimizer=trial["optimizer"], lr=trial["lr"]),
            seed=trial["seed"],
            **EXACT,
        )
        for trial in trials
    ]
    start = time.perf_counter()
    outcomes = list(run_all(specs, root, probes=probe_folder()))
    seconds = time.perf_counter() - start
    assert all(outcome.result for outcome in outcomes), [outcome.error for outcome in outcomes]
    return seconds, float(np.mean([outcome.result["test_accuracy"] for outcome in outcomes if outcome.result]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--configurations", type=int, default=4, help="of 32, in each turn")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--references", type=Path, default=Path(__file__).parent / ".venv" / "sweeps")
    parser.add_argument("--no-whole", action="store_true", help="leave out the whole sweep")
    options = parser.parse_args()
    torch = ["-c", CONSTRAINTS, "torch", "numpy", "pillow"]
    python = python_with(options.references, torch, ["optuna", "ray[tune]"])
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=True
    )
    versions = [line for line in listed.stdout.split() if line.startswith(("optuna==", "ray==", "torch=="))]
    trials = sweep(len(RATES) * len(OPTIMIZERS))
    part = sweep(options.configurations)
    splits = load(DataSpec(name="mnist"))
    print(
        f"{datetime.now(UTC):%Y-%m-%d} {cpu()}, {', '.join(versions)}, lenet5, MNIST, "
        f"{len(splits.train):,} images, batch 100, one epoch; turns of {len(part)} trainings, {options.repeats} turns"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savez(
            folder / "images.npz",
            pixels=splits.train.pixels,
            labels=splits.train.labels,
            test_pixels=splits.test.pixels,
            test_labels=splits.test.labels,
        )
        (folder / "trials.json").write_text(json.dumps(part))
        script = Path(__file__).parent / "references" / "plain_sweeps.py"
        seconds: dict[str, list[float]] = {"ours": [], "optuna": [], "ray": []}
        accuracy: dict[str, float] = {}
        for turn in range(1 + options.repeats):
            took, accuracy["ours"] = ours(part, folder / f"turn{turn}")
            seconds["ours"].append(took)
            for kind in ("optuna", "ray"):
                child = Process(python, script, kind, folder / "images.npz", folder / "trials.json")
                seconds[kind].append(child.ask("epoch"))
                accuracy[kind] = child.ask("test")
                child.close()
        seconds = {kind: times[1:] for kind, times in seconds.items()}
        print("| sweep by | trainings an hour | ours over it | mean test accuracy % |")
        print("|---|---|---|---|")
        for kind, times in seconds.items():
            ratio = "" if kind == "ours" else median_with_interval(np.array(times) / np.array(seconds["ours"]))
            rate = 3600 * len(part) / float(np.median(times))
            print(f"| {kind} | {rate:,.0f} | {ratio} | {100 * accuracy[kind]:.2f} |", flush=True)
        if not options.no_whole:
            took, mean = ours(trials, folder / "whole")
            print(
                f"ours, all {len(trials)} trainings: {took:.0f} s, {3600 * len(trials) / took:,.0f} an hour, "
                f"mean test accuracy {100 * mean:.2f} %"
            )


if __name__ == "__main__":
    main()

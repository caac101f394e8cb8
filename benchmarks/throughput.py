"""Images a second of a training epoch at batch 100: ours, the tutorials' PyTorch loop, Keras on TensorFlow.

    PELLUCID_DATA=... python benchmarks/throughput.py [--networks NAME ...] [--repeats 7] [--references DIR]

Each network is trained with Adam at 0.001 by three processes that take turns, A B C A B C: the first round warms
up, the median of the others counts, with a bootstrap interval (95 %) of the ratio over the rounds. Ours are the
steps of `pellucid train` (precision by the probe), without its scores and files. PyTorch is the same build for
both; TensorFlow has a virtual environment of its own, made on the first run in DIR. The loop begins with our first
weights, Keras with its own. Then each is asked for its accuracy on 2,000 test images: they have seen the same
images equally often. The share of the machine's peak is the FLOPs of forward and backward
(torch.utils.flop_counter; recurrent layers by hand) over a product of two 2048 x 2048 matrices in the same
precision, timed in every round.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from pellucid import catalog
from pellucid.datasets._load import load
from pellucid.engines.engine import engine
from pellucid.engines.initial_weights import initial_weights
from pellucid.engines.pytorch import trainer
from pellucid.engines.pytorch.build import build
from pellucid.spec import DataSpec, Recipe
from pellucid.spec.shapes import trace
from pellucid.training.environment import cpu
from pellucid.training.fit import Progress, _epoch_steps
from reference_environment import python_with

sys.path.insert(0, str(Path(__file__).parent / "references"))
from served import serve

BATCH = 100
#: Images of a round: half a second to two of the slowest.
NETWORKS = {
    "lenet5": ("mnist", 10_000),
    "lenet5_28": ("mnist", 5_000),
    "one_conv": ("mnist", 5_000),
    "vgg_small": ("cifar10", 1_000),
    "four_conv": ("cifar10", 1_000),
    "row_lstm": ("mnist", 10_000),
    "row_gru": ("mnist", 5_000),
    "row_rnn": ("mnist", 10_000),
}
#: Parts of a recurrent layer's first product.
GATES = {"row_rnn": 1, "row_gru": 3, "row_lstm": 4}


def ours(name: str) -> None:
    """Serves rounds of our own training."""
    data, images = NETWORKS[name]
    splits = load(DataSpec(name=data, subset=images))
    test = splits.test.take(np.arange(2_000))
    network = catalog.load("networks", name)(input_shape=splits.shape)
    recipe, chosen = Recipe(batch_size=BATCH, lr=0.001), engine("pytorch")
    with chosen.threads(None) as threads:
        precision, _ = chosen.choose_precision(network, splits.shape, 10, recipe, device="cpu")
        trained = trainer(network, splits.train, splits.scaling, recipe, seed=0, precision=precision)
        epochs = iter(range(1, 1_000))

        def epoch() -> None:
            trained.begin_epoch(next(epochs))
            _epoch_steps(trained, recipe, Progress(), lambda progress: None)
            trained.totals()

        serve(epoch, lambda: trained.score(test).accuracy, precision=precision, threads=threads)


def flops(name: str) -> float:
    """Of a training step, for each image: two a multiply-add."""
    data, _ = NETWORKS[name]
    shape = (28, 28, 1) if data == "mnist" else (32, 32, 3)
    network = catalog.load("networks", name)(input_shape=shape)
    if name.startswith("row_"):
        # nothing asks for the gradient of the images: their product is taken twice, all others three times
        of_images = shape[0] * network.layers[0].units * GATES[name] * shape[1] * shape[2]
        return 2 * (3 * sum(row.multiply_adds for row in trace(network, shape)) - of_images)
    module = build(network, shape)
    x = torch.zeros(BATCH, shape[2], *shape[:2])
    with FlopCounterMode(display=False) as counter:
        module(x).sum().backward()
    return counter.get_total_flops() / BATCH


def peak(dtype: torch.dtype) -> float:
    """FLOPs a second of one large product, the fastest of ten."""
    a = torch.rand(2048, 2048).to(dtype)
    seconds = []
    for _ in range(10):
        start = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - start)
    return 2 * 2048**3 / min(seconds)


class Process:
    """A training in a process of its own."""

    def __init__(self, *command: str | Path) -> None:
        self._process = subprocess.Popen(
            [*map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.about = self._told()

    def ask(self, what: str) -> float:
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        return float(self._told())

    def _told(self) -> Any:
        line = self._process.stdout.readline()
        if not line:
            raise subprocess.CalledProcessError(self._process.wait(), self._process.args)
        return json.loads(line)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def median_with_interval(values: NDArray[np.float64]) -> str:
    """The median over the rounds and its bootstrap interval (95 %)."""
    rows = np.random.default_rng(0).integers(0, len(values), (10_000, len(values)))
    low, high = np.percentile(np.median(values[rows], axis=1), [2.5, 97.5])
    return f"{np.median(values):.1f} ({low:.1f} to {high:.1f})"


def measure(name: str, repeats: int, python: Path) -> dict[str, object]:
    data, images = NETWORKS[name]
    splits = load(DataSpec(name=data, subset=images))
    network = catalog.load("networks", name)(input_shape=splits.shape)
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        layers, arrays = Path(folder) / "layers.json", Path(folder) / "images.npz"
        layers.write_text(json.dumps([{"layer": layer.kind, **asdict(layer)} for layer in network.layers]))
        weights = initial_weights(network, splits.shape, seed=0)
        own = [array for key, array in weights.items() if "running" not in key]
        np.savez(
            arrays,
            **{f"parameter{k:03d}": array for k, array in enumerate(own)},
            pixels=splits.train.pixels,
            labels=splits.train.labels,
            test_pixels=splits.test.pixels[:2_000],
            test_labels=splits.test.labels[:2_000],
        )
        references = here / "references"
        processes = {
            "ours": Process(sys.executable, __file__, "--serve", name),
            "plain": Process(sys.executable, references / "plain_pytorch.py", layers, arrays, str(BATCH)),
            "keras": Process(python, references / "keras_fit.py", layers, arrays, str(BATCH)),
        }
        seconds: dict[str, list[float]] = {kind: [] for kind in processes}
        peaks: dict[torch.dtype, list[float]] = {torch.float32: [], torch.bfloat16: []}
        for _ in range(1 + repeats):
            for kind, process in processes.items():
                seconds[kind].append(process.ask("epoch"))
            for dtype, found in peaks.items():
                found.append(peak(dtype))
        accuracy = {kind: process.ask("test") for kind, process in processes.items()}
        about = processes["ours"].about
        for process in processes.values():
            process.close()
    rates = {kind: images / np.array(found[1:]) for kind, found in seconds.items()}
    dtype = torch.bfloat16 if about["precision"] == "bf16" else torch.float32
    share = flops(name) * float(np.median(rates["ours"])) / float(np.median(peaks[dtype][1:]))
    return {
        "network": name,
        "precision": about["precision"],
        **{kind: f"{np.median(found):,.0f}" for kind, found in rates.items()},
        "over plain": median_with_interval(rates["ours"] / rates["plain"]),
        "over keras": median_with_interval(rates["ours"] / rates["keras"]),
        "of peak": f"{100 * share:.0f} %",
        "accuracy": " / ".join(f"{100 * value:.1f}" for value in accuracy.values()),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--references", type=Path, default=Path(__file__).parent / ".venv")
    parser.add_argument("--serve")
    asked = parser.parse_args()
    if asked.serve:
        ours(asked.serve)
        return
    python = python_with(asked.references, ["tensorflow-cpu", "keras"])
    versions = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=True
    ).stdout.split()
    named = [line for line in versions if line.startswith(("keras==", "tensorflow"))]
    print(
        f"{datetime.now(UTC):%Y-%m-%d} {cpu()}, {torch.get_num_threads()} threads, torch "
        f"{torch.__version__}, {', '.join(named)}, batch {BATCH}, {asked.repeats} rounds; images/s"
    )
    for index, name in enumerate(asked.networks):
        found = measure(name, asked.repeats, python)
        if index == 0:
            print("| " + " | ".join(found) + " |\n|" + "---|" * len(found))
        print("| " + " | ".join(map(str, found.values())) + " |", flush=True)


if __name__ == "__main__":
    main()

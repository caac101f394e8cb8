"""What one waits for besides training: start, import, evaluation, one prediction; and how much memory training takes.

    PELLUCID_DATA=... python benchmarks/start_and_memory.py

Start, import and commands are medians of seven processes, from start to end; logits are of `lenet5` on MNIST in
float32, after one call to warm up; memory is the largest resident set of a process that trains on CIFAR-10's 45,000
images for ten seconds, reading them and, where its answer is not kept yet, the probe of precisions included.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from pellucid import catalog
from pellucid.datasets._load import load
from pellucid.engines.engine import engine
from pellucid.spec import DataSpec
from pellucid.training.environment import cpu

PELLUCID = [sys.executable, "-m", "pellucid"]


def seconds(command: list[str]) -> float:
    found = []
    for _ in range(7):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found.append(time.perf_counter() - start)
    return float(np.median(found))


def main() -> None:
    chosen = engine("pytorch")
    with chosen.threads(None) as threads:
        print(f"{datetime.now(UTC):%Y-%m-%d} {cpu()}, torch {torch.__version__}, {threads} threads")
        bare = seconds([sys.executable, "-c", "pass"])
        print(f"pellucid --help         {seconds([*PELLUCID, '--help']):.2f} s")
        own = seconds([sys.executable, "-c", "import pellucid"]) - bare
        print(f"import pellucid         {own:.3f} s beyond Python's own")
        images = load(DataSpec(name="mnist")).test
        network = catalog.load("networks", "lenet5")()
        model = chosen.model(network, images.shape, load(DataSpec(name="mnist")).scaling)
        for name, what, repeats in (("10,000 images", images, 7), ("one image", images.take(np.arange(1)), 200)):
            model.logits(what)
            found = []
            for _ in range(repeats):
                start = time.perf_counter()
                model.logits(what)
                found.append(time.perf_counter() - start)
            print(f"logits of {name:13s} {1e3 * np.median(found):.2f} ms")
    with tempfile.TemporaryDirectory() as folder:
        runs, image = ["--runs", folder], Path(folder) / "image.png"
        Image.fromarray(images.pixels[0, ..., 0]).save(image)
        command = [*PELLUCID, "train", "lenet5", "mnist", "--epochs", "1", "-q", *runs]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for words in (["evaluate", "last"], ["predict", "last", str(image)]):
            print(f"pellucid {words[0]:14s} {seconds([*PELLUCID, *words, *runs]):.2f} s")
        trainings = (
            ["vgg_small"],
            ["compact_cifar"],
            ["compact_cifar", "--recipe", "fast_cifar10"],
        )
        for name, *recipe in trainings:
            command = [*PELLUCID, "train", name, "cifar10", *recipe, "--time-budget", "10", "-q", "--no-pictures"]
            child = subprocess.Popen([*command, *runs], stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(child.pid, 0)
            if os.waitstatus_to_exitcode(status):
                raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), command)
            print(f"peak memory, {' '.join([name, *recipe[1:]]):26s} {usage.ru_maxrss * 1024 / 1e9:.2f} GB")


if __name__ == "__main__":
    main()

"""How many injected duplicates and crops the doctor finds, and how long it takes.

    PELLUCID_DATA=... python benchmarks/preflight.py [MINIMUM_SHARE]

In 5,000 training images of each data set, 50 are overwritten by exact copies and 50 by crops of others: a random part
of 80 to 95 % of the area (or the share given), at a random place, resized back (bilinear). Prints recall of both,
the pairs found beyond those injected, and the seconds. What is found beyond may be a real near duplicate of the set.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from PIL import Image

from pellucid.datasets._load import load
from pellucid.preflight.duplicates import exact_duplicates, near_duplicates
from pellucid.spec import DataSpec
from pellucid.training.environment import cpu

IMAGES, INJECTED = 5_000, 50


def cropped(image: np.ndarray, generator: np.random.Generator, least: float) -> np.ndarray:
    height, width, channels = image.shape
    side = np.sqrt(generator.uniform(least, 0.95))
    top, left = generator.uniform(0, 1 - side, 2)
    box = (left * width, top * height, (left + side) * width, (top + side) * height)
    picture = Image.fromarray(image[..., 0] if channels == 1 else image)
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, box=box)).reshape(image.shape)


def main() -> None:
    least = float(sys.argv[1]) if len(sys.argv) > 1 else 0.8
    print(
        f"{cpu()}, numpy {np.__version__}: {IMAGES} images, {INJECTED} copies, "
        f"{INJECTED} crops of {least:.0%} to 95% of the area"
    )
    for name in ("cifar10", "fashion_mnist", "mnist"):
        images = load(DataSpec(name=name, subset=IMAGES)).train.pixels
        for seed in range(3):
            generator = np.random.default_rng(seed)
            pixels = images.copy()
            chosen = generator.permutation(IMAGES)[: 4 * INJECTED].reshape(4, INJECTED)
            pixels[chosen[1]] = pixels[chosen[0]]
            for source, target in zip(chosen[2], chosen[3], strict=True):
                pixels[target] = cropped(pixels[source], generator, least)
            start = time.perf_counter()
            exact, near = exact_duplicates(pixels), near_duplicates(pixels)
            seconds = time.perf_counter() - start
            copies = {(min(pair), max(pair)) for pair in zip(chosen[0], chosen[1], strict=True)}
            crops = {(min(pair), max(pair)) for pair in zip(chosen[2], chosen[3], strict=True)}
            found = {(pair.first, pair.second) for pair in near}
            hits = {(pair.first, pair.second) for pair in exact}
            print(
                f"{name:14} seed {seed}: exact {len(copies & hits) / INJECTED:.0%}, "
                f"near {len(crops & found) / INJECTED:.0%}, "
                f"beyond those {len(found - crops)}, {seconds:.1f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""The engine written by hand, in NumPy: what `pellucid.engines.engine.Engine` promises, without autograd.

One file a layer, forward beside backward; `network` puts them together, `trainer` takes the steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from pellucid.engines.engine import Arrays
from pellucid.engines.freed_memory import keep_freed_memory
from pellucid.engines.initial_weights import initial_weights, seen_images
from pellucid.engines.scratch.model import Model
from pellucid.engines.scratch.network import build
from pellucid.engines.scratch.trainer import Masks, ScratchTrainer
from pellucid.errors import UsageError
from pellucid.images import Images, Scaling
from pellucid.spec.layer import Shape
from pellucid.spec.network import Network
from pellucid.spec.recipe import Recipe

__all__ = ["check", "choose_device", "choose_precision", "environment", "model", "threads", "trainer"]


def trainer(
    network: Any,
    images: Images,
    scaling: Scaling,
    recipe: Recipe,
    *,
    seed: int,
    device: str = "cpu",
    precision: str = "fp32",
) -> ScratchTrainer:
    """`network` ready for its first step on `images`.

    Raises UsageError for what this engine has not: modules of PyTorch, other devices and precisions.
    """
    check(network, device, precision)
    seen = seen_images(network, images, scaling)
    weights = initial_weights(network, images.shape, seed=seed, images=seen)
    masks = Masks(seed)
    module = build(network, images.shape, weights, generator=masks.generator)
    return ScratchTrainer(module, images, scaling, recipe, seed=seed, masks=masks, threads=_blas_threads())


def model(
    network: Any,
    shape: Shape,
    scaling: Scaling,
    weights: Arrays | None = None,
    *,
    device: str = "cpu",
) -> Model:
    """`network` for images of `shape`, to be asked for logits; with `weights`, or as it begins."""
    check(network, device, "fp32")
    found = Model(build(network, shape, initial_weights(network, shape, seed=0)), scaling)
    if weights is not None:
        found.load_weights(weights)
    return found


def choose_device(wanted: str) -> str:
    """ "cpu" for "auto" or "cpu". Raises UsageError for any other."""
    if wanted not in ("auto", "cpu"):
        raise UsageError(
            f"device: expected cpu, the one device of the engine scratch, found {wanted}. Use --device cpu, or "
            "--engine pytorch."
        )
    return "cpu"


def choose_precision(
    network: Any, shape: Shape, classes: int, recipe: Recipe, *, device: str
) -> tuple[str, dict[str, float]]:
    """ "fp32": NumPy has no other that is faster."""
    return "fp32", {}


@contextmanager
def threads(count: int | None) -> Iterator[int]:
    """Computes matrix products with `count` threads (None: as NumPy has it); gives the number."""
    from threadpoolctl import threadpool_limits

    keep_freed_memory()
    with threadpool_limits(limits=count, user_api="blas"):
        yield _blas_threads()


def _blas_threads() -> int:
    """Threads of NumPy's matrix products now: the members of a trainer's team."""
    from threadpoolctl import threadpool_info

    return max((one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"), default=1)


def environment() -> dict[str, Any]:
    """Versions, matrix library and instruction set: on what a run's bits depend besides its spec."""
    from threadpoolctl import threadpool_info

    blas = [one for one in threadpool_info() if one["user_api"] == "blas" and "numpy" in one["filepath"]]
    return {
        "numpy": np.__version__,
        "blas": [f"{one['internal_api']} {one['version']} {one.get('architecture', '')}".strip() for one in blas],
    }


def check(network: Any, device: str, precision: str) -> None:
    """Raises UsageError for modules of PyTorch, and for other devices and precisions than the processor and fp32."""
    choose_device(device)
    if not isinstance(network, Network):
        raise UsageError(
            f"engine: expected a network as data for the engine scratch, found {type(network).__name__}. Modules of "
            "PyTorch need --engine pytorch."
        )
    if precision not in ("auto", "fp32"):
        raise UsageError(
            f"precision: expected fp32, the one precision of the engine scratch, found {precision}. Others would go "
            "to engines/scratch/model.py; use --engine pytorch."
        )

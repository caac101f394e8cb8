"""How long a training takes, told before it begins."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from pellucid.engines.engine import engine
from pellucid.images import Splits
from pellucid.spec.recipe import Recipe
from pellucid.spec.run import RunSpec
from pellucid.training.decisions import decide
from pellucid.training.stopping import may_end_early
from pellucid.verbs.train import probe_folder


def may_take_less(recipe: Recipe) -> bool:
    """Whether a training may be shorter than its epochs of whole images: over early, or with smaller ones first."""
    return may_end_early(recipe) or recipe.side(1) > 0


def epoch_seconds(spec: RunSpec, splits: Splits, *, steps: int = 8) -> float:
    """About how long an epoch of `spec` takes here, its scores included: a few steps are timed.

    Where the spec leaves the precision to a probe, that is asked first; its answer is kept for the run. Epochs of
    smaller images are taken to be like the others.
    """
    chosen = engine(spec.engine)
    decided = decide(chosen, spec, spec.network, splits.shape, len(splits.class_names), probe_folder())
    with chosen.threads(decided.threads):
        trainer = chosen.trainer(
            spec.network,
            splits.train,
            splits.scaling,
            replace(spec.recipe, progressive_size=0),
            seed=0,
            device=decided.device,
            precision=decided.precision,
        )
        seconds = []
        for index in range(min(steps, trainer.steps_per_epoch)):
            start = time.perf_counter()
            trainer.step(index, spec.recipe.lr)
            seconds.append(time.perf_counter() - start)
        part = splits.validation.take(np.arange(min(500, len(splits.validation))))
        start = time.perf_counter()
        trainer.logits(part)
        each = (time.perf_counter() - start) / max(len(part), 1)
    step = float(np.median(seconds[min(3, len(seconds) - 1) :]))
    return step * trainer.steps_per_epoch + each * (len(splits.validation) + len(splits.test))

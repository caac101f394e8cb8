"""How long a training takes, told before it begins."""

from __future__ import annotations

import time

import numpy as np

from pellucid.engines.engine import engine
from pellucid.images import Splits
from pellucid.spec.run import RunSpec


def epoch_seconds(spec: RunSpec, splits: Splits, *, steps: int = 8) -> float:
    """About how long an epoch of `spec` takes here, its scores included: a few steps are timed, in float32."""
    chosen = engine(spec.engine)
    with chosen.threads(spec.threads):
        trainer = chosen.trainer(
            spec.network,
            splits.train,
            splits.scaling,
            spec.recipe,
            seed=0,
            device=chosen.choose_device(spec.device),
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

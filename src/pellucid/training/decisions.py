"""What "auto" comes to on this machine, decided once and kept, so that a resumed run does not decide anew."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from pellucid.engines.engine import Engine
from pellucid.errors import StorageError
from pellucid.spec.layer import Shape
from pellucid.spec.recipe import Recipe
from pellucid.spec.run import RunSpec
from pellucid.storage.sealed import read_json, write_json
from pellucid.training.environment import cpu

#: The probe's own version: what earlier ones found is asked anew.
PROBE = 2
#: What of a recipe changes the cost of a step.
QUICK = ("batch_size", "optimizer", "loss")


@dataclass(frozen=True)
class Decisions:
    """device: "cpu" or "cuda". precision: "fp32" or "bf16". threads: of the processor.

    probe: seconds of a training step in each precision, where a probe decided.
    """

    device: str
    precision: str
    threads: int
    probe: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def decide(engine: Engine, spec: RunSpec, network: Any, shape: Shape, classes: int, cache: Path) -> Decisions:
    """Device, precision and threads for `spec`; the probe's outcome is kept in `cache`.

    The same question is answered from there the next time: two runs of one spec must not differ because a timing did.
    Raises UsageError for a device or precision that is not there.
    """
    engine.check(network, spec.device, spec.precision)
    device = engine.choose_device(spec.device)
    with engine.threads(spec.threads) as threads:
        if spec.precision != "auto":
            return Decisions(device, spec.precision, threads)
        quick = {name: getattr(spec.recipe, name) for name in QUICK}
        question = {
            "machine": cpu(),
            "environment": engine.environment(),
            "network": network.to_dict() if hasattr(network, "to_dict") else repr(network),
            "shape": list(shape),
            "recipe": quick,
            "probe": PROBE,
            "device": device,
            "threads": threads,
        }
        digest = hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()[:24]
        path = cache / f"{digest}.json"
        with _alone(path):  # who asks at the same time waits for the answer: its probe would be disturbed
            try:
                known = read_json(path)
                return Decisions(device, str(known["precision"]), threads, dict(known["probe"]))
            except (OSError, StorageError, KeyError):
                precision, seconds = engine.choose_precision(network, shape, classes, Recipe(**quick), device=device)
            with suppress(OSError, StorageError):  # without a cache the next run asks again
                write_json(path, {"precision": precision, "probe": seconds, "question": question})
    return Decisions(device, precision, threads, seconds)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keeps other processes from the question of `path`; nothing where there is no cache to write to."""
    lock = FileLock(path.with_suffix(".lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError:
        yield
        return
    try:
        yield
    finally:
        lock.release()

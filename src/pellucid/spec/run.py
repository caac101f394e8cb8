"""A run as data: which images, which network, which recipe, which seed, on what."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pellucid.errors import UsageError, unknown_name
from pellucid.spec.augmentation import Augmentation
from pellucid.spec.data import DataSpec
from pellucid.spec.network import ForeignModule, Network
from pellucid.spec.recipe import Recipe

ENGINES = ("pytorch", "scratch")
DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "fp32", "bf16")


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """The whole of a run. Two runs of one spec on one machine, build and thread count have the same bits.

    threads: None takes one for each core. device, precision: "auto" decides by what the machine has and by a probe;
    the decision is kept in the run folder.
    """

    network: Network | ForeignModule
    data: DataSpec
    recipe: Recipe = field(default_factory=Recipe)
    engine: str = field(default="pytorch", metadata={"help": f"one of {', '.join(ENGINES)}", "choices": ENGINES})
    seed: int = field(default=0, metadata={"help": "seed of weights, order of images, dropout and augmentation"})
    threads: int | None = field(default=None, metadata={"help": "threads of the processor (default: one a core)"})
    device: str = field(default="auto", metadata={"help": f"one of {', '.join(DEVICES)}", "choices": DEVICES})
    precision: str = field(
        default="auto",
        metadata={
            "help": f"one of {', '.join(PRECISIONS)}; auto: bf16 where a probe shows it faster",
            "choices": PRECISIONS,
        },
    )

    def __post_init__(self) -> None:
        for kind, name, valid in (
            ("engine", self.engine, ENGINES),
            ("device", self.device, DEVICES),
            ("precision", self.precision, PRECISIONS),
        ):
            if name not in valid:
                raise unknown_name(kind, name, valid)
        if not 0 <= self.seed < 2**63:
            raise UsageError(f"seed: expected a whole number of 0 or more, found {self.seed}.")
        if self.threads is not None and self.threads < 1:
            raise UsageError(f"threads: expected a whole number of 1 or more, found {self.threads}.")

    def to_dict(self) -> dict[str, Any]:
        """Plain data, whole but for options added later that are at their default: what a run folder keeps."""
        return {
            "network": self.network.to_dict(),
            "data": _plain(self.data),
            "recipe": {**_plain(self.recipe), "augmentation": _plain(self.recipe.augmentation)},
            "engine": self.engine,
            "seed": self.seed,
            "threads": self.threads,
            "device": self.device,
            "precision": self.precision,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RunSpec:
        """Reads back what `to_dict` gave."""
        recipe = dict(data["recipe"])
        augmentation = Augmentation(**recipe.pop("augmentation"))
        rest = {key: data[key] for key in ("engine", "seed", "threads", "device", "precision")}
        kind = ForeignModule if "digest" in data["network"] else Network
        return cls(
            network=kind.from_dict(data["network"]),
            data=DataSpec(**data["data"]),
            recipe=Recipe(**recipe, augmentation=augmentation),
            **rest,
        )

    @property
    def id(self) -> str:
        """Name of the run's folder: network, data set, seed and eight digits of the spec's SHA-256."""
        canonical = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        words = [self.network.name, self.data.name, f"s{self.seed}"]
        text = "-".join("".join(c if c.isalnum() else "_" for c in word.lower() if c.isascii()) for word in words)
        return f"{text[:80]}-{hashlib.sha256(canonical.encode()).hexdigest()[:8]}"


def _plain(options: DataSpec | Recipe | Augmentation) -> dict[str, Any]:
    """The fields as plain data.

    Those whose metadata say ``later`` are left out at their default: a run from before there was such an option is
    the run of the same spec, and keeps its name.
    """
    later = {item.name: item.default for item in fields(options) if "later" in item.metadata}
    return {name: value for name, value in asdict(options).items() if name not in later or value != later[name]}

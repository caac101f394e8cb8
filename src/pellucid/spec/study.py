"""Many runs as data: what they share, what they differ in, and in which seeds.

A factor is compared (its levels are the arms), tuned (its levels are tried in every arm, validation chooses), or
fixed, which is no factor at all but one value of what all runs share.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import prod
from typing import Any

from pellucid.errors import UsageError, unknown_name
from pellucid.spec.factor import MOST, Factor, word

#: Trials beyond which a study is not begun without a word.
MANY = 1_000

#: Seeds that an error names.
_SHOWN = 8

Config = dict[str, Any]

#: What a study can compare: numbers of each run's result, and how far the validation accuracy once fell.
METRICS = (
    *(f"{split}_{what}" for what in ("accuracy", "loss") for split in ("test", "validation", "train")),
    "epochs",
    "seconds",
    "largest_fall",
)


@dataclass(frozen=True)
class Trial:
    """One configuration in one seed."""

    config: tuple[tuple[str, Any], ...]
    seed: int

    @property
    def label(self) -> str:
        return label(dict(self.config))


@dataclass(frozen=True)
class Claim:
    """A sentence of a report: that one arm is better than another, or that it reaches a value.

    first, second: arms, as `Study.arm` has them. least: a value of the metric that first should reach, from below for
    accuracies, from above for all else. metric: the study's, if empty.
    """

    words: str
    first: str
    second: str | None = None
    least: float | None = None
    metric: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure of a report, and what draws it anew.

    way: a way of `pellucid look`, or one of "samples", "layers", "learning_curves", "confusion_matrix" (of a run),
    "curves", "steadiness" (of all runs). options: of the way. arm: whose first run is drawn; empty for the first one.
    of_class: look at the first test image of this class.
    """

    words: str
    way: str
    options: Mapping[str, Any] = field(default_factory=dict)
    arm: str = ""
    of_class: str = ""


@dataclass(frozen=True)
class OtherImages:
    """An arm's accuracy on other test images than its own. reported: what a report says.

    views: in place of those it was trained with; None for its own. mirror: the mean answer to each image and its
    mirror image.
    """

    words: str
    arm: str
    views: tuple[str, ...] | None = None
    reported: float | None = None
    mirror: bool = False


@dataclass(frozen=True)
class AlsoReported:
    """A number of a report beside that of the study's metric. metric: one of `METRICS`."""

    arm: str
    metric: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Study:
    """base: what all trials share, as options of `train` (network, data and recipe among them).

    factors: all combinations of their levels. listed: configurations one by one, in place of factors. seeds: each
    configuration is trained in each. metric: what is compared, of the test images. reported: what a report says,
    configuration by configuration; also_reported: in other metrics. claims: sentences to be tested. figures: of a
    report. other_images: what a report tests beyond the test images themselves. until_clear: seeds are added at
    planned looks, each with its share of alpha. note: for the head of its page.

    Raises UsageError for what does not fit together.
    """

    name: str
    base: Mapping[str, Any] = field(default_factory=dict)
    factors: tuple[Factor, ...] = ()
    listed: tuple[Config, ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    metric: str = "test_accuracy"
    reported: Mapping[str, float] = field(default_factory=dict)
    also_reported: tuple[AlsoReported, ...] = ()
    claims: tuple[Claim, ...] = ()
    figures: tuple[Figure, ...] = ()
    other_images: tuple[OtherImages, ...] = ()
    until_clear: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        if self.factors and self.listed:
            raise UsageError(f"study {self.name}: expected factors or listed configurations, found both.")
        names = [factor.name for factor in self.factors]
        for name in names:
            if names.count(name) > 1 or name in self.base:
                raise UsageError(f"study {self.name}: expected {name} once, found it twice. Leave out one.")
        if self.metric not in METRICS:
            raise unknown_name("metric", str(self.metric), METRICS)
        if "seed" in self.base or any("seed" in one for one in self.listed):
            raise UsageError(f"study {self.name}: expected seeds as its own (seeds = N), found the option seed.")
        if self.size > MOST:
            raise UsageError(
                f"study {self.name}: expected at most {MOST:,} trials, found {self.size:,}. Leave out levels, or "
                "draw points with pellucid search."
            )
        for words, count in Counter(label(one) for one in self.listed).items():
            if count > 1:
                raise UsageError(f"study {self.name}: expected different configurations, found {words} twice.")
        check_seeds(f"study {self.name}", self.seeds)
        for options in (self.base, *self.listed, {one.name: list(one.levels) for one in self.factors}):
            for name, value in options.items():
                if (strange := _not_plain(value)) is not None:
                    raise UsageError(
                        f"study {self.name}, {name}: expected names, numbers and lists of them, "
                        f"found {strange!r} ({type(strange).__name__}). Give plain numbers "
                        "and texts; of a network, data set or recipe its name, and its parts as options."
                    )

    @property
    def size(self) -> int:
        """Trials, before they are made."""
        return (len(self.listed) or prod(len(factor.levels) for factor in self.factors)) * len(self.seeds)

    def configs(self) -> list[Config]:
        """All configurations, the last factor changing fastest."""
        if self.listed:
            return [dict(one) for one in self.listed]
        names = [factor.name for factor in self.factors]
        levels = itertools.product(*(factor.levels for factor in self.factors))
        return [dict(zip(names, combination, strict=True)) for combination in levels]

    def trials(self) -> list[Trial]:
        """Every configuration in every seed."""
        return [Trial(tuple(config.items()), seed) for config in self.configs() for seed in self.seeds]

    @property
    def compared(self) -> tuple[str, ...]:
        """Names of the factors whose levels are the arms."""
        return tuple(factor.name for factor in self.factors if factor.role == "compare")

    @property
    def tuned(self) -> tuple[Factor, ...]:
        return tuple(factor for factor in self.factors if factor.role == "tune")

    @property
    def chooser(self) -> str:
        """What chooses among arms and tuned values: validation, by its loss where a loss is compared."""
        return "validation_loss" if self.metric.endswith("_loss") else "validation_accuracy"

    def arm(self, config: Config) -> str:
        """The arm to which a configuration belongs: its compared levels."""
        return label({name: value for name, value in config.items() if self.listed or name in self.compared})

    def families(self) -> list[list[str]]:
        """The arms that are compared with each other: those of one data set."""
        data: dict[str, str] = {}
        for config in self.configs():
            whole = {**self.base, **config}
            data.setdefault(self.arm(config), repr((whole.get("data"), whole.get("path"))))
        return [[arm for arm, own in data.items() if own == one] for one in dict.fromkeys(data.values())]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "name": self.name,
            "base": dict(self.base),
            "factors": [{"name": one.name, "levels": list(one.levels), "role": one.role} for one in self.factors],
            "listed": [dict(one) for one in self.listed],
            "seeds": list(self.seeds),
            "metric": self.metric,
            **({"until_clear": True} if self.until_clear else {}),
        }

    def beside(self) -> dict[str, Any]:
        """What changes no trial: note, reported figures, claims, figures and other images, as plain data."""
        return {
            "note": self.note,
            "reported": dict(self.reported),
            **{name: [asdict(one) for one in getattr(self, name)] for name in _BESIDE},
        }


#: Numbers, sentences, pictures and images of a report, by the field of `Study` that holds them.
_BESIDE = {"also_reported": AlsoReported, "claims": Claim, "figures": Figure, "other_images": OtherImages}


def study_from_dict(data: Mapping[str, Any], beside: Mapping[str, Any]) -> Study:
    """The study that `Study.to_dict` and `Study.beside` described."""
    return Study(
        name=data["name"],
        base=data["base"],
        factors=tuple(Factor(one["name"], tuple(one["levels"]), one["role"]) for one in data["factors"]),
        listed=tuple(data["listed"]),
        seeds=tuple(data["seeds"]),
        metric=data["metric"],
        until_clear=bool(data.get("until_clear")),
        note=beside.get("note", ""),
        reported=beside.get("reported", {}),
        **{name: tuple(kind(**_tuples(one)) for one in beside.get(name, ())) for name, kind in _BESIDE.items()},
    )


def _tuples(data: Mapping[str, Any]) -> dict[str, Any]:
    """With tuples where a file has lists."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}


def check_seeds(where: str, seeds: Sequence[Any]) -> None:
    """Raises UsageError for what are not different whole numbers from 0 on."""
    whole = all(isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0 for seed in seeds)
    if not seeds or not whole or len(set(seeds)) < len(seeds):
        raise UsageError(f"{where}: expected different seeds, whole numbers from 0 on, found {list(seeds)[:_SHOWN]}.")


def label(config: Config) -> str:
    """``lr=0.001 optimizer=adam``; "all" for no factor."""
    return " ".join(f"{name}={word(value)}" for name, value in config.items()) or "all"


def _not_plain(value: Any) -> Any:
    """The first part of a value that JSON does not have; None where all of it is plain data."""
    if isinstance(value, (list, tuple)):
        return next((found for one in value if (found := _not_plain(one)) is not None), None)
    if isinstance(value, Mapping):
        return next((found for pair in value.items() if (found := _not_plain(pair)) is not None), None)
    return None if value is None or isinstance(value, (str, int, float)) else value


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs between two studies as plain data, in words."""
    found = []
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if _plain(before) == _plain(after):
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found += [f"{key}.{one}" for one in differences(before, after)]
        elif isinstance(before, Sequence) and isinstance(after, Sequence) and key == "factors":
            names = ({one["name"]: one for one in side} for side in (before, after))
            found += differences(*names)
        else:
            was, now = ("nothing" if one is None else _plain(one) for one in (before, after))
            found.append(f"{key}: it was {was}, now {now}")
    return found

"""A search as data: which points of a space are trained, for how long, and in which seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from pellucid.errors import UsageError, unknown_name
from pellucid.spec.space import Dimension
from pellucid.spec.study import check_seeds

METHODS = ("random", "halving", "optuna")


@dataclass(frozen=True, kw_only=True)
class Search:
    """base: what all trials share, as options of `train` (network, data and recipe among them).

    space: what is searched. trials: points. method: one of `METHODS`. seeds: each point is trained in each; the first
    draws the points. eta: of successive halving, one of eta points is promoted (and every rung has eta times the
    epochs of the one below); least_epochs: of the lowest rung. at_once: points that Optuna proposes before it is told
    how they did; not the number of workers, so that the points do not depend on it.
    """

    name: str
    base: Mapping[str, Any] = field(default_factory=dict)
    space: tuple[Dimension, ...] = ()
    trials: int = 20
    method: str = "random"
    seeds: tuple[int, ...] = (0,)
    eta: int = 3
    least_epochs: int = 1
    at_once: int = 4

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise unknown_name("method", self.method, METHODS)
        names = [one.name for one in self.space]
        if not names:
            raise UsageError(f"search {self.name}: expected something to search over, found nothing. Add --over.")
        for name in names:
            if names.count(name) > 1 or name in self.base:
                raise UsageError(f"search {self.name}: expected {name} once, found it twice. Leave out one.")
        if self.method == "halving" and "epochs" in names:
            raise UsageError(
                "search: expected epochs outside the space, since halving deals them out. Give --epochs."
            )
        for what, least in (("trials", 1), ("eta", 2), ("least_epochs", 1), ("at_once", 1)):
            if getattr(self, what) < least:
                raise UsageError(f"{what}: expected a whole number of {least} or more, found {getattr(self, what)}.")
        if "seed" in (*names, *self.base):
            raise UsageError(f"search {self.name}: expected seeds as its own (--seeds), found the option seed.")
        check_seeds(f"search {self.name}", self.seeds)

    @property
    def points(self) -> int:
        """How many are trained: as many as trials, or all that a space of choices and whole numbers has."""
        sizes = [len(one.values) for one in self.space if one.values is not None]
        return min(self.trials, prod(sizes)) if len(sizes) == len(self.space) else self.trials

    def rungs(self, epochs: int) -> list[tuple[int, int]]:
        """Successive halving (jamieson2016): points and epochs of each rung, the last with all epochs.

        >>> Search(name="a", space=(Dimension("lr", "log", 0.001, 0.1),), trials=27, eta=3).rungs(9)
        [(27, 1), (9, 3), (3, 9)]
        """
        found = [epochs]
        while found[0] // self.eta >= self.least_epochs and self.points // self.eta ** len(found) >= 1:
            found.insert(0, found[0] // self.eta)
        return [(self.points // self.eta**k, each) for k, each in enumerate(found)]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        own = {"halving": ("eta", "least_epochs"), "optuna": ("at_once",)}.get(self.method, ())
        return {
            "name": self.name,
            "base": dict(self.base),
            "space": {one.name: one.text for one in self.space},
            "trials": self.trials,
            "method": self.method,
            "seeds": list(self.seeds),
            **{name: getattr(self, name) for name in own},
        }

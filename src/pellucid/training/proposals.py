"""Which points of a space are trained next, by what is known of those before.

Each method is a generator: it yields a round of points, is sent how they did, and ends. What it yields is a function
of the search and of those scores alone, so that a search that is begun again asks for the same points.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pellucid.errors import UsageError
from pellucid.spec.search import Search
from pellucid.spec.space import Dimension, drawn, rounded
from pellucid.spec.study import Config

#: Draws that give nothing new before the rest of the space is counted out.
FRUITLESS = 200


@dataclass(frozen=True)
class Point:
    """A configuration of a search. epochs: for which it is trained; None for what the configuration says."""

    number: int
    config: Config
    epochs: int | None = None


#: A score is a mean validation accuracy; None where a run failed.
Scores = Sequence[float | None]
Proposals = Generator[list[Point], Scores, None]


def random_points(asked: Search, epochs: int) -> Proposals:
    """All of them in one round (bergstra2012), none twice; fewer where the space has no more."""
    yield _drawn(asked)


def halved_points(asked: Search, epochs: int) -> Proposals:
    """Successive halving (jamieson2016): the best of each rung go on with more epochs."""
    points = _drawn(asked)
    for count, each in asked.rungs(epochs):
        points = [replace(point, epochs=each) for point in points[:count]]
        scores = yield points
        ranked = sorted(zip(points, scores, strict=True), key=lambda pair: rank(pair[0].number, pair[1]))
        points = [point for point, score in ranked if score is not None]


def rank(number: int, score: float | None) -> tuple[float, int]:
    """Sorts the best score first, failures last, and of equals the point that was proposed first."""
    return (1.0 if score is None else -score), number


def proposed_points(asked: Search, epochs: int) -> Proposals:
    """Optuna's tree-structured Parzen estimator (bergstra2011, akiba2019), a few points at once.

    Points of a round stand for one another as if they had failed to please, so that they differ (constant liar).
    Raises UsageError where Optuna is not installed.
    """
    optuna = _optuna()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=asked.seeds[0], constant_liar=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    ranges = {one.name: _distribution(optuna, one) for one in asked.space}
    for first in range(0, asked.trials, asked.at_once):
        open_trials = [study.ask(ranges) for _ in range(min(asked.at_once, asked.trials - first))]
        scores = yield [Point(first + k, _config(asked, one.params)) for k, one in enumerate(open_trials)]
        for one, score in zip(open_trials, scores, strict=True):
            if score is None:
                study.tell(one, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(one, score)


PROPOSALS: dict[str, Callable[[Search, int], Proposals]] = {
    "random": random_points,
    "halving": halved_points,
    "optuna": proposed_points,
}


def _drawn(asked: Search) -> list[Point]:
    """Points of the space, none twice; what is left when draws give nothing new is counted out, in a drawn order."""
    found: dict[str, Config] = {}
    index = fruitless = 0
    while len(found) < asked.points and fruitless < FRUITLESS:
        config = drawn(asked.space, asked.seeds[0], index)
        index += 1
        key = repr(config)
        fruitless = fruitless + 1 if key in found else 0
        found.setdefault(key, config)
    values = [one.values for one in asked.space if one.values is not None]
    if len(found) < asked.points and len(values) == len(asked.space):
        names = [one.name for one in asked.space]
        whole: list[Config] = [dict(zip(names, one, strict=True)) for one in itertools.product(*values)]
        for k in np.random.default_rng(asked.seeds[0]).permutation(len(whole)).tolist():
            if len(found) < asked.points:
                found.setdefault(repr(whole[k]), whole[k])
    return [Point(number, config) for number, config in enumerate(found.values())]


def optuna_version() -> str:
    """Of the package that is here. Raises UsageError where it is not."""
    return str(_optuna().__version__)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise UsageError(
            'method optuna: expected the package optuna, found none. Install it with: pip install "pellucid[optuna]"'
        ) from None
    return optuna


def _distribution(optuna: Any, one: Dimension) -> Any:
    if one.kind == "choice":
        return optuna.distributions.CategoricalDistribution(range(len(one.choices)))
    if one.kind == "int":
        return optuna.distributions.IntDistribution(int(one.low), int(one.high))
    return optuna.distributions.FloatDistribution(one.low, one.high, log=one.kind == "log")


def _config(asked: Search, params: dict[str, Any]) -> Config:
    """Optuna's values as ours: choices by number, floats as people write them."""
    found: Config = {}
    for one in asked.space:
        value = params[one.name]
        found[one.name] = (
            one.choices[value] if one.kind == "choice" else value if one.kind == "int" else rounded(value)
        )
    return found

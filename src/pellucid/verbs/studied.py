"""A study with what its runs have given: arms, pairs, verdicts."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.displays.display import plain
from pellucid.displays.numbers import difference_unit, limits
from pellucid.displays.page import Page
from pellucid.displays.table import Table
from pellucid.errors import DamagedError
from pellucid.evaluation.by_image import Crossed, crossed
from pellucid.evaluation.comparison import ALPHA, LOOKS, Both, Pair, Summary, compare_pairs, summary
from pellucid.spec.factor import Factor
from pellucid.spec.recipe import higher_is_better
from pellucid.spec.study import Config, Study, Trial, label
from pellucid.storage.run_folder import RunFolder
from pellucid.storage.study_folder import Progress
from pellucid.verbs.answered_alike import answered_alike
from pellucid.verbs.study_claims import claims
from pellucid.verbs.study_row import Row, key_of, other_seeds
from pellucid.verbs.study_tables import arm_table
from pellucid.verbs.study_thresholds import TIMES, Horizons, medians, waited
from pellucid.verbs.study_verdicts import cautions, standing


class _Answers(NamedTuple):
    """Of a run: which test images it gets right, their labels, and its manifest."""

    right: NDArray[np.bool_]
    labels: NDArray[np.int64]
    manifest: Mapping[str, Any]


class Studied:
    """A study with what its runs have given so far.

    runs: the run of each trial. errors: reasons of runs that could not note their own, by id. looks: numbers of seeds
    after which the verdicts were there to be read. other_seeds: that have runs and are not counted.
    """

    def __init__(
        self,
        study: Study,
        root: Path,
        runs: Sequence[tuple[Trial, str]],
        errors: Mapping[str, str],
        looks: Sequence[int] = (),
        other_seeds: Sequence[int] = (),
    ) -> None:
        self.study, self.root, self.looks, self.other_seeds = study, root, looks, other_seeds
        self.rows = [Row.read(root, trial, run, errors) for trial, run in runs]
        #: Whether trainings end at a threshold.
        self.stops = any(row.stops for row in self.rows)
        self._answers: dict[str, dict[int, _Answers]] = {}

    @classmethod
    def of_progress(cls, study: Study, root: Path, kept: Progress) -> Studied:
        """With what is noted in the study's folder."""
        return cls(study, root, kept.of(study), kept.errors, kept.looks, other_seeds(root, kept, study))

    @cached_property
    def chosen(self) -> dict[str, Config]:
        """Of each arm the configuration that validation prefers; with nothing tuned, its only one.

        That is the one of the fewest seeds that failed, then of the best mean of the `chooser`, then one not at an
        edge.
        """
        found: dict[str, tuple[tuple[int, float, float, bool], Config]] = {}
        for config in self.study.configs():
            rank = (*self._rank(config), any(self._at_edge(config, factor) for factor in self.study.tuned))
            arm = self.study.arm(config)
            if arm not in found or rank < found[arm][0]:
                found[arm] = rank, config
        return {arm: config for arm, (_, config) in found.items()}

    @cached_property
    def chooser(self) -> str:
        """What chooses among arms and tuned values: the study's, or the time to a threshold where that is compared.

        At a threshold the accuracy is what the last epoch happened to have beyond it. Not where test images say when
        it is reached.
        """
        begun = [row.recipe for row in self.rows if row.recipe]
        by_time = self.study.metric in TIMES and all(one.get("stop_at") is not None for one in begun)
        unseen = all(str(one.get("stop_metric", "")).startswith("validation") for one in begun)
        return self.study.metric if begun and by_time and unseen else self.study.chooser

    def _rank(self, config: Config) -> tuple[int, float, float]:
        """Seeds that failed or missed their threshold, the mean, and that of validation: the lower, the better.

        Times are cut as those of all configurations that missed as often; where that leaves none apart, validation
        images tell.
        """
        alike = self._missed.get(self._misses(config), ()) if self.chooser in TIMES else ()
        first = self._mean(config, self.chooser, beside=alike)
        return self._misses(config), first, self._mean(config, self.study.chooser)

    def _misses(self, config: Config) -> int:
        """Seeds that failed, or that were over before their threshold where times choose.

        One that is not trained yet says nothing against its configuration, unless all of them are.
        """
        rows, times = [row for row in self.of(config) if row.status != "untrained"], self.chooser in TIMES
        if not rows:
            return len(self.of(config))
        return sum(row.missed if times and row.over else row.value(self.chooser) is None for row in rows)

    @cached_property
    def _missed(self) -> dict[int, list[Config]]:
        """The configurations by how many of their seeds did."""
        found: dict[int, list[Config]] = {}
        for config in self.study.configs():
            found.setdefault(self._misses(config), []).append(config)
        return found

    def _mean(self, config: Config, metric: str, *, beside: Sequence[Config] = ()) -> float:
        """The mean of the seeds that have a value, its sign turned where more is better; infinity for none."""
        known = [value for value in self.values(config, metric, beside=beside) if value is not None]
        sign = -1.0 if higher_is_better(metric) else 1.0
        return sign * float(np.mean(known)) if known else np.inf

    def missed(self, arm: str, metric: str | None = None) -> int:
        """Runs of an arm that were over before their threshold, where epochs or seconds are compared; else 0."""
        times = (metric or self.study.metric) in TIMES
        return sum(row.missed for row in self.of(self.chosen[arm])) if times else 0

    @property
    def preferred(self) -> str:
        """What the arms that come first in `ranked` are, in words."""
        return "soonest at their threshold" if self.chooser in TIMES else "best on validation"

    def ranked(self) -> list[str]:
        """The arms, those that validation prefers first."""
        return sorted(self.chosen, key=lambda arm: self._rank(self.chosen[arm]))

    @staticmethod
    def _at_edge(config: Config, factor: Factor) -> bool:
        numbers = [one for one in factor.levels if isinstance(one, (int, float)) and not isinstance(one, bool)]
        return len(numbers) > 1 and config[factor.name] in (min(numbers), max(numbers))

    @cached_property
    def _by_config(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(key_of(dict(row.trial.config)), []).append(row)
        return found

    def of(self, config: Config) -> list[Row]:
        """The rows of a configuration, in the order of seeds."""
        return self._by_config.get(key_of(config), [])

    @cached_property
    def horizons(self) -> Horizons:
        """To which epochs or seconds they can be compared."""
        return Horizons(self._by_config)

    def values(
        self, config: Config, metric: str | None = None, *, beside: Sequence[Config] = ()
    ) -> list[float | None]:
        """A metric of a configuration, seed by seed; None for a run that failed.

        metric: a number of the result, or "largest_fall", how far the validation accuracy once fell below its best so
        far: near zero for a steady training. beside: what it is compared with: epochs and seconds to a threshold are
        cut where all of them can be (`Horizons`).
        """
        metric = metric or self.study.metric
        if metric == "largest_fall":
            return [self._largest_fall(one) if one.result else None for one in self.of(config)]
        if metric in TIMES:
            horizon = self.horizons.common(metric, config, *beside)
            return [waited(one, metric, horizon) for one in self.of(config)]
        return [one.value(metric) for one in self.of(config)]

    def _largest_fall(self, row: Row) -> float | None:
        try:
            records = RunFolder.open(self.root, row.run).metrics()
        except DamagedError:
            return None
        values = [record["validation_accuracy"] for record in records]
        return None if None in values or not values else float(np.max(np.maximum.accumulate(values) - values))

    @property
    def on_edge(self) -> list[str]:
        """Arms whose best value of a tuned factor is the first or last that was tried: it may lie beyond."""
        found = []
        for arm, config in self.chosen.items():
            whose = f"{arm}: " if len(self.chosen) > 1 else ""
            for factor in self.study.tuned:
                if arm in self.summaries and self._at_edge(config, factor):
                    found.append(
                        f"{whose}best {factor.name} {config[factor.name]:g} is at the edge of what was tried"
                    )
        return found

    @cached_property
    def summaries(self) -> dict[str, Summary]:
        """Of each arm's chosen configuration: n, mean, spread and interval of the metric."""
        found = {}
        for arm, config in self.chosen.items():
            known = [value for value in self.values(config) if value is not None]
            if known:
                found[arm] = summary(known, within=limits(self.study.metric))
        return found

    @cached_property
    def pairs(self) -> list[Pair]:
        """Every two arms of one data set, paired by seed."""
        higher = higher_is_better(self.study.metric)
        unit, scale = difference_unit(self.study.metric)
        families = [[arm for arm in arms if arm in self.summaries] for arms in self.study.families()]
        found = [self.beside(one, two) for arms in families for one, two in itertools.combinations(arms, 2)]
        return [
            replace(pair, words=pair.words + self.less(pair.first, pair.second))
            for pair in compare_pairs(found, unit=unit, scale=scale, higher=higher, alpha=self.alpha)
        ]

    def beside(self, first: str, second: str, metric: str | None = None) -> Both:
        """The values of two arms, seed by seed, as they can be compared with each other."""
        one, two = self.chosen[first], self.chosen[second]
        return Both(first, second, self.values(one, metric, beside=[two]), self.values(two, metric, beside=[one]))

    def less(self, first: str, second: str, metric: str | None = None) -> str:
        """What a comparison of two arms has to do without, in words: failed seeds, times that not all were given."""
        metric, configs = metric or self.study.metric, [self.chosen[arm] for arm in (first, second)]
        cut = self.horizons.told(metric, *configs) if metric in TIMES else ""
        return cut + self.left_out(first, second, metric=metric)

    def left_out(self, *arms: str, metric: str | None = None) -> str:
        """Which seeds of the arms failed, and so say nothing: an arm that often fails is not better for that.

        Those that are not trained yet are told apart.
        """
        told = []
        for status, words in (("failed", "failed"), ("untrained", "are not trained yet")):
            counts = []
            for arm in arms:
                rows, values = self.of(self.chosen[arm]), self.values(self.chosen[arm], metric)
                without = sum(row.status == status and v is None for row, v in zip(rows, values, strict=True))
                if without:
                    counts.append(f"{without} of {len(rows)} seeds of {arm}")
            if counts:
                told.append(f"{' and '.join(counts)}, which {words}")
        return f" (left out: {'; '.join(told)})" if told else ""

    @property
    def alpha(self) -> float:
        """Probability of a false claim: all of it, or one look's share where seeds are added until it is clear."""
        return ALPHA / len(LOOKS) if self.study.until_clear else ALPHA

    def answers(
        self, first: str, second: str
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]] | None:
        """Which test images the runs of two arms get right, each seeds x images, and the images' labels.

        Of the seeds of which both have predictions. None without any, or where the arms were tested on other images.
        """
        ours, theirs = (self._read_answers(self.chosen[arm]) for arm in (first, second))
        seeds = [seed for seed in ours if seed in theirs]
        tests = [(one[seed].manifest, one[seed].labels) for one in (ours, theirs) for seed in seeds]
        if not seeds or not answered_alike(tests):
            return None
        own, other = (np.stack([one[seed].right for seed in seeds]) for one in (ours, theirs))
        return own, other, tests[0][1]

    def _read_answers(self, config: Config) -> dict[int, _Answers]:
        """By seed, of the runs that have predictions; kept, since each arm is in many pairs."""
        key = label(config)
        if key not in self._answers:
            read: dict[int, _Answers] = {}
            for row in self.of(config):
                if row.result is None:
                    continue
                folder = RunFolder.open(self.root, row.run)
                with suppress(DamagedError):
                    kept = folder.predictions()
                    if kept is not None:
                        right = kept["logits"].argmax(1) == kept["labels"]
                        read[row.trial.seed] = _Answers(right, kept["labels"], folder.manifest)
            self._answers[key] = read  # whole at once: a page draws its sections side by side
        return self._answers[key]

    def over_images(self, pair: Pair, *, family: int) -> Crossed | None:
        """The pair's difference over new seeds and new test images. family: pairs that it is told among.

        None without predictions of two seeds in both, or where the arms were tested on other images.
        """
        both = self.answers(pair.first, pair.second)
        if both is None or len(both[0]) < 2:
            return None
        return crossed(both[0], both[1], alpha=self.alpha / family)

    def over_images_from(self, arm: str, value: float) -> Crossed | None:
        """By how much an arm's accuracy is above `value`, over new seeds and new test images.

        None without predictions of two seeds, or where these were tested on different images.
        """
        both = self.answers(arm, arm)
        if both is None or len(both[0]) < 2:
            return None
        return crossed(both[0], np.full(both[0].shape, value), alpha=self.alpha)

    @property
    def best(self) -> str | None:
        """The arm that validation prefers; None for arms of several data sets (`bests`)."""
        return self.bests[0] if self.bests and len(self.study.families()) == 1 else None

    @cached_property
    def bests(self) -> list[str]:
        """Of each data set the arm that validation prefers, where one has a result."""
        known = [arm for arm in self.ranked() if arm in self.summaries]
        first = [next((arm for arm in known if arm in arms), None) for arms in self.study.families()]
        return [arm for arm in first if arm is not None]

    @property
    def is_clear(self) -> bool:
        """Whether the arm that validation prefers differs from every other: no seed more would change the choice."""
        rivals = [pair for pair in self.pairs if {pair.first, pair.second} & {*self.bests}]
        return all(pair.verdict in ("better", "worse") for pair in rivals)

    @property
    def failed(self) -> list[Row]:
        """Trials that ended without a result; those not trained yet are none of them."""
        return [row for row in self.rows if row.status == "failed"]

    def verdicts(self) -> list[str]:
        """What can be said, in sentences, the best arm first, and what takes something away (`study_verdicts`)."""
        return [*standing(self), *cautions(self)]

    def claims(self) -> list[tuple[str, str]]:
        """Each claim of the report with what our runs say of it (`study_claims`)."""
        return claims(self)

    def table(self) -> Table:
        """One row an arm (`study_tables`)."""
        return arm_table(self)

    def is_told(self, row: Row) -> bool:
        """Whether a trial's test score may be looked at: of a tuned study that of the configurations chosen alone."""
        return not self.study.tuned or dict(row.trial.config) in self.chosen.values()

    def trials(self) -> list[dict[str, Any]]:
        """One entry a trial, without the test scores of what tuning has not chosen."""
        found = []
        for row in self.rows:
            entry = row.to_dict()
            if not self.is_told(row):
                entry |= {name: None for name in entry if name.startswith("test_")}
            found.append(entry)
        return found

    def display(self) -> Page:
        """Verdicts, table, effects, curves, and the images behind what differs (`study_page`)."""
        from pellucid.verbs.study_page import page

        return page(self)

    def to_dict(self) -> dict[str, Any]:
        """For programs: the table of trials, the arms with what was chosen for them, the pairs, the sentences."""
        found: dict[str, Any] = plain(
            {
                "study": self.study.to_dict(),
                "note": self.study.note,
                "trials": self.trials(),
                "arms": {
                    arm: {
                        **vars(one),
                        **({"missed": self.missed(arm)} if self.stops and self.study.metric in TIMES else {}),
                        "configuration": dict(self.chosen[arm]),
                    }
                    for arm, one in self.summaries.items()
                },
                **({"thresholds": medians(self)} if self.stops else {}),
                "pairs": [vars(pair) for pair in self.pairs],
                "best": self.best,
                "bests": self.bests,
                "verdicts": self.verdicts(),
                "claims": self.claims(),
                "reported": dict(self.study.reported),
                "also_reported": [vars(one) for one in self.study.also_reported],
            }
        )
        return found

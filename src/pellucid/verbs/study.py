"""Many runs, and what they allow to say."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid import catalog
from pellucid.displays.bars import Bars
from pellucid.displays.curves import Curves, Series
from pellucid.displays.display import Display, plain
from pellucid.displays.heatmap import Heatmap
from pellucid.displays.page import Page
from pellucid.displays.table import Table
from pellucid.errors import StorageError, UsageError, unknown_name
from pellucid.evaluation.comparison import (
    ALPHA,
    Crossed,
    Pair,
    Summary,
    always_valid_p,
    compare,
    crossed,
    summary,
    survival,
)  # fmt: skip
from pellucid.spec.run import RunSpec
from pellucid.spec.study import MANY, Config, Factor, Study, Trial, differences, factor_from_text, label
from pellucid.storage.run_folder import RunFolder
from pellucid.storage.runs_root import runs_root
from pellucid.storage.study_folder import StudyFolder
from pellucid.training.many import Outcome, cores, run_all
from pellucid.verbs.estimate import epoch_seconds
from pellucid.verbs.options import option_fields, request, resolve
from pellucid.verbs.train import EXACT, probe_folder

#: Seeds beyond which `until_clear` gives up.
MOST_SEEDS = 40


@dataclass(frozen=True)
class Row:
    """One trial and what became of it. result: as the run folder keeps it; None where it failed, with the reason."""

    trial: Trial
    run: str
    result: dict[str, Any] | None
    reason: str

    def value(self, metric: str) -> float | None:
        """A number of the result; None where there is none."""
        found = (self.result or {}).get(metric)
        return None if found is None else float(found)

    def to_dict(self) -> dict[str, Any]:
        """What is a function of the spec alone: no times."""
        names = [f"{split}_{what}" for split in ("train", "validation", "test") for what in ("accuracy", "loss")]
        return {
            "configuration": dict(self.trial.config),
            "seed": self.trial.seed,
            "run": self.run,
            "status": (self.result or {}).get("status", "failed"),
            "reason": self.reason,
            "epochs": (self.result or {}).get("epochs"),
            **{name: self.value(name) for name in names},
        }


class Studied:
    """A study with what its runs have given so far."""

    def __init__(
        self, study: Study, root: Path, specs: Sequence[tuple[Trial, RunSpec]], errors: Mapping[str, str]
    ) -> None:
        self.study, self.root = study, root
        self.rows = [_row(trial, spec, root, errors) for trial, spec in specs]

    @cached_property
    def chosen(self) -> dict[str, Config]:
        """Of each arm the configuration of the best mean validation accuracy; with nothing tuned, its only one."""
        found: dict[str, tuple[float, Config]] = {}
        for config in self.study.configs():
            values = [one.value("validation_accuracy") for one in self.of(config)]
            known = [value for value in values if value is not None]
            score = float(np.mean(known)) if known else -1.0
            arm = self.study.arm(config)
            if arm not in found or score > found[arm][0]:
                found[arm] = score, config
        return {arm: config for arm, (_, config) in found.items()}

    def of(self, config: Config) -> list[Row]:
        """The rows of a configuration, in the order of seeds."""
        return [one for one in self.rows if dict(one.trial.config) == config]

    def values(self, config: Config, metric: str | None = None) -> list[float | None]:
        """A metric of a configuration, seed by seed; None for a run that failed."""
        return [one.value(metric or self.study.metric) for one in self.of(config)]

    @property
    def on_edge(self) -> list[str]:
        """Arms whose best value of a tuned factor is the first or last that was tried: it may lie beyond."""
        found = []
        for arm, config in self.chosen.items():
            for factor in self.study.tuned:
                numbers = [level for level in factor.levels if isinstance(level, (int, float))]
                if len(numbers) > 2 and config[factor.name] in (min(numbers), max(numbers)):
                    found.append(
                        f"{arm}: best {factor.name} {config[factor.name]:g} is at the edge of what was tried"
                    )
        return found

    @cached_property
    def summaries(self) -> dict[str, Summary]:
        """Of each arm's chosen configuration: n, mean, spread and interval of the metric."""
        found = {}
        for arm, config in self.chosen.items():
            known = [value for value in self.values(config) if value is not None]
            if known:
                found[arm] = summary(known)
        return found

    @cached_property
    def pairs(self) -> list[Pair]:
        """Every two arms, paired by seed."""
        higher = self.study.metric.endswith("accuracy")
        unit, scale = ("points", 100.0) if higher else ("", 1.0)
        arms = {arm: self.values(config) for arm, config in self.chosen.items() if arm in self.summaries}
        return compare(arms, unit=unit, scale=scale, higher=higher)

    def answers(self, config: Config) -> tuple[NDArray[np.bool_], NDArray[np.int64]] | None:
        """Which test images each run of a configuration gets right, seeds x images, and the images' labels.

        None where a run has none.
        """
        found, labels = [], np.zeros(0, np.int64)
        for row in self.of(config):
            kept = RunFolder.open(self.root, row.run).predictions() if row.result else None
            if kept is None:
                return None
            labels = kept["labels"]
            found.append(kept["logits"].argmax(1) == labels)
        return (np.stack(found), labels) if found else None

    def over_images(self, pair: Pair) -> Crossed | None:
        """The pair's difference over new seeds and new test images.

        None without predictions or a second seed, or where the arms were tested on other images.
        """
        first, second = (self.answers(self.chosen[name]) for name in (pair.first, pair.second))
        if first is None or second is None or len(first[0]) < 2 or not np.array_equal(first[1], second[1]):
            return None
        return crossed(first[0], second[0])

    @property
    def best(self) -> str | None:
        """The arm that validation prefers."""
        scores = {}
        for arm, config in self.chosen.items():
            known = [one for one in self.values(config, "validation_accuracy") if one is not None]
            if known:
                scores[arm] = float(np.mean(known))
        return max(scores, key=lambda arm: scores[arm]) if scores else None

    @property
    def failed(self) -> list[Row]:
        return [row for row in self.rows if row.result is None]

    def verdicts(self) -> list[str]:
        """What can be said, in sentences, the best arm first."""
        found = []
        if self.best is not None and self.best in self.summaries:
            one = self.summaries[self.best]
            told = f"{100 * one.mean:.2f} %" if self.study.metric.endswith("accuracy") else f"{one.mean:.4g}"
            found.append(f"best on validation: {self.best}; its {self.study.metric.replace('_', ' ')} is {told}")
        for pair in self.pairs:
            across = self.over_images(pair)
            found.append(f"{pair.words}{f' [{across.words}]' if across is not None else ''}")
        found += self.on_edge
        return found

    def claims(self) -> list[tuple[str, str]]:
        """Each claim of the report with what our runs say of it."""
        higher = self.study.metric.endswith("accuracy")
        found = []
        for claim in self.study.claims:
            one = self.summaries.get(claim.first)
            if claim.least is not None and one is not None:
                reached = one.mean >= claim.least if higher else one.mean <= claim.least
                found.append(
                    (claim.words, f"{'yes' if reached else 'no'}: {_value(one.mean, share=higher)}, n = {one.n}")
                )
                continue
            pair = next((one for one in self.pairs if {one.first, one.second} == {claim.first, claim.second}), None)
            if pair is None:
                found.append((claim.words, "not answered: trials are missing"))
                continue
            as_said = "better" if pair.first == claim.first else "worse"
            told = {as_said: "stands", "no difference": "not shown", "too few seeds": "open"}
            found.append((claim.words, f"{told.get(pair.verdict, 'the reverse is so')}: {pair.words}"))
        return found

    def table(self) -> Table:
        """One row an arm: n, mean, spread, interval, what validation says, and what a report said."""
        share = self.study.metric.endswith("accuracy")

        def told(value: float | None) -> str | None:
            return None if value is None or np.isnan(value) else _value(value, share=share)

        rows = []
        for arm, config in self.chosen.items():
            one = self.summaries.get(arm)
            known = [value for value in self.values(config, "validation_accuracy") if value is not None]
            reported = self.study.reported.get(arm)
            rows.append(
                (
                    arm
                    if not self.study.tuned
                    else f"{arm} ({label({k: v for k, v in config.items() if k not in arm})})",
                    one.n if one else 0,
                    told(one.mean if one else None),
                    told(one.sd if one else None),
                    told(one.low if one else None),
                    told(one.high if one else None),
                    told(float(np.mean(known))) if known else None,
                    *((told(reported),) if self.study.reported else ()),
                )
            )
        columns = ("configuration", "n", "mean", "sd", "low", "high", "validation")
        extra = ("reported",) if self.study.reported else ()
        return Table((*columns, *extra), rows, title=f"{self.study.metric.replace('_', ' ')}, 95 % intervals")

    def trial_table(self) -> Table:
        """One row a trial."""
        rows = [
            (
                row.trial.label,
                row.trial.seed,
                (row.result or {}).get("status", "failed"),
                *self._scores(row),
                row.reason,
            )
            for row in self.rows
        ]
        return Table(("configuration", "seed", "status", "validation", "test", "reason"), rows)

    def _scores(self, row: Row) -> list[float | None]:
        return [row.value(f"{split}_accuracy") for split in ("validation", "test")]

    def display(self) -> Page:
        """Verdicts, table, effects, curves."""
        verdicts = Table(("",), [(line,) for line in self.verdicts()], title="What stands")
        shown: list[Display] = [verdicts, self.table()]
        if self.study.claims:
            shown.append(Table(("claim", "what our runs say"), self.claims(), title="Claims"))
        if self.summaries:
            shown.append(self.effects())
        shown.append(self.curves())
        if len(self.study.compared) == 2:
            shown.append(self.interaction())
        if self.study.base.get("stop_at") is not None:
            shown.append(self.thresholds())
        if self.failed:
            failed = [(row.trial.label, row.trial.seed, row.reason) for row in self.failed]
            shown.append(Table(("configuration", "seed", "reason"), failed, title="Trials that failed or diverged"))
        return Page(shown, title=f"Study {self.study.name}: {len(self.rows)} trials")

    def effects(self) -> Bars:
        """Means with their intervals."""
        arms = list(self.summaries)
        found = [self.summaries[arm] for arm in arms]
        ends = [(one.low, one.high) if not np.isnan(one.low) else (one.mean, one.mean) for one in found]
        return Bars(
            arms,
            [one.mean for one in found],
            self.study.metric.replace("_", " "),
            low=[low for low, _ in ends],
            high=[high for _, high in ends],
            notes=[f"n = {one.n}" for one in found],
            title="Means over seeds with 95 % intervals",
            percent=self.study.metric.endswith("accuracy"),
            zero=False,
        )

    def curves(self, metric: str = "validation_accuracy") -> Curves:
        """Of each arm the mean over seeds by epoch, and the band between the lowest and the highest."""
        series = []
        for arm, config in list(self.chosen.items())[:7]:
            histories = []
            for row in self.of(config):
                if RunFolder.exists(self.root, row.run):
                    lines = RunFolder.open(self.root, row.run).metrics()
                    histories.append([line[metric] for line in lines if line.get(metric) is not None])
            length = min((len(one) for one in histories), default=0)
            if length:
                stacked = np.array([one[:length] for one in histories], np.float64)
                at = list(range(1, length + 1))
                low, high = stacked.min(0).tolist(), stacked.max(0).tolist()
                series.append(Series(arm, at, stacked.mean(0).tolist(), low, high))
        return Curves(
            series, "epoch", metric.replace("_", " "), title="By epoch: mean and range over seeds", percent=True
        )

    def interaction(self) -> Heatmap:
        """Means over seeds for every pair of levels of the two compared factors."""
        rows, columns = (next(one for one in self.study.factors if one.name == name) for name in self.study.compared)
        values = np.full((len(rows.levels), len(columns.levels)), np.nan)
        for i, first in enumerate(rows.levels):
            for j, second in enumerate(columns.levels):
                arm = label({rows.name: first, columns.name: second})
                if arm in self.summaries:
                    values[i, j] = self.summaries[arm].mean
        texts = [["" if np.isnan(value) else f"{100 * value:.1f}" for value in row] for row in values]
        named = [[str(level) for level in one.levels] for one in (rows, columns)]
        return Heatmap(
            values, named[0], named[1], rows.name, columns.name, "mean", texts=texts, value_format=".1%",
            title="Mean of each combination, in percent",
        )  # fmt: skip

    def thresholds(self) -> Curves:
        """Share of runs that have not reached the threshold by each epoch; those that never did are censored."""
        series = []
        for arm, config in list(self.chosen.items())[:7]:
            rows = [row for row in self.of(config) if row.result]
            if rows:
                hit = ["reached" in str((row.result or {}).get("reason", "")) for row in rows]
                found = survival([float((row.result or {})["epochs"]) for row in rows], hit)
                series.append(Series(arm, [0.0, *found.times.tolist()], [1.0, *found.share.tolist()]))
        return Curves(series, "epoch", "not there yet", title="Epochs to the threshold (Kaplan-Meier)", percent=True)

    def to_dict(self) -> dict[str, Any]:
        """For programs: the table of trials, the arms, the pairs, the sentences."""
        found: dict[str, Any] = plain(
            {
                "study": self.study.to_dict(),
                "trials": [row.to_dict() for row in self.rows],
                "arms": {arm: vars(one) for arm, one in self.summaries.items()},
                "pairs": [vars(pair) for pair in self.pairs],
                "best": self.best,
                "verdicts": self.verdicts(),
                "claims": self.claims(),
                "reported": dict(self.study.reported),
            }
        )
        return found


def study(
    asked: Study,
    *,
    runs: str | Path | None = None,
    workers: int | None = None,
    update: bool = False,
    until_clear: bool = False,
    told: Callable[[int, int, Outcome], None] | None = None,
) -> Studied:
    """Trains every trial that is not done, and says what stands; the same call again goes on, or only says.

    Unless the study says otherwise every trial runs on one thread in float32 on the processor, so that it has the
    same bits whatever runs beside it. workers: processes, by default one a core. update: go on although the study is
    another than the one begun under this name. until_clear: adds seeds one by one until two arms differ by a test
    that may be looked at every time, or there are 40. told: called after each trial.

    Raises UsageError for factors and values that do not exist, before anything is trained; StorageError where another
    process is at this study.
    """
    root = runs_root(runs)
    folder = StudyFolder(root, asked.name)
    before = folder.open()
    plain = asked.to_dict()
    if before is not None and not update:
        changed = differences({**before, "seeds": None}, {**plain, "seeds": None})
        if changed:
            raise UsageError(
                f"study {asked.name}: expected the study that was begun under this name, found another: "
                f"{'; '.join(changed)}. Give it another name, or go on with --update: finished trials are kept."
            )
    specs = specs_of(asked)
    with folder.lock():
        folder.save(plain)
        found = _trained(asked, specs, root, workers, told)
        while until_clear and len(asked.seeds) < MOST_SEEDS and not is_clear(found):
            asked = replace(asked, seeds=(*asked.seeds, max(asked.seeds) + 1))
            specs = specs_of(asked)
            folder.save(asked.to_dict())
            found = _trained(asked, specs, root, workers, told)
        folder.save_trials([row.to_dict() for row in found.rows])
        folder.save_file("trials.csv", found.trial_table().csv().encode())
        folder.save_file("study.html", found.display().render("html"))
    return found


def _value(value: float, *, share: bool) -> str:
    return f"{100 * value:.2f} %" if share else f"{value:.4g}"


def is_clear(found: Studied) -> bool:
    """Whether some pair differs, by a p-value that holds however often one looks (Bonferroni over the pairs)."""
    pairs = found.pairs
    for pair in pairs:
        sides = (found.values(found.chosen[name]) for name in (pair.first, pair.second))
        known = [a - b for a, b in zip(*sides, strict=True) if a is not None and b is not None]
        if always_valid_p(known) * len(pairs) <= ALPHA:
            return True
    return False


def _trained(
    asked: Study,
    specs: Sequence[tuple[Trial, RunSpec]],
    root: Path,
    workers: int | None,
    told: Callable[..., None] | None,
) -> Studied:
    errors: dict[str, str] = {}
    outcomes = run_all([spec for _, spec in specs], root, probes=probe_folder(), workers=workers)
    for done, outcome in enumerate(outcomes, 1):
        if outcome.result is None:
            errors[outcome.spec.id] = outcome.error
        if told is not None:
            told(done, len(specs), outcome)
    return Studied(asked, root, specs, errors)


def _row(trial: Trial, spec: RunSpec, root: Path, errors: Mapping[str, str]) -> Row:
    try:
        result = RunFolder.open(root, spec.id).result() if RunFolder.exists(root, spec.id) else None
    except StorageError as error:
        return Row(trial, spec.id, None, str(error))
    if result is None or result.get("status") != "finished":
        reason = errors.get(spec.id) or str((result or {}).get("reason", "not trained yet"))
        return Row(trial, spec.id, None, reason)
    return Row(trial, spec.id, result, str(result.get("reason", "")))


def specs_of(asked: Study) -> list[tuple[Trial, RunSpec]]:
    """Every trial with its run. Raises UsageError or SpecError for what does not exist or fit, naming it."""
    found: dict[str, RunSpec] = {}
    for config in asked.configs():
        found[label(config)] = spec_of(asked.base, config)
    return [(trial, replace(found[trial.label], seed=trial.seed)) for trial in asked.trials()]


def spec_of(base: Mapping[str, Any], config: Config) -> RunSpec:
    """One configuration over what all share, as a run of seed 0."""
    values = {**EXACT, **base, **config}
    network, data = values.pop("network", None), values.pop("data", None)
    recipe, network_options = values.pop("recipe", None), dict(values.pop("network_options", {}) or {})
    if network is None or data is None:
        raise UsageError("study: expected a network and a data set, found one missing. Name both.")
    known = option_fields()
    if isinstance(network, str) and network in catalog.names("networks"):
        own = inspect.signature(catalog.load("networks", network)).parameters
        for name in [name for name in values if name not in known and name in own]:
            network_options[name] = values.pop(name)
    for name in values:
        if name not in known:
            raise unknown_name("factor", name, [*known, "network", "data", "recipe", *network_options])
    asked = request(network, data, recipe=recipe, network_options=network_options, options=values)
    spec, images, _ = resolve(asked)
    return RunSpec(network=spec, data=images, recipe=asked.recipe, **asked.rest)


def study_from_file(path: str | Path) -> Study:
    """A study of a TOML file: name, seeds, [base], [compare], [tune], [[configuration]].

    Raises UsageError naming the key that does not belong.
    """
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: expected a study as a TOML file, found {error.strerror}.") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: expected TOML, found {error}.") from None
    known = ("name", "seeds", "metric", "base", "compare", "tune", "configuration", "reported", "note")
    for key in data:
        if key not in known:
            raise unknown_name(f"key in {path}", key, known)
    return made_study(
        str(data.get("name", Path(path).stem)),
        data.get("base", {}),
        compare=data.get("compare", {}),
        tune=data.get("tune", {}),
        listed=data.get("configuration", ()),
        seeds=data.get("seeds", 5),
        metric=data.get("metric", "test_accuracy"),
        reported=data.get("reported", {}),
    )


def made_study(
    name: str,
    base: Mapping[str, Any],
    *,
    compare: Mapping[str, Any] | Sequence[str] = (),
    tune: Mapping[str, Any] | Sequence[str] = (),
    listed: Sequence[Config] = (),
    seeds: int | Sequence[int] = 5,
    metric: str = "test_accuracy",
    reported: Mapping[str, float] | None = None,
) -> Study:
    """A study from factors as words (``lr=0.001,0.01``) or lists of levels; seeds: how many, or which."""
    factors = []
    for role, given in (("compare", compare), ("tune", tune)):
        if isinstance(given, Mapping):
            for key, levels in given.items():
                words = isinstance(levels, str)
                factors.append(
                    factor_from_text(f"{key}={levels}", role=role) if words else Factor(key, tuple(levels), role)
                )
        else:
            factors += [factor_from_text(text, role=role) for text in given]
    chosen = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    return Study(
        name=name, base=dict(base), factors=tuple(factors), listed=tuple(dict(one) for one in listed), seeds=chosen,
        metric=metric, reported=reported or {},
    )  # fmt: skip


def estimate(asked: Study, *, workers: int | None = None, steps: int = 8) -> dict[str, Any]:
    """How many trials a study has and about how long it takes: a few steps of its first configuration are timed.

    many: whether there are so many that the caller should ask first.
    """
    from pellucid.datasets._load import load

    config = asked.configs()[0]
    spec = spec_of(asked.base, config)
    each = epoch_seconds(spec, load(spec.data), steps=steps)
    epochs = {
        label(one): int({**dict(asked.base), **one}.get("epochs", spec.recipe.epochs)) for one in asked.configs()
    }
    total = sum(epochs.values()) * len(asked.seeds) * each
    processes = min(workers or cores(), asked.size)
    return {"trials": asked.size, "workers": processes, "seconds": total / processes, "many": asked.size > MANY}


def load_study(name: str, *, runs: str | Path | None = None) -> Studied:
    """A study that was begun, with what its runs have given. Raises UsageError where there is none."""
    root = runs_root(runs)
    path = root / "studies" / name
    if not (path / "study.json").is_file():
        known = sorted(one.parent.name for one in root.glob("studies/*/study.json"))
        raise unknown_name("study", name, known)
    kept = StudyFolder(root, name).open() or {}
    asked = made_study(
        name,
        kept["base"],
        compare={one["name"]: one["levels"] for one in kept["factors"] if one["role"] == "compare"},
        tune={one["name"]: one["levels"] for one in kept["factors"] if one["role"] == "tune"},
        listed=kept["listed"],
        seeds=kept["seeds"],
        metric=kept["metric"],
    )
    asked = _with_reported(asked)
    return Studied(asked, root, specs_of(asked), {})


def _with_reported(asked: Study) -> Study:
    """The study with what its report said, where it is one of the catalogue's as it stands there."""
    name = asked.name.replace("-", "_")
    if name not in catalog.names("studies"):
        return asked
    known: Study = catalog.load("studies", name)()
    same = known.to_dict() == {**asked.to_dict(), "name": known.name}
    return replace(asked, reported=known.reported, claims=known.claims) if same else asked

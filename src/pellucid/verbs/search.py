"""The best point of a space, chosen on the validation images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pellucid.errors import DamagedError, DataError, SpecError, UsageError
from pellucid.spec.run import RunSpec
from pellucid.spec.search import Search
from pellucid.spec.space import dimension, dimension_from_text
from pellucid.spec.study import Trial, differences
from pellucid.storage.run_folder import RunFolder
from pellucid.storage.runs_root import runs_root
from pellucid.storage.search_folder import SearchFolder
from pellucid.training.many import Executor, Outcome, opened, run_all, same_images
from pellucid.training.proposals import PROPOSALS, Point, optuna_version
from pellucid.training.run import goes_on
from pellucid.verbs.searched import Searched, Tried
from pellucid.verbs.study_specs import reader, spec_of
from pellucid.verbs.train import probe_folder


def made_search(
    name: str,
    base: Mapping[str, Any],
    *,
    over: Mapping[str, Any] | Sequence[str],
    trials: int = 20,
    method: str = "random",
    seeds: int | Sequence[int] = 1,
    **options: int,
) -> Search:
    """A search from ranges as words (``lr=log:1e-4:1e-1``) or lists of choices.

    seeds: how many, or which. options: fields of `Search`.
    """
    if isinstance(over, Mapping):
        space = [
            dimension_from_text(f"{key}={given}") if isinstance(given, str) else dimension(key, given)
            for key, given in over.items()
        ]
    else:
        space = [dimension_from_text(text) for text in over]
    chosen = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    return Search(
        name=name, base=dict(base), space=tuple(space), trials=trials, method=method, seeds=chosen, **options
    )


def search(
    asked: Search,
    *,
    runs: str | Path | None = None,
    workers: int | None = None,
    executor: str = "local",
    address: str | None = None,
    update: bool = False,
    begun: Callable[[list[tuple[Trial, RunSpec]]], None] | None = None,
    told: Callable[[int, int, Outcome], None] | None = None,
) -> Searched:
    """Trains the points of a search, round by round; the same call again goes on where the last one stopped.

    Points are a function of the search's seed and of validation scores, so that they are the same with any number of
    workers, stopped or not; those of Optuna as long as its version is. The test score is told once, of the
    best point. workers, executor, address, told: as in `study`. update: go on although the search is another than the
    one begun under this name. begun: called with the trials of each round.

    Raises UsageError for names and values that do not exist, before anything is trained; StorageError where another
    process is at this search.
    """
    root = runs_root(runs)
    first = checked(asked)
    folder = SearchFolder(root, asked.name)
    plain = asked.to_dict()
    if asked.method == "optuna":
        plain["optuna"] = optuna_version()
    before = folder.open()
    if before is not None and not update:
        _same(asked, before, plain)
    with folder.lock(), closing(opened(executor, workers=workers, address=address)) as crew:
        folder.save(plain)
        rounds = _Rounds(asked, root, first, crew, begun, told)
        proposals = PROPOSALS[asked.method](asked, first.recipe.epochs)
        scores: list[float | None] | None = None
        while (points := _next(proposals, scores)) is not None:
            scores = [one.score for one in rounds.trained(points)]
        found = Searched(asked, root, tuple(rounds.tried), first.recipe.epochs, rounds.spent, rounds.anew)
        folder.save_trials(found.trials())
        folder.save_file("trials.csv", found.table().csv().encode())
        folder.save_file("search.html", found.display().render("html"))
    return found


def _next(proposals: Any, scores: list[float | None] | None) -> list[Point] | None:
    """The next round; None after the last."""
    try:
        found: list[Point] = next(proposals) if scores is None else proposals.send(scores)
    except StopIteration:
        return None
    return found


@dataclass
class _Rounds:
    """Trains rounds of points, and counts."""

    asked: Search
    root: Path
    first: RunSpec
    crew: Executor
    begun: Callable[[list[tuple[Trial, RunSpec]]], None] | None
    told: Callable[[int, int, Outcome], None] | None

    def __post_init__(self) -> None:
        self.tried: list[Tried] = []
        self.done = self.spent = 0
        self.anew = False
        asked, epochs = self.asked, self.first.recipe.epochs
        points = sum(n for n, _ in asked.rungs(epochs)) if asked.method == "halving" else asked.trials
        self.size = points * len(asked.seeds)
        self._last: dict[tuple[int, int], RunSpec] = {}
        self._counted: set[str] = set()
        self._read = reader()

    def trained(self, points: list[Point]) -> list[Tried]:
        """How each of them did."""
        specs: dict[tuple[int, int], RunSpec] = {}
        misfits: dict[int, str] = {}
        for point in points:
            try:
                specs |= {(point.number, seed): self._spec(point, seed) for seed in self.asked.seeds}
            except (UsageError, SpecError, DataError) as error:  # values that fit one by one, and not together
                misfits[point.number] = str(error)
                self.done += len(self.asked.seeds)
        earlier: dict[str, str] = {}
        for key, spec in specs.items():
            if key in self._last and goes_on(spec, self._last[key]):
                earlier[spec.id] = self._last[key].id
            elif key in self._last:
                self.anew = True
        if self.begun is not None:
            trials = {point.number: tuple(point.config.items()) for point in points}
            self.begun([(Trial(trials[number], seed), spec) for (number, seed), spec in specs.items()])
        errors: dict[str, str] = {}
        same_images(list(specs.values()), self.root)
        outcomes = run_all(
            list(specs.values()), self.root, probes=probe_folder(), earlier=earlier, executor=self.crew
        )
        with closing(outcomes):
            for outcome in outcomes:
                self.done += 1
                if outcome.result is None:
                    errors[outcome.spec.id] = outcome.error
                if self.told is not None:
                    self.told(self.done, self.size, outcome)
        found = []
        for point in points:
            if point.number in misfits:
                epochs = point.epochs or int(point.config.get("epochs", self.first.recipe.epochs))
                found.append(Tried.misfit(point, epochs, len(self.asked.seeds), misfits[point.number]))
                continue
            mine = [specs[point.number, seed] for seed in self.asked.seeds]
            found.append(Tried.read(self.root, point, mine, errors))
        for name in {spec.id for spec in specs.values()} - self._counted:
            before = _epochs(self.root, earlier[name]) if name in earlier else 0
            self.spent += max(0, _epochs(self.root, name) - before)  # a damaged run has none
            self._counted.add(name)
        self._last |= specs
        self.tried += found
        return found

    def _spec(self, point: Point, seed: int) -> RunSpec:
        spec = spec_of(self.asked.base, point.config, read=self._read)
        recipe = spec.recipe if point.epochs is None else replace(spec.recipe, epochs=point.epochs)
        return replace(spec, recipe=recipe, seed=seed)


def _epochs(root: Path, name: str) -> int:
    """Epochs that a run has on disk; none of a damaged one."""
    try:
        return len(RunFolder.open(root, name).metrics()) if RunFolder.exists(root, name) else 0
    except DamagedError:
        return 0


def checked(asked: Search) -> RunSpec:
    """The run in the middle of the ranges, after every name and both ends of every range have been tried.

    Raises UsageError for what does not exist or fit.
    """
    read = reader()
    middle = {one.name: one.at(0.5) for one in asked.space}
    for one in asked.space:
        for value in one.choices or (one.at(0.0), one.at(1.0 - 2**-40)):
            spec_of(asked.base, {**middle, one.name: value}, read=read)
    spec = spec_of(asked.base, middle, read=read)
    if not len(read(spec.data).validation):
        raise UsageError("search: expected validation images to choose by, found none. Give --validation-size.")
    if asked.method == "halving" and len(asked.rungs(spec.recipe.epochs)) < 2:
        raise UsageError(
            f"search: expected {asked.eta * asked.least_epochs} epochs and {asked.eta} trials or more, for two rungs "
            f"of successive halving, found {spec.recipe.epochs} and {asked.trials}. Give --epochs and --trials, or "
            "--method random."
        )
    return spec


def _same(asked: Search, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises UsageError where another search was begun under the name; more trials are no other search."""
    left_out = {} if asked.method == "halving" else {"trials": None}
    changed = differences({**before, **left_out}, {**now, **left_out})
    if changed:
        raise UsageError(
            f"search {asked.name}: expected the search that was begun under this name, found another: "
            f"{'; '.join(changed)}. Give it another name, or go on with --update: finished trials are kept."
        )

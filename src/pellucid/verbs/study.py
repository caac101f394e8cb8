"""Many runs: which, how long, trained, and taken together."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from pellucid import catalog
from pellucid.errors import UsageError, unknown_name
from pellucid.evaluation.comparison import LOOKS
from pellucid.spec.run import RunSpec
from pellucid.spec.study import Config, Factor, Study, Trial, differences, factor_from_text
from pellucid.storage.runs_root import runs_root
from pellucid.storage.study_folder import Progress, StudyFolder
from pellucid.training.many import Executor, Outcome, opened, run_all, same_images
from pellucid.verbs.studied import Studied
from pellucid.verbs.study_specs import specs_of
from pellucid.verbs.train import probe_folder


def study(
    asked: Study,
    *,
    runs: str | Path | None = None,
    workers: int | None = None,
    update: bool = False,
    until_clear: bool = False,
    executor: str = "local",
    address: str | None = None,
    begun: Callable[[list[tuple[Trial, RunSpec]]], None] | None = None,
    told: Callable[[int, int, Outcome], None] | None = None,
) -> Studied:
    """Trains every trial that is not done, and says what stands; the same call again goes on, or only says.

    Unless the study says otherwise every trial runs on one thread in float32 on the processor, so that it has the
    same bits whatever runs beside it. workers: processes, by default one a core. update: go on although the study is
    another than the one begun under this name. until_clear: adds seeds until the best arm differs from every other,
    looking after 6, 8, 11, 15, 20, 28 and 40 seeds, each look with its share of alpha. executor: local, or ray for a
    cluster at address. begun: called with the trials, and again where seeds are added. told: called after each trial.
    Where it is stopped, what there is so far is written too.

    Raises UsageError for factors and values that do not exist, before anything is trained, and where the study, a
    network's file or a default is another than it began with; DataError where its images are; StorageError where
    another process is at this study, or there is no space.
    """
    if until_clear:
        arms = {asked.arm(config) for config in asked.configs()}
        if len(arms) < 2:
            raise UsageError(
                f"study {asked.name}: expected two arms or more to add seeds until they differ, found one."
            )
        asked = replace(asked, until_clear=True)
        if len(asked.seeds) not in LOOKS:
            asked = _next_look(asked) or asked
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
    with folder.lock(), closing(opened(executor, workers=workers, address=address)) as crew:
        kept = folder.progress()
        if not update:
            _same_runs(asked.name, kept, specs)
        same_images([spec for _, spec in specs], root)
        errors, found = dict(kept.errors), None
        try:
            while True:
                found = None
                folder.save(asked.to_dict())
                kept = kept.with_runs({(trial.label, trial.seed): spec.id for trial, spec in specs})
                folder.save_progress(kept)
                if begun is not None:
                    begun(specs)
                _train(specs, root, told, crew, errors)
                kept = kept.looked(len(asked.seeds))
                found = Studied(asked, root, kept.of(asked), errors, kept.looks)
                more = _next_look(asked) if until_clear else None
                if more is None or found.is_clear:
                    break
                asked, specs = more, specs_of(more)
        finally:
            folder.save_progress(replace(kept, errors=errors))
            found = found or Studied(asked, root, kept.of(asked), errors, kept.looks)  # stopped: what there is
            folder.save_trials(found.trials())
            folder.save_file("trials.csv", found.trial_table().csv().encode())
        folder.save_file("study.html", found.display().render("html"))
    return found


def _same_runs(name: str, kept: Progress, specs: Sequence[tuple[Trial, RunSpec]]) -> None:
    """Raises UsageError where a trial would now be another run than when the study was begun."""
    changed = [
        f"{trial.label} seed={trial.seed}"
        for trial, spec in specs
        if kept.runs.get((trial.label, trial.seed), spec.id) != spec.id
    ]
    if changed:
        raise UsageError(
            f"study {name}: expected its trials as they were begun, found {len(changed):,} that would be other runs "
            f"({changed[0]}{', ...' if changed[1:] else ''}): a network's file, a recipe or a default has changed. "
            "Put it back, give the study another name, or train them anew with --update."
        )


def _next_look(asked: Study) -> Study | None:
    """The study with the seeds of the next look; None after the last."""
    count = next((look for look in LOOKS if look > len(asked.seeds)), None)
    if count is None:
        return None
    added = range(max(asked.seeds) + 1, max(asked.seeds) + 1 + count - len(asked.seeds))
    return replace(asked, seeds=(*asked.seeds, *added))


def _train(
    specs: Sequence[tuple[Trial, RunSpec]],
    root: Path,
    told: Callable[[int, int, Outcome], None] | None,
    crew: Executor,
    errors: dict[str, str],
) -> None:
    """Trains what is left; errors: filled with the reasons of runs that could not note their own, by id."""
    with closing(run_all([spec for _, spec in specs], root, probes=probe_folder(), executor=crew)) as outcomes:
        for done, outcome in enumerate(outcomes, 1):
            if outcome.result is None:
                errors[outcome.spec.id] = outcome.error
            if told is not None:
                told(done, len(specs), outcome)


def study_from_file(path: str | Path) -> Study:
    """A study of a TOML file: name, seeds, [base], [compare], [tune], [[configuration]].

    Raises UsageError naming the key that does not belong.
    """
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: expected a study as a TOML file, found {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: expected text in UTF-8, found other bytes at {error.start}.") from None
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


def name_of(*words: str) -> str:
    """What a study or search of these words is called where nobody says: small letters, digits and dashes.

    >>> name_of("networks/Mine.toml", "./my images", "lr")
    'mine-my-images-lr'
    """
    stems = [Path(word).name.partition(".")[0] or word for word in words]
    return re.sub(r"[^a-z0-9]+", "-", "-".join(stems).lower()).strip("-")


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
    if not isinstance(base, Mapping) or isinstance(listed, Mapping) or isinstance(reported, str):
        raise UsageError(f"study {name}: expected [base] as a table and [[configuration]] as a list of tables.")
    factors = []
    for role, given in (("compare", compare), ("tune", tune)):
        if isinstance(given, str) or not isinstance(given, (Mapping, Sequence)):
            raise UsageError(f"study {name}: expected [{role}] as a table of factors, found {given!r}.")
        if isinstance(given, Mapping):
            for key, levels in given.items():
                words = isinstance(levels, str)
                if not words and not isinstance(levels, Sequence):
                    raise UsageError(f"factor {key}: expected a list of levels, found {levels!r}.")
                factors.append(
                    factor_from_text(f"{key}={levels}", role=role) if words else Factor(key, tuple(levels), role)
                )
        else:
            factors += [factor_from_text(text, role=role) for text in given]
    if not isinstance(seeds, (int, Sequence)) or isinstance(seeds, (str, bool)):
        raise UsageError(f"seeds: expected how many, or a list of them, found {seeds!r}.")
    chosen = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    return Study(
        name=name, base=dict(base), factors=tuple(factors), listed=tuple(dict(one) for one in listed), seeds=chosen,
        metric=metric, reported=reported or {},
    )  # fmt: skip


def load_study(name: str, *, runs: str | Path | None = None) -> Studied:
    """A study that was begun, with what its runs have given, wherever its images and network's file are now.

    Raises UsageError where there is none.
    """
    root = runs_root(runs)
    path = root / "studies" / name
    if not (path / "study.json").is_file():
        known = sorted(one.parent.name for one in root.glob("studies/*/study.json"))
        raise unknown_name("study", name, known)
    kept = StudyFolder(root, name).open() or {}
    asked = Study(
        name=name, base=kept["base"], listed=tuple(kept["listed"]), seeds=tuple(kept["seeds"]), metric=kept["metric"],
        factors=tuple(Factor(one["name"], tuple(one["levels"]), one["role"]) for one in kept["factors"]),
        until_clear=bool(kept.get("until_clear")),
    )  # fmt: skip
    progress = StudyFolder(root, name).progress()
    if not progress.runs:  # begun by a version that did not note its runs
        progress = progress.with_runs({(trial.label, trial.seed): spec.id for trial, spec in specs_of(asked)})
    return Studied(_with_reported(asked), root, progress.of(asked), progress.errors, progress.looks)


def _with_reported(asked: Study) -> Study:
    """The study with what its report said, where it is one of the catalogue's as it stands there."""
    name = asked.name.replace("-", "_")
    if name not in catalog.names("studies"):
        return asked
    known: Study = catalog.load("studies", name)()
    same = known.to_dict() == {**asked.to_dict(), "name": known.name}
    if not same:
        return asked
    told = {name: getattr(known, name) for name in ("reported", "claims", "figures", "other_images")}
    return replace(asked, **told)

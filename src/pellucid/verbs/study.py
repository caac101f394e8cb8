"""Many runs: which, how long, trained, and taken together."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pellucid import catalog
from pellucid.datasets._load import load
from pellucid.errors import UsageError, unknown_name
from pellucid.evaluation.comparison import LOOKS
from pellucid.spec.run import RunSpec
from pellucid.spec.study import MANY, Config, Factor, Study, Trial, differences, factor_from_text, label
from pellucid.storage.run_folder import RunFolder
from pellucid.storage.runs_root import runs_root
from pellucid.storage.study_folder import StudyFolder
from pellucid.training.many import Executor, Outcome, cores, opened, run_all
from pellucid.verbs.estimate import epoch_seconds
from pellucid.verbs.options import PARTS, option_fields, request, resolve, typed
from pellucid.verbs.studied import Studied
from pellucid.verbs.train import EXACT, probe_folder

#: Options that change how well a training goes, not how long.
RATES = ("lr", "epochs", "momentum", "weight_decay", "l2", "schedule", "label_smoothing", "seed")


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
    another than the one begun under this name. until_clear: adds seeds until two arms differ, looking after 6, 8, 11,
    15, 20, 28 and 40 seeds, each look with its share of alpha. executor: local, or ray for a cluster at address.
    begun: called with the trials, and again where seeds are added. told: called after each trial.

    Raises UsageError for factors and values that do not exist, before anything is trained; StorageError where another
    process is at this study.
    """
    if until_clear:
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
        folder.save(plain)
        if begun is not None:
            begun(specs)
        found = _trained(asked, specs, root, told, crew)
        while until_clear and not any(pair.verdict in ("better", "worse") for pair in found.pairs):
            more = _next_look(asked)
            if more is None:
                break
            asked, specs = more, specs_of(more)
            folder.save(asked.to_dict())
            if begun is not None:
                begun(specs)
            found = _trained(asked, specs, root, told, crew)
        folder.save_trials(found.trials())
        folder.save_file("trials.csv", found.trial_table().csv().encode())
        folder.save_file("study.html", found.display().render("html"))
    return found


def _next_look(asked: Study) -> Study | None:
    """The study with the seeds of the next look; None after the last."""
    count = next((look for look in LOOKS if look > len(asked.seeds)), None)
    if count is None:
        return None
    added = range(max(asked.seeds) + 1, max(asked.seeds) + 1 + count - len(asked.seeds))
    return replace(asked, seeds=(*asked.seeds, *added))


def _trained(
    asked: Study,
    specs: Sequence[tuple[Trial, RunSpec]],
    root: Path,
    told: Callable[..., None] | None,
    crew: Executor,
) -> Studied:
    errors: dict[str, str] = {}
    with closing(run_all([spec for _, spec in specs], root, probes=probe_folder(), executor=crew)) as outcomes:
        for done, outcome in enumerate(outcomes, 1):
            if outcome.result is None:
                errors[outcome.spec.id] = outcome.error
            if told is not None:
                told(done, len(specs), outcome)
    return Studied(asked, root, specs, errors)


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
    for name, value in values.items():
        if name not in known:
            raise unknown_name("factor", name, [*known, "network", "data", "recipe", *network_options])
        if value is not None:
            words = name == "views" and isinstance(value, str)  # of a factor in one line: views=negative,grayscale
            values[name] = typed([value] if words else value, PARTS[known[name][0]][0], name, "study")
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


#: Kinds of training that `estimate` times; further ones are taken to be like these.
TIMED = 6


def estimate(
    asked: Study, *, workers: int | None = None, steps: int = 8, runs: str | Path | None = None
) -> dict[str, Any]:
    """How many trials a study has, how many are left, and about how long those take.

    A few steps of each kind of training are timed: configurations that differ in rates alone are of one kind. runs:
    where finished trials are looked for. many: whether there are so many that the caller should ask first.
    """
    if asked.size > MANY:  # one run folder after another is looked at: not for a million trials
        left = {label(config): len(asked.seeds) for config in asked.configs()}
    else:
        left = dict.fromkeys((label(config) for config in asked.configs()), 0)
        for trial, spec in specs_of(asked):
            left[trial.label] += not is_finished(runs_root(runs), spec.id)
    kinds: dict[str, list[tuple[int, int]]] = {}
    first: dict[str, RunSpec] = {}
    base = spec_of(asked.base, asked.configs()[0])
    for config in asked.configs():
        kind = label({key: value for key, value in config.items() if key not in RATES})
        if left[label(config)] and kind not in first and len(first) < TIMED:
            first[kind] = spec_of(asked.base, config)
        epochs = int({**asked.base, **config}.get("epochs", base.recipe.epochs))
        kinds.setdefault(kind, []).append((epochs, left[label(config)]))
    an_epoch = {kind: epoch_seconds(spec, load(spec.data), steps=steps) for kind, spec in first.items()}
    usual = float(np.mean(list(an_epoch.values()))) if an_epoch else 0.0
    total = sum(
        an_epoch.get(kind, usual) * epochs * count for kind, members in kinds.items() for epochs, count in members
    )
    processes = min(workers or cores(), asked.size)
    return {
        "trials": asked.size,
        "left": sum(left.values()),
        "workers": processes,
        "seconds": total / processes,
        "many": asked.size > MANY,
    }


def is_finished(root: Path, run: str) -> bool:
    """Whether a run is there and over."""
    return RunFolder.exists(root, run) and RunFolder.open(root, run).result() is not None


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
    asked = replace(asked, until_clear=bool(kept.get("until_clear")))
    return Studied(_with_reported(asked), root, specs_of(asked), {})


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

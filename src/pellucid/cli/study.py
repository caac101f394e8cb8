"""study, reproduce, compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from pellucid.cli.options import with_spec_options
from pellucid.cli.train import Json, Runs

Workers = Annotated[
    int | None, typer.Option(help="Trials at once \\[one a core; fewer where each has more threads].", min=1)
]
Where = Annotated[str, typer.Option("--executor", help="local, or ray: on a Ray cluster.")]
TensorBoard = Annotated[bool, typer.Option("--tensorboard", help="Also write event files for its HParams tab.")]
Address = Annotated[str | None, typer.Option(help="Of the Ray cluster [RAY_ADDRESS, else one of this machine].")]


def add_to(app: typer.Typer) -> None:
    """The commands of this file."""
    app.command()(with_spec_options(study))
    app.command()(compare)
    app.command()(reproduce)


def study(
    network: Annotated[
        str | None, typer.Argument(help="A network, or a TOML file of one; none where network is a factor.")
    ] = None,
    data: Annotated[str | None, typer.Argument(help="A data set or a folder of images.")] = None,
    *,
    config: Annotated[
        Path | None, typer.Option(help="TOML file of a study, in place of all but its name and seeds.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What it is called [NETWORK-DATA and its factors].")] = None,
    vary: Annotated[
        list[str] | None, typer.Option("--vary", "--compare", help="NAME=VALUE,VALUE... to compare; may be repeated.")
    ] = None,
    tune: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUES, log:LOW:HIGH:COUNT or random:..., tried in every arm; validation chooses."),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="What is compared, such as test_loss, epochs or seconds \\[test_accuracy].")
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Seeds of each configuration [5].", min=1)] = None,
    workers: Workers = None,
    executor: Where = "local",
    address: Address = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell the size and about how long.")] = False,
    update: Annotated[bool, typer.Option("--update", help="Go on although the study has changed.")] = False,
    until_clear: Annotated[
        bool,
        typer.Option(
            "--until-clear",
            help="Add seeds at planned looks until the best arm differs from all others, or there are 40.",
        ),
    ] = False,
    tensorboard: TensorBoard = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, however many trials.")] = False,
    runs: Runs = None,
    json: Json = False,
    **options: Any,
) -> None:
    """Several configurations, each in several seeds: which differences are real?"""
    from pellucid.cli.study_watcher import tell, watched
    from pellucid.cli.terminal import emit, emit_json, say
    from pellucid.errors import UsageError
    from pellucid.evaluation.comparison import LOOKS
    from pellucid.spec.study import MANY
    from pellucid.storage.tensorboard import check_installed
    from pellucid.verbs import study as verb
    from pellucid.verbs.hparams import study_events
    from pellucid.verbs.made_study import made_study, name_of, study_from_file
    from pellucid.verbs.study import first_look
    from pellucid.verbs.study_reported import other_numbers
    from pellucid.verbs.study_size import estimate

    if tensorboard:
        check_installed()
    first = options.pop("seed", None)
    base = {key: value for key, value in options.items() if value is not None}
    if config is not None:
        given = {"NETWORK": network, "--vary": vary, "--tune": tune, "--metric": metric}
        also = [*(word for word, value in given.items() if value), *(f"--{key.replace('_', '-')}" for key in base)]
        if also:
            raise UsageError(
                f"study: expected --config alone, or with --name, --seeds and --seed, found {', '.join(also)} too. "
                "Write it into the file."
            )
        asked = study_from_file(config)
        asked = replace(asked, name=name or asked.name)
        count = seeds or len(asked.seeds)
        if first is not None:
            asked = replace(asked, seeds=tuple(range(first, first + count)))
        else:  # the file's own, and those after them
            after = max(asked.seeds) + 1
            asked = replace(asked, seeds=(*asked.seeds, *range(after, after + count))[:count])
    else:
        if not (vary or tune):
            file = network if network and network.endswith(".toml") and data is None else None
            told = f"found {file} alone. A study's own file goes after --config." if file else "found neither."
            raise UsageError(f"study: expected NETWORK DATA --vary NAME=VALUES, or --config FILE, {told}")
        words = [text.partition("=")[0].strip() for text in [*(vary or []), *(tune or [])]]
        shared = positional("study", network, data, words)
        asked = made_study(
            name or name_of(*shared.values(), *words),
            {**shared, **base},
            compare=vary or [],
            tune=tune or [],
            seeds=range(first or 0, (first or 0) + (5 if seeds is None else seeds)),
            metric=metric or "test_accuracy",
        )
    if until_clear:
        asked = first_look(asked)
    size = estimate(asked, workers=workers, runs=runs)
    told = _size(asked.name, size)
    if until_clear:
        most = len(asked.configs()) * LOOKS[-1]
        size["many"] = most > MANY
        told += f"; with --until-clear up to {most:,} trials, {LOOKS[-1]} seeds of each"
    if dry_run:
        if json:
            emit_json({"study": asked.name, **size})
        else:
            emit(told)
            trials = asked.trials()
            emit("\n".join(trial.label + f" seed={trial.seed}" for trial in trials[:20]))
            if len(trials) > 20:
                emit(f"... and {len(trials) - 20:,} more")
        return
    say(told)
    if size["many"] and not yes:
        typer.confirm("Begin? (--yes does not ask)", abort=True, err=True)
    with watched(runs, quiet=json) as watcher:
        found = verb.study(
            asked,
            runs=runs,
            workers=workers,
            update=update,
            until_clear=until_clear,
            executor=executor,
            address=address,
            begun=watcher.begin if watcher else None,
            told=watcher,
        )
    events = study_events(found) if tensorboard else None
    if json:
        emit_json(found.to_dict())
        return
    failed = [f"{row.trial.label} seed={row.trial.seed}: {row.reason}" for row in found.failed]
    page = found.root / "studies" / asked.name / "study.html"
    besides, claims = other_numbers(found), found.claims() if asked.claims else ()
    tell(found, page, events, failed, besides=besides.text() if besides else "", claims=claims)


def reproduce(
    name: Annotated[str | None, typer.Argument(help="A report's study; none lists them.")] = None,
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer images, epochs and seeds: minutes, not hours.")
    ] = False,
    seeds: Annotated[int | None, typer.Option(help="Seeds of each configuration \\[the study's].", min=1)] = None,
    workers: Workers = None,
    executor: Where = "local",
    address: Address = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell the size and about how long.")] = False,
    update: Annotated[bool, typer.Option("--update", help="Go on although the study has changed.")] = False,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """The five reports' studies, run anew and set beside what was reported."""
    from pellucid import catalog
    from pellucid.cli.study_watcher import watched
    from pellucid.cli.terminal import emit, emit_json, say
    from pellucid.verbs import reproduce as verb
    from pellucid.verbs.study_size import estimate

    if name is None:
        entries = {one.replace("_", "-"): catalog.summary("studies", one) for one in catalog.names("studies")}
        if json:
            emit_json([{"name": one, "summary": words} for one, words in entries.items()])
        else:
            width = max(map(len, entries))
            emit("\n".join(f"{one:<{width}}  {words}" for one, words in entries.items()))
        return
    asked = verb.reported_study(name, quick=quick, seeds=seeds)
    size = estimate(asked, workers=workers, runs=runs)
    told = _size(asked.name, size)
    if dry_run:
        emit_json({"study": asked.name, **size}) if json else emit(told)
        return
    say(told)
    with watched(runs, quiet=json) as watcher:
        found = verb.reproduce(
            name,
            quick=quick,
            seeds=seeds,
            runs=runs,
            update=update,
            workers=workers,
            executor=executor,
            address=address,
            begun=watcher.begin if watcher else None,
            told=watcher,
        )
    if json:
        emit_json(found.to_dict())
        return
    emit(found.markdown())
    say(f"page      {found.studied.root / 'studies' / asked.name / 'reproduction.html'}")


def _size(name: str, size: dict[str, Any]) -> str:
    """How many trials, how many of them are done, and about how long the others take."""
    done = size["trials"] - size["left"]
    if not size["left"]:
        return f"study {name}: {size['trials']:,} trials, all done"
    words = f", {done:,} of them done" if done else ""
    few = size["more_seeds"]
    more = f"; no difference can be told with so few seeds: {few} more, or fewer configurations" if few else ""
    return f"study {name}: {size['trials']:,} trials{words}, {length(size)}{more}"


def positional(command: str, network: str | None, data: str | None, factors: Sequence[str]) -> dict[str, str]:
    """The network and data set that all trials share, from the arguments before the options.

    One that is a factor is not among them. Raises UsageError where there are more arguments or fewer.
    """
    from pellucid.errors import UsageError

    wanted = [name for name in ("network", "data") if name not in factors]
    given = [one for one in (network, data) if one is not None]
    if len(given) != len(wanted):
        varied = [name for name in ("network", "data") if name in factors]
        told = (
            f", since {' and '.join(varied)} {'is a factor' if len(varied) == 1 else 'are factors'}" if varied else ""
        )
        expected = " ".join(name.upper() for name in wanted) or "neither NETWORK nor DATA"
        found = " ".join(given) or "none"
        raise UsageError(f"{command}: expected {expected} before the options{told}, found {found}.")
    return dict(zip(wanted, given, strict=True))


def length(size: dict[str, Any]) -> str:
    """About how long the trainings of a study or a search take, on how many workers."""
    from pellucid.displays.numbers import duration

    most = "at most " * size["at_most"]  # trainings may end early
    # the processes take seconds to begin, which no step tells
    about = f"about {duration(size['seconds'])}" if size["seconds"] >= 10 else "some seconds"
    return f"{most}{about} on {size['workers']} worker{'s' * (size['workers'] > 1)}"


def compare(
    first: Annotated[str, typer.Argument(help="A run.")],
    second: Annotated[str, typer.Argument(help="Another run, tested on the same images.")],
    *,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Two trained networks on one test set: McNemar's exact test, and the difference with its interval."""
    from pellucid.cli.terminal import emit, emit_json
    from pellucid.verbs.compare import compare as verb
    from pellucid.verbs.run import Run

    found = verb(Run.open(runs, first), Run.open(runs, second))
    if json:
        emit_json(found.to_dict())
    else:
        emit(found.words)

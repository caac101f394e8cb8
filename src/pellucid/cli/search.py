"""search."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pellucid.cli.options import with_spec_options
from pellucid.cli.study import Address, TensorBoard, Where, Workers, length, positional
from pellucid.cli.train import Json, Runs


def add_to(app: typer.Typer) -> None:
    """The command of this file."""
    app.command()(with_spec_options(search))


def search(
    network: Annotated[
        str | None, typer.Argument(help="A network (pellucid networks list) or a TOML file of one.")
    ] = None,
    data: Annotated[str | None, typer.Argument(help="A data set (pellucid data list) or a folder of images.")] = None,
    *,
    over: Annotated[
        list[str],
        typer.Option(help="NAME=log:LOW:HIGH, linear:..., int:... or NAME=VALUE,VALUE...; may be repeated."),
    ],
    trials: Annotated[int, typer.Option(help="Points.")] = 20,
    method: Annotated[str, typer.Option(help="random, halving or optuna.")] = "random",
    seeds: Annotated[int, typer.Option(help="Seeds of each point; their mean is its score.")] = 1,
    eta: Annotated[int, typer.Option(help="Halving: one of so many points is promoted.")] = 3,
    least_epochs: Annotated[int, typer.Option(help="Halving: epochs of the lowest rung, at least.")] = 1,
    at_once: Annotated[int, typer.Option(help="Optuna: points proposed before it is told how they did.")] = 4,
    name: Annotated[str | None, typer.Option(help="What it is called [NETWORK-DATA, its ranges, METHOD].")] = None,
    workers: Workers = None,
    executor: Where = "local",
    address: Address = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell the size and about how long.")] = False,
    update: Annotated[bool, typer.Option("--update", help="Go on although the search has changed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, however many trials.")] = False,
    tensorboard: TensorBoard = False,
    runs: Runs = None,
    json: Json = False,
    **options: Any,
) -> None:
    """The best values of a few options, chosen on validation images; the best one's test score is told once."""
    from pellucid.cli.study_watcher import tell, watched
    from pellucid.cli.terminal import emit, emit_json, say
    from pellucid.storage.tensorboard import check_installed
    from pellucid.verbs import search as verb
    from pellucid.verbs.hparams import search_events
    from pellucid.verbs.made_study import name_of
    from pellucid.verbs.search_size import search_size

    if tensorboard:
        check_installed()
    first = options.pop("seed", None) or 0
    base = {key: value for key, value in options.items() if value is not None}
    words = [text.partition("=")[0].strip() for text in over]
    shared = positional("search", network, data, words)
    asked = verb.made_search(
        name or name_of(*shared.values(), *words, method),
        {**shared, **base},
        over=over,
        trials=trials,
        method=method,
        seeds=range(first, first + seeds),
        eta=eta,
        least_epochs=least_epochs,
        at_once=at_once,
    )
    size = search_size(asked, workers=workers, runs=runs)
    rest = ", less what is done" if size["begun"] else ""
    counts = f"{size['trials']:,} trainings, {size['epochs']:,} epochs"
    line = f"search {asked.name}: {counts}, {method}, {length(size)}{rest}"
    if dry_run:
        if json:
            emit_json({"search": asked.name, **size})
        else:
            emit(line)
        return
    say(line)
    if size["many"] and not yes:
        typer.confirm("Begin? (--yes does not ask)", abort=True, err=True)
    with watched(runs, quiet=json) as watcher:
        found = verb.search(
            asked,
            runs=runs,
            workers=workers,
            executor=executor,
            address=address,
            update=update,
            begun=watcher.begin if watcher else None,
            told=watcher,
        )
    events = search_events(found) if tensorboard else None
    if json:
        emit_json(found.to_dict())
        return
    tell(found, found.root / "searches" / asked.name / "search.html", events)

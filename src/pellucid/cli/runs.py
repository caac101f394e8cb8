"""runs list, show, diff, delete."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pellucid.cli.train import Json, RunName, Runs


def add_to(app: typer.Typer) -> None:
    """The commands of this file."""
    group = typer.Typer(help="Runs: list, show, compare their specs, delete.", no_args_is_help=True)
    group.command("list")(list_)
    group.command()(show)
    group.command()(diff)
    group.command()(delete)
    app.add_typer(group, name="runs")


def list_(*, runs: Runs = None, json: Json = False) -> None:
    """The runs of a folder, newest first."""
    from pellucid.cli.terminal import emit, emit_json, say
    from pellucid.storage.runs_root import runs_root
    from pellucid.verbs.runs import run_table
    from pellucid.verbs.runs import runs as rows_of

    rows = rows_of(runs)
    if json:
        emit_json(rows)
    elif rows:
        emit(run_table(rows).text())
    else:
        say(f"no runs in {runs_root(runs)} yet. Begin with: pellucid train lenet5 mnist")


def show(run: RunName, *, runs: Runs = None, json: Json = False) -> None:
    """A run's numbers, spec and history of events."""
    from pellucid.cli.terminal import emit, emit_json
    from pellucid.verbs.run import Run
    from pellucid.verbs.runs import details

    opened = Run.open(runs, run)
    if json:
        folder = opened.folder
        emit_json(
            {
                "id": opened.id,
                "path": str(opened.path),
                "status": opened.status,
                "manifest": folder.manifest,
                "result": folder.result(),
                "metrics": folder.metrics(),
                "events": folder.events(),
            }
        )
    else:
        emit(details(opened))


def diff(
    first: RunName,
    second: Annotated[str, typer.Argument(metavar="RUN", help="The other run.")],
    *,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """What differs between two runs: their specs, environments and results."""
    from pellucid.cli.terminal import emit, emit_json, say
    from pellucid.verbs.run import Run
    from pellucid.verbs.runs import difference_table, differences

    found = differences(Run.open(runs, first), Run.open(runs, second))
    if json:
        emit_json(found)
    elif found:
        emit(difference_table(found).text())
    else:
        say("no difference")


def delete(
    names: Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs to delete.")],
    *,
    runs: Runs = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete runs for good."""
    from pellucid.cli.terminal import say
    from pellucid.errors import UsageError
    from pellucid.storage.run_folder import RunFolder
    from pellucid.storage.runs_root import find, runs_root

    root = runs_root(runs)
    chosen = [find(root, name) for name in names]
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                f"runs delete: expected --yes, since nobody can be asked here. It would delete {', '.join(chosen)}."
            )
        typer.confirm(f"Delete {', '.join(chosen)} for good?", abort=True, err=True)
    for name in chosen:
        RunFolder.delete(root, name)
        say(f"deleted {name}")

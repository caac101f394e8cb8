"""report, verify."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli.train import Json, Runs


def add_to(app: typer.Typer) -> None:
    """The commands of this file."""
    app.command()(report)
    app.command()(verify)


def report(
    names: Annotated[
        list[str], typer.Argument(metavar="RUN|STUDY [RUN...]", help="A run, a study by its name, or several runs.")
    ],
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write [NAME.html].")] = None,
    format: Annotated[str | None, typer.Option(help="html, md or pdf \\[as the file's name ends].")] = None,
    tables: Annotated[Path | None, typer.Option(help="Folder for every table as .csv and .tex, too.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over what is there.")] = False,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Everything there is to say of a run, a study or several runs, in one file that needs nothing else."""
    from pellucid.cli.terminal import emit, emit_json, say
    from pellucid.report.build import report as build
    from pellucid.report.build import subjects
    from pellucid.report.files import place, save, save_tables
    from pellucid.report.weight import note

    found = subjects(names, runs=runs)
    target = place(found, output, format, tables, force=force)  # before anything is computed
    document = build(found, runs=runs, told=_progress)
    written = save(document, target)
    if tables is not None:
        written += save_tables(document, tables)
    heavy = note(written[0], document.kind)
    if heavy is not None:
        say(heavy)
    if json:
        emit_json(
            {
                "report": str(written[0]),
                "kind": document.kind,
                "subjects": list(document.subjects),
                "sections": [one.key for one in document.sections],
                "bytes": written[0].stat().st_size,
                "files": [str(path) for path in written],
            }
        )
    else:
        emit(str(written[0]))


def verify(
    file: Annotated[Path, typer.Argument(metavar="REPORT.html", help="A report that `pellucid report` wrote.")],
    *,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Make a report's numbers anew from the stored predictions, and say what differs. Code 1 where something does."""
    from pellucid.cli.terminal import emit, emit_json, say
    from pellucid.report.verify import verify as verb

    found = verb(file, runs=runs, told=_progress)
    if json:
        emit_json(
            {
                "agree": not found.differences,
                "tables": found.checked,
                "values": found.values,
                "differences": [vars(one) for one in found.differences],
                "unchecked": list(found.unchecked),
            }
        )
    else:
        for one in found.differences:
            emit(str(one))
        for words in found.unchecked:
            say(f"not checked: {words}")
        count = len(found.differences)
        verdict = f"{count:,} difference{'s' * (count != 1)}" if count else "every number is as the runs give it"
        emit(f"{file}: {found.checked:,} tables with {found.values:,} cells, texts and charts: {verdict}")
    if found.differences:
        raise typer.Exit(1)


def _progress(what: str) -> None:
    """On a terminal, what is being made."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{what:<12}")
        sys.stderr.flush()

"""The commands."""

from __future__ import annotations

import typer

from pellucid.cli import (
    atlas,
    by_hand,
    curves,
    data,
    evidence,
    look,
    networks,
    report,
    runs,
    search,
    serve,
    study,
    train,
)

app = typer.Typer(
    name="pellucid",
    help="Train small image classifiers, compare them honestly, and see what they learned.",
    epilog="Begin with: pellucid train mlp digits",
    no_args_is_help=True,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from pellucid import __version__
        from pellucid.cli.terminal import emit

        emit(f"pellucid {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: bool = typer.Option(
        False, "--version", help="Print the version and leave.", callback=_version, is_eager=True
    ),
) -> None:
    """Train small image classifiers, compare them honestly, and see what they learned."""


train.add_to(app)
look.add_to(app)
atlas.add_to(app)
by_hand.add_to(app)
study.add_to(app)
curves.add_to(app)
evidence.add_to(app)
report.add_to(app)
search.add_to(app)
serve.add_to(app)
data.add_to(app)
networks.add_to(app)
runs.add_to(app)

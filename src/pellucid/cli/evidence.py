"""evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli.train import Runs


def add_to(app: typer.Typer) -> None:
    """The command of this file."""
    app.command()(evidence)


def evidence(
    study: Annotated[str, typer.Argument(help="A study.")],
    first: Annotated[str, typer.Argument(help="An arm as the table writes it, such as lr=0.01.")],
    second: Annotated[str, typer.Argument(help="Another arm, tested on the same images.")],
    *,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Images at most.")] = 20,
    output: Annotated[
        Path | None, typer.Option(help="File to write: .png, .svg, .pdf, .html or .json [STUDY-evidence.png].")
    ] = None,
    runs: Runs = None,
) -> None:
    """The test images that more seeds of one arm get right than of another."""
    from pellucid.cli.terminal import emit, say
    from pellucid.verbs import study_page
    from pellucid.verbs.study import load_study

    shown = study_page.evidence(load_study(study, runs=runs), first, second, n=count)
    if not shown.captions:
        say(f"no test image is right in more seeds of {first} than of {second}")
        return
    emit(str(shown.save(output or Path(f"{study}-evidence.png"))))
    say("below each image its class, and in how many seeds the first and the second arm get it right")

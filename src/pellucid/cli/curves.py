"""curves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli.train import Runs

METRIC, BY = "validation_accuracy", "epoch"


def add_to(app: typer.Typer) -> None:
    """The command of this file."""
    app.command()(curves)


def curves(
    name: Annotated[str, typer.Argument(help="A study, or a run.")],
    *,
    metric: Annotated[
        str, typer.Option(help="A number of every epoch, such as validation_loss or train_accuracy (study).")
    ] = METRIC,
    by: Annotated[str, typer.Option(help="epoch, step or second of training (study).")] = BY,
    spread: Annotated[
        bool, typer.Option("--spread", help="The standard deviation over seeds in place of the values (study).")
    ] = False,
    log_x: Annotated[bool, typer.Option("--log-x", help="A logarithmic horizontal axis (study).")] = False,
    log_y: Annotated[bool, typer.Option("--log-y", help="A logarithmic vertical axis (study).")] = False,
    output: Annotated[
        Path | None, typer.Option(help="File to write: .png, .svg, .pdf, .html or .json [NAME-curves.png].")
    ] = None,
    runs: Runs = None,
) -> None:
    """Learning curves: of a run, or of a study with mean, range and every seed."""
    from difflib import get_close_matches

    from pellucid.cli.terminal import emit
    from pellucid.errors import UsageError
    from pellucid.storage.runs_root import runs_root
    from pellucid.verbs import study_page
    from pellucid.verbs.run import Run
    from pellucid.verbs.study import load_study

    if (runs_root(runs) / "studies" / name / "study.json").is_file():
        found = load_study(name, runs=runs)
        axes = {"--by": by != BY, "--log-x": log_x, "--log-y": log_y}
        if spread and (given := [word for word, value in axes.items() if value]):
            raise UsageError(
                f"curves: expected {', '.join(given)} without --spread, found both. The spread is drawn by epoch."
            )
        if spread:
            shown = study_page.steadiness(found, metric)
        else:
            shown = study_page.curves(found, metric, x=by, log_x=log_x, log_y=log_y)
    else:
        of_studies = {
            "--metric": metric != METRIC,
            "--by": by != BY,
            "--spread": spread,
            "--log-x": log_x,
            "--log-y": log_y,
        }
        if given := [word for word, value in of_studies.items() if value]:
            raise UsageError(
                f"curves: expected {', '.join(given)} with a study, found {name}, which is none. "
                "Name a study, or leave it out."
            )
        try:
            shown = Run.open(runs, name).learning_curves()
        except UsageError as error:
            studies = [one.parent.name for one in (runs_root(runs) / "studies").glob("*/study.json")]
            near = get_close_matches(name.lower(), studies, n=3, cutoff=0.5)
            raise UsageError(f"{error} Or the study {' or '.join(near)}?" if near else str(error)) from None
        name = Path(name).name
    emit(str(shown.save(output or Path(f"{name}-curves.png"))))

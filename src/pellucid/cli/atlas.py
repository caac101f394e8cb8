"""atlas."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli.train import Json, RunName, Runs, Weights


def add_to(app: typer.Typer) -> None:
    """The command of this file."""
    app.command()(atlas)


def atlas(
    run: RunName,
    *,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "train",
    k: Annotated[int, typer.Option("-k", help="Strongest images of each channel.")] = 9,
    layer: Annotated[list[str] | None, typer.Option(help="Draw this layer; may be repeated \\[all maps].")] = None,
    channel: Annotated[list[int] | None, typer.Option(help="Draw these channels of it; may be repeated.")] = None,
    weights: Weights = "best",
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Look at every channel of every layer: made once, kept with the run, opened at once afterwards."""
    from pellucid.cli.terminal import emit, emit_json
    from pellucid.verbs.atlas import atlas as verb
    from pellucid.verbs.run import Run

    opened = Run.open(runs, run)
    found = verb(opened, split=split, k=k, weights=weights, told=_line if sys.stderr.isatty() else _nothing)
    written: list[Path] = []
    convolutions = [name for name, one in found.layers.items() if one.layer.rank == 4]
    for name in layer or convolutions:
        picture = found.channels(name, channel or ())
        words = "-".join(["atlas", split, name, *map(str, channel or [])])
        written.append(opened.folder.save_file(f"looks/{words}.png", picture.render("png")))
    if json:
        pictures = [str(path) for path in written]
        emit_json({"run": opened.id, "split": split, "layers": found.table().records(), "pictures": pictures})
    else:
        emit(found.table().text())
        for path in written:
            emit(str(path))


def _nothing(what: str, done: int, of: int) -> None:
    """Where nobody watches."""


def _line(what: str, done: int, of: int) -> None:
    """A line on the terminal that is written over."""
    sys.stderr.write(f"\r{what}: {done:,} of {of:,}   " + ("\n" if done == of else ""))
    sys.stderr.flush()

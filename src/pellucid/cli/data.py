"""data list, show, get; doctor."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli.train import Json

Source = Annotated[str, typer.Argument(metavar="NAME", help="A data set or a folder of images.")]


def add_to(app: typer.Typer) -> None:
    """The commands of this file."""
    group = typer.Typer(help="Data sets: list them, look at them, fetch them.", no_args_is_help=True)
    group.command("list")(list_)
    group.command()(show)
    group.command()(get)
    app.add_typer(group, name="data")
    app.command()(doctor)


def list_(*, json: Json = False) -> None:
    """The data sets of the catalogue."""
    from pellucid.cli.terminal import emit, emit_json
    from pellucid.verbs.data import listing

    table = listing()
    if json:
        emit_json(table.records())
    else:
        emit(table.text())


def show(
    name: Source,
    *,
    view: Annotated[list[str] | None, typer.Option(help="A view applied first; may be repeated.")] = None,
    size: Annotated[int | None, typer.Option(help="Side length in pixels that images are read at.")] = None,
    channels: Annotated[int | None, typer.Option(help="1 for gray, 3 for colour.")] = None,
    per_class: Annotated[int, typer.Option(min=1, help="Images of each class in the picture.")] = 10,
    save: Annotated[Path | None, typer.Option(help="Picture to write [NAME-samples.png].")] = None,
    json: Json = False,
) -> None:
    """Images with their class names, class counts, pixel mean and standard deviation."""
    from pellucid.cli.terminal import emit, emit_json, say
    from pellucid.verbs.data import data, describe

    splits = data(name, views=view, size=size, channels=channels)
    found = describe(splits, per_class=per_class)
    stem = Path(name).name.replace("-", "_") or "images"
    path = found.samples.save(save or Path(f"{stem}-samples.png"))
    if json:
        emit_json({**found.to_dict(), "picture": str(path)})
        return
    emit(found.text())
    same_size = f"{name} --size {size}" if size else name
    changed = f" --channels {channels}" if channels else ""
    changed += "".join(f" --view {shlex.quote(one)}" for one in view or ())
    say(f"\npicture  {path}\nnext     pellucid doctor {same_size}   or   pellucid train lenet5 {same_size}{changed}")


def get(name: Annotated[str, typer.Argument(help="A data set.")]) -> None:
    """Fetch a data set now, so that training needs no network later."""
    from pellucid.cli.terminal import emit
    from pellucid.verbs.data import data

    splits = data(name)
    emit(f"{name}: {sum(len(images) for _, images in splits):,} images, ready")


def doctor(
    name: Source,
    *,
    size: Annotated[int | None, typer.Option(help="Side length in pixels that images are read at.")] = None,
    group: Annotated[
        str | None, typer.Option(help="Regular expression over file names: one source's files match alike.")
    ] = None,
    json: Json = False,
) -> None:
    """Read a data set before training: duplicates, leaks, broken files, and what its size allows to say."""
    from pellucid.cli.terminal import emit, emit_json
    from pellucid.verbs.doctor import doctor as doctor_verb
    from pellucid.verbs.doctor import report

    found = doctor_verb(name, size=size, group=group)
    if json:
        emit_json(found.to_dict())
    else:
        emit(report(found))

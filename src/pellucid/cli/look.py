"""look."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pellucid.cli.train import Json, Runs


def add_to(app: typer.Typer) -> None:
    """The command of this file."""
    app.command()(look)


def look(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="A run: its id, a part of it, its folder, or 'last'.")
    ] = None,
    way: Annotated[str | None, typer.Argument(help="A way of looking; none lists ways and layers.")] = None,
    *,
    layer: Annotated[list[str] | None, typer.Option(help="A layer; some ways take several.")] = None,
    channel: Annotated[list[int] | None, typer.Option(help="A channel of the layer; may be repeated.")] = None,
    target: Annotated[list[str] | None, typer.Option(help="A class, by name or number; may be repeated.")] = None,
    image: Annotated[
        list[str] | None,
        typer.Option(help="Number of an image in the split, or a picture file; may be repeated; not both in one."),
    ] = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    weights: Annotated[str, typer.Option(help="best, last, or with --model a safetensors file.")] = "best",
    other: Annotated[str | None, typer.Option(help="A second run, for ways that compare two.")] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE of the way, such as k=16; may be repeated.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="File to write: .png, .svg, .pdf, .html or .json \\[looks/ of the run].")
    ] = None,
    model: Annotated[str | None, typer.Option(help="A network of your own instead of a run: FILE.py:NAME.")] = None,
    data: Annotated[str | None, typer.Option(help="Its images: a data set or a folder (with --model).")] = None,
    view: Annotated[list[str] | None, typer.Option(help="Its views, such as standardise (with --model).")] = None,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Look inside a network: its filters, features, and what each neuron answers to."""
    from pellucid.cli.terminal import emit, emit_json, say
    from pellucid.displays.display import plain
    from pellucid.errors import UsageError
    from pellucid.verbs import look as verb
    from pellucid.verbs.run import Run

    opened = None
    if model is not None:
        run, way = None, way or run
    elif run is not None:
        opened = Run.open(runs, run)
    if way is None:
        if opened is None:
            if json:
                emit_json({"ways": verb.way_table().records()})
            else:
                emit(verb.way_table().text())
            return
        layers = verb.layer_table(opened)
        if json:
            emit_json({"ways": verb.way_table().records(), "layers": layers.records()})
        else:
            emit(f"{verb.way_table().text()}\n\nlayers of {opened.id}\n{layers.text()}")
            say(f"\nnext: pellucid look {opened.id} filters")
        return
    if opened is not None and (data or view):
        raise UsageError(
            "look: expected --data and --view beside --model alone, found a run, which has its own images."
        )
    if opened is None and model is None:
        raise UsageError("look: expected a run, or --model FILE.py:NAME, found neither.")
    words: dict[str, Any] = {}
    for text in option or []:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"option: expected KEY=VALUE, found {text!r}.")
        words[key] = value
    if layer:
        words["layer"] = layer if len(layer) > 1 else layer[0]
    if channel:
        words["channel"] = channel
    chosen = verb.read_options(way, words)
    if opened is not None:
        if target:
            chosen["target"] = verb.classes(target, opened.class_names)
        shown = verb.look(
            opened,
            way,
            images=image or None,
            split=split,
            weights=weights,
            other=Run.open(runs, other) if other else None,
            **chosen,
        )
    else:
        from pellucid.verbs.options import data_spec

        if data is None:
            raise UsageError("look: expected --data beside --model, found none. Name a data set or a folder.")
        if target:
            chosen["target"] = verb.classes(target, ())
        module = verb.foreign(str(model), weights=None if weights in ("best", "last") else weights)
        spec = data_spec(data, {"views": tuple(view)} if view else {})
        shown = verb.look_at_foreign(module, way, data=spec, split=split, images=image or [], **chosen)
    name = "-".join([way.replace("-", "_"), *(layer or []), *map(str, channel or [])])
    if output is not None:
        written = shown.save(output)
    elif opened is not None:
        opened.folder.save_file(f"looks/{name}.png", shown.render("png"))
        written = opened.path / "looks" / f"{name}.png"
    else:
        written = shown.save(f"{name}.png")
    if json:
        emit_json({"way": way, "picture": str(written), "data": plain(shown.to_dict())})
    else:
        say(shown.title)
        emit(str(written))

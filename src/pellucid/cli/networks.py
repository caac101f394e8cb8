"""networks list, show; recipes list."""

from __future__ import annotations

from typing import Annotated

import typer

from pellucid.cli.train import Json, _assignments


def add_to(app: typer.Typer) -> None:
    """The commands of this file."""
    group = typer.Typer(help="Networks: list them, see their layers.", no_args_is_help=True)
    group.command("list")(list_)
    group.command()(show)
    app.add_typer(group, name="networks")
    recipes = typer.Typer(help="Recipes: list them.", no_args_is_help=True)
    recipes.command("list")(recipes_list)
    app.add_typer(recipes, name="recipes")


def list_(*, json: Json = False) -> None:
    """The networks of the catalogue."""
    _catalogue("networks", json)


def recipes_list(*, json: Json = False) -> None:
    """The recipes of the catalogue."""
    _catalogue("recipes", json)


def _catalogue(folder: str, json: bool) -> None:
    from pellucid import catalog
    from pellucid.cli.terminal import emit, emit_json

    entries = {name: catalog.summary(folder, name) for name in catalog.names(folder)}
    if json:
        emit_json([{"name": name, "summary": text} for name, text in entries.items()])
        return
    width = max(map(len, entries))
    for name, text in entries.items():
        emit(f"{name:<{width}}  {text}")


def show(
    name: Annotated[str, typer.Argument(help="A network, or a TOML file of one.")],
    *,
    input: Annotated[str, typer.Option(help="Height x width x channels of the images.")] = "28x28x1",
    classes: Annotated[int, typer.Option(help="Classes.")] = 10,
    network_option: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE of the network; may be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Layers with output shape, parameters, multiply-adds, neurons and receptive field."""
    from pellucid.cli.terminal import emit, emit_json
    from pellucid.verbs.networks import layer_table, network, shape_from_text, total_table, totals

    shape = shape_from_text(input)
    built = network(name, input_shape=shape, classes=classes, options=_assignments(network_option or []))
    if json:
        emit_json(
            {
                "network": built.name,
                "input": list(shape),
                "layers": layer_table(built, shape).records(),
                "totals": totals(built, shape),
            }
        )
        return
    emit(layer_table(built, shape).text())
    emit("")
    emit(total_table(built, shape).text())

"""lockstep, check, check-gradients, explain."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pellucid.cli.options import with_spec_options
from pellucid.cli.train import Json


def add_to(app: typer.Typer) -> None:
    """The commands of this file."""
    app.command()(with_spec_options(lockstep))
    app.command()(check)
    app.command("check-gradients")(check_gradients)
    app.command()(explain)


def lockstep(
    network: Annotated[str, typer.Argument(help="A network (pellucid networks list) or a TOML file of one.")],
    data: Annotated[str, typer.Argument(help="A data set (pellucid data list) or a folder of images.")],
    *,
    steps: Annotated[int, typer.Option(help="Training steps.")] = 5,
    dtype: Annotated[str, typer.Option(help="float64 or float32.")] = "float64",
    layer: Annotated[
        str | None, typer.Option(help="FILE.py:CLASS, put in the place of every layer of its kind.")
    ] = None,
    json: Json = False,
    **options: Any,
) -> None:
    """Both engines on the same weights and batches: where do they part first?"""
    from pellucid.agreement.lockstep import first_parting
    from pellucid.cli.terminal import emit, emit_json, say
    from pellucid.verbs import by_hand

    lines = by_hand.lockstep(network, data, steps=steps, dtype=dtype, layer=layer, **options)
    parting, table = first_parting(lines), by_hand.lockstep_table(lines)
    if json:
        found = None
        if parting is not None:
            found = {"step": parting.step, "layer": parting.layer, "tensor": parting.tensor}
            found |= {"found": parting.difference.found, "expected": parting.difference.expected}
        emit_json({"agree": parting is None, "first_parting": found, "layers": table.records()})
    else:
        emit(table.text())
        if parting is None:
            say(f"\nthe engines agree over {lines[-1].step} steps in {dtype}")
        else:
            say(f"\nthey part in step {parting.step}, layer {parting.layer}: {parting.tensor}")
            say(parting.difference.words)
    if parting is not None:
        raise typer.Exit(1)


def check(
    layer: Annotated[str, typer.Argument(help="FILE.py:CLASS: a layer that you wrote.")],
    *,
    kind: Annotated[str | None, typer.Option(help="Which layer it is; by default its name says.")] = None,
    json: Json = False,
) -> None:
    """Your own layer beside both engines and central differences: right, or where it is wrong."""
    from dataclasses import asdict

    from pellucid.cli.terminal import emit, emit_json
    from pellucid.verbs import by_hand

    found = by_hand.check(layer, kind=kind)
    if json:
        emit_json({"right": found.right, **asdict(found)})
    else:
        emit(found.words)
    if not found.right:
        raise typer.Exit(1)


def check_gradients(
    network: Annotated[str, typer.Argument(help="A network (pellucid networks list) or a TOML file of one.")],
    *,
    input: Annotated[str, typer.Option(help="Height x width x channels of the images.")] = "28x28x1",
    loss: Annotated[str, typer.Option(help="cross_entropy, mse, l1 or bce.")] = "cross_entropy",
    batch: Annotated[int, typer.Option(help="Random images.")] = 4,
    seed: Annotated[int, typer.Option(help="Of weights and images.")] = 0,
    json: Json = False,
) -> None:
    """Every gradient of a network, by hand, against central differences of its loss."""
    from pellucid.cli.terminal import emit, emit_json
    from pellucid.verbs import by_hand
    from pellucid.verbs.networks import shape_from_text

    found = by_hand.check_gradients(network, input_shape=shape_from_text(input), batch=batch, seed=seed, loss=loss)
    table = by_hand.gradient_table(found)
    if json:
        emit_json({"right": all(one.agrees for one in found), "arrays": table.records()})
    else:
        emit(table.text())
    if not all(one.agrees for one in found):
        raise typer.Exit(1)


def explain(
    layer: Annotated[str | None, typer.Argument(help="A layer, loss or optimizer; none lists them.")] = None,
) -> None:
    """A layer's mathematics, its code in both directions, and an example that is worked out now."""
    from pellucid.agreement.explain import names
    from pellucid.cli.terminal import emit
    from pellucid.verbs import by_hand

    emit("\n".join(names()) if layer is None else by_hand.explain(layer).text)

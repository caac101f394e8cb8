"""train, evaluate, predict."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pellucid.cli.options import with_spec_options

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, for programs.")]
Runs = Annotated[Path | None, typer.Option("--runs", help="Folder of runs [PELLUCID_RUNS, else ./runs].")]
Weights = Annotated[str, typer.Option(help="best (by the monitored metric) or last.")]
RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="A run: its id, a unique part of it, its folder, or 'last'.")
]


def add_to(app: typer.Typer) -> None:
    """The commands of this file."""
    app.command()(with_spec_options(train))
    app.command()(evaluate)
    app.command()(predict)


def train(
    network: Annotated[
        str | None, typer.Argument(help="A network (pellucid networks list) or a TOML file of one.")
    ] = None,
    data: Annotated[str | None, typer.Argument(help="A data set (pellucid data list) or a folder of images.")] = None,
    *,
    recipe: Annotated[str | None, typer.Option(help="Begin from a recipe (pellucid recipes list).")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with any of these; options override it.")] = None,
    network_option: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE of the network, such as hidden_size=64; may be repeated.")
    ] = None,
    pictures: Annotated[bool, typer.Option(help="Draw learning curves, confusion matrix, mistakes.")] = True,
    tensorboard: Annotated[bool, typer.Option(help="Also write event files for TensorBoard.")] = False,
    exact: Annotated[
        bool, typer.Option("--exact", help="The same bits at any load: one thread, fp32, on the processor.")
    ] = False,
    checkpoints: Annotated[
        bool, typer.Option("--checkpoints", help="Keep the weights after every epoch, to look at the training.")
    ] = False,
    runs: Runs = None,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")] = False,
    **options: Any,
) -> None:
    """Train a network on images. The same command again resumes the run, or says that it is done."""
    from pellucid.cli.terminal import emit, emit_json, say
    from pellucid.cli.watcher import Watcher
    from pellucid.displays.numbers import percent
    from pellucid.training.run import Observer
    from pellucid.verbs.train import train as train_verb

    watcher = Observer() if quiet else Watcher(live=sys.stderr.isatty())
    try:
        run = train_verb(
            network,
            data,
            recipe=recipe,
            config=config,
            network_options=_assignments(network_option or []),
            runs=runs,
            observer=watcher,
            pictures=pictures,
            tensorboard=tensorboard,
            exact=exact,
            checkpoints=checkpoints,
            **options,
        )
    finally:
        if isinstance(watcher, Watcher):
            watcher.close()
    result = run.result
    if json:
        emit_json({"run": run.id, "path": str(run.path), **result})
        return
    if not quiet:
        say(f"done: {result['reason']}, {result['seconds']:.1f} s of training\n")
    if result["test_accuracy"] is not None:
        emit(
            f"test accuracy {percent(result['test_accuracy'])}, loss {result['test_loss']:.4f} (epoch "
            f"{result['best_epoch']}, the best by {run.spec.recipe.monitor})\n"
        )
        emit(run.per_class_table().text())
    if not quiet:
        say(f"\nrun       {run.path}")
        if pictures:
            say(f"pictures  {run.path / 'pictures'}")
        say(f"next      pellucid evaluate {run.id}   or   pellucid runs list")


def evaluate(
    run: RunName,
    *,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    view: Annotated[
        list[str] | None, typer.Option(help="A view applied to the images first; may be repeated.")
    ] = None,
    weights: Weights = "best",
    mirror: Annotated[bool, typer.Option("--mirror", help="Mean logits of each image and its mirror image.")] = False,
    shifted: Annotated[
        bool, typer.Option("--shifted", help="Mean logits of each image and of it moved by a pixel, twice.")
    ] = False,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Accuracy, loss, classes, confusion, top-2, calibration and speed of a run's network."""
    from pellucid.cli.terminal import emit, emit_json
    from pellucid.displays.numbers import percent
    from pellucid.verbs.run import Run, class_table, confusion_table

    opened = Run.open(runs, run)
    found = opened.evaluate(split=split, views=view or (), weights=weights, mirror=mirror, shifted=shifted)
    seconds = opened.seconds_per_image(weights=weights)
    if json:
        emit_json(
            {
                "run": opened.id,
                "split": split,
                "views": view or [],
                "weights": weights,
                "mirror": mirror,
                "shifted": shifted,
                **found.to_dict(),
                "seconds_per_image": seconds,
            }
        )
        return
    seen = f" through {', '.join(view)}" if view else ""
    seen += " with their mirror images" if mirror else ""
    seen += ", moved by a pixel too" if shifted else ""
    emit(f"{opened.id}: {found.images:,} {split} images{seen}, {weights} weights\n")
    emit(f"accuracy           {percent(found.accuracy)}")
    emit(f"top-2 accuracy     {percent(found.top2_accuracy)}")
    emit(f"loss               {found.loss:.4f} nats (cross entropy)")
    emit(f"calibration error  {percent(found.calibration.error)} (expected, 15 bins)")
    emit(f"time per image     {1e6 * seconds['batch']:,.0f} us in batches, {1e6 * seconds['single']:,.0f} us alone\n")
    emit(class_table(found).text())
    emit("")
    emit(confusion_table(found).text())


def predict(
    run: RunName,
    files: Annotated[list[Path], typer.Argument(help="Pictures.")],
    *,
    weights: Weights = "best",
    top: Annotated[int, typer.Option(help="Classes shown for each picture.")] = 3,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """What a run's network says of picture files, with probabilities."""
    from pellucid.cli.terminal import emit, emit_json
    from pellucid.verbs.predict import predict as predict_verb
    from pellucid.verbs.run import Run

    opened = Run.open(runs, run)
    found = predict_verb(opened, files, weights=weights)
    if json:
        emit_json({"run": opened.id, "predictions": found.to_dict()})
        return
    emit(found.table(top=top).text())


def _assignments(texts: list[str]) -> dict[str, Any]:
    """``["a=1", "b=x"]`` as ``{"a": 1, "b": "x"}``; values are read as TOML where they can be."""
    import tomllib

    from pellucid.errors import UsageError

    found: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"network-option: expected KEY=VALUE, found {text!r}.")
        try:
            found[key.replace("-", "_")] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found[key.replace("-", "_")] = value
    return found

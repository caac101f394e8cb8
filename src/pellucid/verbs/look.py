"""The third verb: one way of looking inside a network, its images and options chosen by words."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from ast import literal_eval
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid import catalog
from pellucid.displays.display import Display
from pellucid.displays.table import Table
from pellucid.engines.engine import engine
from pellucid.errors import DataError, SpecError, UsageError, unknown_name
from pellucid.images import Images
from pellucid.spec.data import DataSpec
from pellucid.spec.network import Network
from pellucid.verbs.options import typed
from pellucid.verbs.predict import as_run_sees
from pellucid.verbs.run import Run


def look(
    subject: Any,
    way: str,
    *,
    images: Any = None,
    split: str = "test",
    weights: str = "best",
    other: Any = None,
    **options: Any,
) -> Display:
    """One way of looking at a run's network, or at any `torch.nn.Module`, as a display.

    way: a name of `pellucid.catalog.names("inspection")`. images: `Images`, numbers of images in the split, paths of
    picture files, or floats N C H W; by default the split, or a few of its images, one a class, for ways that draw
    each. weights: "best" or "last", of a run. other: a second run or module, for ways that compare two. options: of
    the way; see its docstring.

    Raises UsageError for an unknown way, layer, channel or option, with the valid ones, and for an option of another
    type than the way's signature says.

    >>> display = look(run, "filters", layer="conv1")  # doctest: +SKIP
    >>> display.save("filters.png")  # doctest: +SKIP
    """
    function = catalog.load("inspection", way)
    parameters = inspect.signature(function).parameters
    known = [name for name, one in parameters.items() if one.kind is inspect.Parameter.KEYWORD_ONLY]
    for name in options:
        if name not in known:
            raise unknown_name(f"option of {function.__name__}", name, known)
    options = {
        name: typed(value.tolist() if isinstance(value, np.ndarray) else value, function, name, function.__name__)
        for name, value in options.items()
    }
    if other is not None:
        if "other" not in known:
            raise UsageError(f"{function.__name__}: expected one network, found two. Leave out the other.")
        options["other"] = other.inspected(weights=weights) if isinstance(other, Run) else other
    elif "other" in parameters and parameters["other"].default is inspect.Parameter.empty:
        raise UsageError(
            f"{function.__name__}: expected a second network to compare with, found none. Give the other."
        )
    if isinstance(subject, Run):
        if "before" in known and isinstance(subject.spec.network, Network):
            options.setdefault("before", _first(subject))
        if "snapshots" in known:
            needed = parameters["snapshots"].default is inspect.Parameter.empty
            options.setdefault("snapshots", _snapshots(subject, needed=needed))
        model: Any = subject.inspected(weights=weights)
        if images is None or (isinstance(images, Sequence) and not isinstance(images, Images)):
            images = _chosen(subject, images, split, _few(function))
    else:
        model = subject
        if images is None:
            raise UsageError("look: expected images beside a module, found none. Give images=.")
        few = _few(function)
        if isinstance(images, Images) and few is not None and len(images) > few:
            images = _one_a_class(images, few)
    shown: Display = function(model, images, **options)
    return shown


def _few(function: Any) -> int | None:
    """How many images a way draws where none are chosen; None for the ways that take a whole split."""
    found: int | None = getattr(sys.modules.get(function.__module__), "FEW", None)
    return found


def _first(run: Run) -> Any:
    """The run's network with the weights it began with."""
    images, network = run.images("train"), run.spec.network
    trainer = engine(run.spec.engine).trainer(network, images, run.scaling, run.spec.recipe, seed=run.spec.seed)
    return engine("pytorch").model(network, run.input_shape, run.scaling, trainer.weights())


def _snapshots(run: Run, *, needed: bool) -> list[tuple[int, Any]]:
    """The run's network after each epoch that was kept; if needed, else with its first and its best weights."""
    network = run.spec.network
    if not isinstance(network, Network):
        return []
    kept = run.folder.epochs()
    if not kept:
        best = (run.folder.result() or {}).get("best_epoch") or len(run.folder.metrics())
        return [(0, _first(run)), (int(best), run.inspected())] if needed else []
    chosen, shape = engine("pytorch"), run.input_shape
    return [(one, chosen.model(network, shape, run.scaling, run.folder.load_epoch(one))) for one in kept]


def _chosen(run: Run, asked: Sequence[Any] | None, split: str, few: int | None) -> Images:
    """The images of a run that are asked for, by number or file."""
    if not asked:
        images = run.images(split)
        if not len(images):
            raise DataError(f"{run.id}: expected images in the split {split}, found none. Choose another split.")
        return images if few is None else _one_a_class(images, few)
    files = [one for one in asked if not isinstance(one, (int, np.integer)) and not str(one).isdigit()]
    if files:
        if len(files) < len(asked):
            raise UsageError(
                "image: expected either numbers of images or files, found both. Give numbers alone or files alone."
            )
        return as_run_sees(run, files)
    images = run.images(split)
    return images.take(_rows(asked, len(images), split))


def _rows(asked: Sequence[Any], count: int, split: str) -> NDArray[np.int64]:
    """Numbers of images of a split that has `count`. Raises UsageError for anything else."""
    for one in asked:
        if not str(one).isdigit() or int(one) >= count:
            raise UsageError(f"image: expected a number from 0 to {count - 1} (split {split}), found {one}.")
    return np.array([int(one) for one in asked], np.int64)


def _one_a_class(images: Images, count: int) -> Images:
    """The first image of each class, in the order of classes, then the second of each, until there are `count`."""
    order = np.argsort(images.labels, kind="stable")
    labels = images.labels[order]
    starts = np.searchsorted(labels, labels)
    turn = np.empty(len(images), np.int64)
    turn[order] = np.arange(len(images)) - starts
    return images.take(np.lexsort((images.labels, turn))[:count])


def layer_table(run: Run) -> Table:
    """The layers of a run's network by the names that ways take, with shapes and receptive fields."""
    from pellucid.inspection._layers import layers

    pixels = np.zeros((1, *run.input_shape), np.uint8)
    rows = layers(run.inspected(), Images(pixels, np.zeros(1, np.int64), run.class_names))
    return Table(
        ("layer", "kind", "channels x rows x columns", "a neuron sees"),
        [(one.name, one.kind, one.shape_text, str(one.field or "all")) for one in rows],
    )


def way_table() -> Table:
    """Every way of looking with what it shows."""
    return Table(
        ("way", "what it shows"),
        [(name, catalog.summary("inspection", name)) for name in catalog.names("inspection")],
    )


def foreign(model: str, *, weights: str | Path | None = None) -> Any:
    """A stranger's module: ``FILE.py:NAME``, where NAME is a module or what makes one without arguments.

    weights: a safetensors file of its state. The file's code runs, as any import does.

    Raises UsageError where there is no such file or name, SpecError where the weights are another network's.
    """
    import torch

    path, _, name = model.rpartition(":")
    if not path or not Path(path).is_file():
        raise UsageError(f"model: expected FILE.py:NAME, found {model!r}, of which there is no such file.")
    described = importlib.util.spec_from_file_location(Path(path).stem, path)
    if described is None or described.loader is None:
        raise UsageError(f"model: expected a Python file, found {path}.")
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    made = getattr(module, name, None)
    if made is None:
        kinds = {key: value for key, value in vars(module).items() if isinstance(value, type)}
        raise unknown_name("module", name, [key for key, kind in kinds.items() if issubclass(kind, torch.nn.Module)])
    built = made() if callable(made) and not isinstance(made, torch.nn.Module) else made
    if not isinstance(built, torch.nn.Module):
        raise UsageError(f"model: expected {name} to be or to make a torch.nn.Module, found {type(built).__name__}.")
    if weights is not None:
        from safetensors.torch import load_file

        try:
            state = load_file(str(weights))
        except Exception as error:
            raise SpecError(
                f"{weights}: expected a safetensors file, found that it cannot be read ({error})."
            ) from error
        try:
            built.load_state_dict(state)
        except RuntimeError as error:
            raise SpecError(
                f"{weights}: expected the weights of {name}, found others: {' '.join(str(error).split())[:300]}"
            ) from error
    return built


def look_at_foreign(
    module: Any, way: str, *, data: DataSpec, split: str, images: Sequence[Any], **options: Any
) -> Display:
    """`look` at a stranger's module on a data set of ours, scaled as its views say."""
    from pellucid.datasets._load import load
    from pellucid.inspection._subject import Subject

    splits = load(data)
    found: Images = getattr(splits, split)
    if images:
        found = found.take(_rows(images, len(found), split))
    return look(Subject(module, splits.scaling), way, images=found, **options)


def classes(words: Sequence[str], names: Sequence[str]) -> list[int] | int:
    """Numbers of classes given by name or number. Raises UsageError for a name that is not there."""
    found = []
    for word in words:
        if word in names:
            found.append(list(names).index(word))
        elif word.isdigit():
            found.append(int(word))
        else:
            raise unknown_name("class", word, names)
    return found if len(found) > 1 else found[0]


def read_options(function_name: str, words: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a way from words: numbers, tuples and lists as Python writes them, anything else as it stands."""
    parameters = inspect.signature(catalog.load("inspection", function_name)).parameters
    found: dict[str, Any] = {}
    for name, value in words.items():
        key = name.replace("-", "_")
        plural = f"{key}s"
        if key not in parameters and plural in parameters:  # --layer and --channel serve ways that take several
            found[plural] = tuple(value) if isinstance(value, list) else (value,)
        elif isinstance(value, list):
            found[key] = value if len(value) > 1 else value[0]
        elif isinstance(value, str) and key not in ("layer", "layers"):
            try:
                found[key] = literal_eval(value)
            except (ValueError, SyntaxError):
                found[key] = value
        else:
            found[key] = value
    return found

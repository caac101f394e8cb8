"""The figures of a report, drawn with our runs, each with the command that draws it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pellucid import catalog
from pellucid.charts.samples import samples
from pellucid.displays.display import Display
from pellucid.errors import DataError, StorageError, UsageError, unknown_name
from pellucid.spec.network import Network
from pellucid.spec.study import Figure
from pellucid.verbs import study_page
from pellucid.verbs.look import look
from pellucid.verbs.networks import layer_table
from pellucid.verbs.run import Run
from pellucid.verbs.studied import Studied
from pellucid.verbs.study_specs import options_of_network

OF_A_RUN = ("samples", "layers", "learning_curves", "confusion_matrix")
OF_ALL = ("curves", "steadiness")
#: Words of the command line for options that are called otherwise there.
WORDS = {"x": "--by"}


def draw(found: Studied, figure: Figure) -> Display:
    """The figure. Raises UsageError for a way that is not there, StorageError or DataError where runs are missing."""
    if figure.way in OF_ALL:
        shown: Display = getattr(study_page, figure.way)(found, **figure.options)
        return shown
    run = _run(found, figure)
    match figure.way:
        case "samples":
            return samples(run.images("train"), **figure.options)
        case "layers":
            network = run.spec.network
            if not isinstance(network, Network):
                raise UsageError(f"{run.id}: expected a network as data, found a module.")
            return layer_table(network, run.input_shape)
        case "learning_curves":
            return run.learning_curves()
        case "confusion_matrix":
            return run.confusion_matrix()
    if figure.way not in catalog.names("inspection"):
        raise unknown_name("way", figure.way, [*catalog.names("inspection"), *OF_A_RUN, *OF_ALL])
    return look(run, figure.way, images=_images(run, figure), **figure.options)


def command(found: Studied, figure: Figure) -> str:
    """What to type for the same figure."""
    if figure.way in OF_ALL:
        options = {WORDS.get(key, f"--{key.replace('_', '-')}"): value for key, value in figure.options.items()}
        words = [word if value is True else f"{word} {value}" for word, value in options.items()]
        return " ".join(["pellucid curves", found.study.name, *words, *(["--spread"] * (figure.way == "steadiness"))])
    run = _run(found, figure)
    match figure.way:
        case "samples":
            views = [f"--view {view}" for view in run.spec.data.views]
            each = [f"--per-class {figure.options['per_class']}"] if figure.options else []
            return " ".join(["pellucid data show", run.spec.data.name, *views, *each])
        case "layers":
            values = {**found.study.base, **found.chosen[figure.arm or next(iter(found.chosen))]}
            given = options_of_network(values["network"], values)
            changed = [f"--network-option {name}={value}" for name, value in given.items()]
            shape = "x".join(map(str, run.input_shape))
            return " ".join(["pellucid networks show", run.spec.network.name, "--input", shape, *changed])
        case "learning_curves" | "confusion_matrix":
            return f"pellucid curves {run.id}" if figure.way == "learning_curves" else f"pellucid evaluate {run.id}"
    words = [f"--image {one}" for one in _images(run, figure) or ()]
    for key, value in figure.options.items():
        if key == "layer":
            words.append(f"--layer {value}")
        elif key in ("layers", "channels"):
            words += [f"--{key.removesuffix('s')} {one}" for one in value]
        else:
            words.append(f"--option {key}={value}")
    return " ".join(["pellucid look", run.id, figure.way, *words])


def drawn(found: Studied) -> Iterator[tuple[Figure, str, Display | str]]:
    """Every figure with its command and its drawing, or the reason why there is none."""
    for figure in found.study.figures:
        try:
            yield figure, command(found, figure), draw(found, figure)
        except (StorageError, DataError) as error:
            yield figure, "", str(error)


def _images(run: Run, figure: Figure) -> list[int] | None:
    """Numbers of the test images that are looked at; None for the way's own choice.

    Raises DataError where there is none of the class that the figure is of.
    """
    if not figure.of_class:
        return None
    names = np.array(run.class_names)[run.images("test").labels]
    rows = np.flatnonzero(names == figure.of_class)
    if not len(rows):
        raise DataError(f"{run.id}: expected a test image of class {figure.of_class}, found none.")
    return [int(rows[0])]


def _run(found: Studied, figure: Figure) -> Run:
    """The first finished run of the figure's arm."""
    arm = figure.arm or next(iter(found.chosen))
    if arm not in found.chosen:
        raise unknown_name("arm", arm, list(found.chosen))
    rows: list[Any] = [row for row in found.of(found.chosen[arm]) if row.result]
    if not rows:
        raise StorageError(f"{arm}: expected a finished run to draw, found none. Run the study first.")
    return Run.open(found.root, rows[0].run)

"""What was trained, and how it went."""

from __future__ import annotations

from typing import Any

from pellucid.displays.display import Display
from pellucid.displays.numbers import percent
from pellucid.displays.table import Table
from pellucid.report.section import Section
from pellucid.spec.network import ForeignModule
from pellucid.verbs.networks import layer_table, total_table
from pellucid.verbs.run import Run

#: Epochs that the table lists; of longer trainings the first, the last, the best and some between.
EPOCHS = 20


def network(run: Run) -> Section:
    """Layer by layer: shapes, parameters, multiply-adds, receptive field."""
    spec = run.spec.network
    if isinstance(spec, ForeignModule):
        words = f"A module of the user's own, {spec.name[:80]}: its code is not kept with the run, only its weights."
        return Section("network", "The network", (words,))
    displays = [layer_table(spec, run.input_shape), total_table(spec, run.input_shape)]
    words = f"First weights: {spec.initialisation}, drawn from seed {run.spec.seed}."
    return Section("network", "The network", (words,), displays)


def learning(run: Run) -> Section | None:
    """Loss and accuracy by epoch; None before the first epoch is over."""
    lines = run.folder.metrics()
    if not lines:
        return None
    result = run.folder.result() or {}
    best = result.get("best_epoch")
    words = []
    if best is not None:
        words.append(f"The weights of epoch {best} are kept as the best, by {run.spec.recipe.monitor}.")
    if result.get("reason"):
        words.append(f"Training ended: {result['reason']}.")
    else:
        words.append(f"The run is {run.status}; the same command again goes on with it.")
    displays: list[Display] = [run.learning_curves(), _epochs(lines, best)]
    return Section("learning", "Learning", words, displays)


def _epochs(lines: list[dict[str, Any]], best: int | None) -> Table:
    """Loss and accuracy of each epoch that is listed."""
    count = len(lines)
    listed = {round(k * (count - 1) / (EPOCHS - 1)) for k in range(EPOCHS)} if count > EPOCHS else set(range(count))
    chosen = [line for k, line in enumerate(lines) if k in listed or line["epoch"] == best]
    names = [f"{split}_{what}" for split in ("train", "validation", "test") for what in ("loss", "accuracy")]
    names = [name for name in names if any(line.get(name) is not None for line in chosen)]

    def told(name: str, value: float | None) -> str | None:
        if value is None:
            return None
        return percent(value) if name.endswith("accuracy") else f"{value:.4f}"

    rows = [(line["epoch"], *(told(name, line.get(name)) for name in names)) for line in chosen]
    title = "Epochs" if len(chosen) == count else f"{len(chosen)} of {count:,} epochs"
    return Table(("epoch", *(name.replace("_", " ") for name in names)), rows, title=title)

"""The runs of a folder: all of them, one of them, two beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from pellucid.displays.numbers import percent
from pellucid.displays.table import Table
from pellucid.storage.index import RunIndex
from pellucid.storage.runs_root import runs_root
from pellucid.verbs.run import Run


def runs(folder: str | Path | None = None) -> list[dict[str, Any]]:
    """One dict a run of `folder` (None: PELLUCID_RUNS, else ./runs), newest first; see `RunIndex.rows`."""
    return RunIndex(runs_root(folder)).rows()


def run(name: str = "last", *, runs: str | Path | None = None) -> Run:
    """The run called `name`: its id, a unique part of it, a path of its folder, or "last"."""
    return Run.open(runs, name)


def run_table(rows: list[dict[str, Any]]) -> Table:
    """The rows of `runs` for people."""
    return Table(
        title="",
        columns=("run", "status", "optimizer", "lr", "epochs", "validation", "test", "seconds"),
        rows=[
            (
                row["id"],
                row["status"],
                row.get("optimizer"),
                row.get("lr"),
                row.get("epochs"),
                percent(row.get("validation_accuracy")),
                percent(row.get("test_accuracy")),
                row.get("seconds"),
            )
            for row in rows
        ],
    )


def details(run: Run) -> str:
    """A run's summary, spec, environment and events as text."""
    manifest = run.folder.manifest
    parts = [Table(title=run.id, columns=("", ""), rows=_told(run.summary())).text()]
    flat = flatten(
        {"spec": {**manifest["spec"], "network": run.spec.network.name}, "machine": manifest["environment"]}
    )
    parts.append(Table(title="spec and machine", columns=("", ""), rows=_told(flat)).text())
    parts.append(
        "\n".join(
            f"{event['time']}  {event['event']}"
            + "".join(f"  {key}={value}" for key, value in event.items() if key not in ("time", "event") and value)
            for event in run.folder.events()
        )
    )
    return "\n\n".join(parts)


def flatten(data: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dicts as one, keys joined by dots.

    >>> flatten({"a": {"b": 1}, "c": 2})
    {'a.b': 1, 'c': 2}
    """
    found: dict[str, Any] = {}
    for key, value in data.items():
        found |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def differences(first: Run, second: Run) -> list[dict[str, Any]]:
    """What differs in spec, machine and result: dicts with `key`, `first`, `second`; None where one lacks it."""
    sides = [
        flatten(
            {
                "spec": one.folder.manifest["spec"],
                "machine": one.folder.manifest["environment"],
                "result": one.folder.result() or {},
            }
        )
        for one in (first, second)
    ]
    keys = [key for key in {**sides[0], **sides[1]} if sides[0].get(key) != sides[1].get(key)]
    return [{"key": key, "first": sides[0].get(key), "second": sides[1].get(key)} for key in keys]


def difference_table(found: list[dict[str, Any]]) -> Table:
    """`differences` for people: networks layer by layer."""
    rows: list[tuple[Any, ...]] = []
    for row in found:
        first, second = row["first"], row["second"]
        if row["key"] == "spec.network.layers":
            layers = enumerate(zip_longest(first or (), second or ()), 1)
            rows += [
                (f"layer {k}", *(one and layer_words(one) for one in pair))
                for k, pair in layers
                if pair[0] != pair[1]
            ]
        else:
            told = _words(row["key"], first), _words(row["key"], second)
            rows.append((row["key"], *(told if told[0] != told[1] else (str(first), str(second)))))
    return Table(title="", columns=("", "first", "second"), rows=rows)


def layer_words(layer: Mapping[str, Any]) -> str:
    """A layer of a run's manifest: its kind, and what is not as by default.

    >>> layer_words({"layer": "conv", "filters": 6, "kernel_size": 5})
    'conv filters=6 kernel_size=5'
    """
    rest = {key: value for key, value in layer.items() if key != "layer"}
    words = [f"{key}={_inner(value) if isinstance(value, list) else value}" for key, value in rest.items()]
    return " ".join([str(layer.get("layer", "")), *words])


def _inner(values: list[Any]) -> str:
    """Sizes, or the layers of a branch."""
    return f"({', '.join(layer_words(one) if isinstance(one, dict) else str(one) for one in values)})"


def _told(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Keys and values for people."""
    return [(key, _words(key, value)) for key, value in values.items()]


def _words(key: str, value: Any) -> Any:
    """A value as a table tells it: accuracies in percent, lists without brackets."""
    if isinstance(value, float) and key.endswith("accuracy"):
        return percent(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or None
    return value

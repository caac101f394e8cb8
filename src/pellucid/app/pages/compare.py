"""Runs beside each other: what may be said of their difference, their curves, what differs in their specs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pellucid.app import render
from pellucid.app.curves import labels
from pellucid.app.library import UNREADABLE, Library, unreadable
from pellucid.app.listing import METRICS, MOST_DRAWN, Line, Query, Row, configuration
from pellucid.app.pages.report import MOST
from pellucid.displays.table import Table
from pellucid.evaluation.comparison import compare
from pellucid.report.section import named
from pellucid.verbs.compare import compare as compare_two
from pellucid.verbs.run import Run
from pellucid.verbs.runs import flatten, layer_words

#: Configurations whose pairs are told in sentences; more have too many.
MOST_TOLD: Final = 6


def routes() -> list[Route]:
    """The page."""
    return [Route("/compare", show)]


def show(request: Request) -> Response:
    """The runs that the address names."""
    library: Library = request.app.state.library
    query = Query.read(request.query_params.multi_items())
    chosen = query.chosen_runs(library.rows())
    named = labels(chosen)
    groups: dict[str, list[Row]] = {}
    for row in chosen:
        groups.setdefault(configuration(row), []).append(row)
    lines = {named[key]: Line(tuple(rows)) for key, rows in groups.items()}
    return render.page(
        request,
        "compare.html",
        title="Compare",
        query=query,
        chosen=chosen,
        drawn=chosen[:MOST_DRAWN],
        lines=lines,
        words=_verdicts(library, lines) if len(lines) >= 2 else _of_one(library, chosen),
        differences=_differences(library, dict(islice(lines.items(), MOST_DRAWN))),
        beside=MOST_DRAWN,
        metrics=METRICS,
        report=f"/compare/report.html?{request.url.query}" if 2 <= len(chosen) <= MOST else "",
        missing=len(query.chosen) > 0 and not chosen,
    )


def _verdicts(library: Library, lines: Mapping[str, Line]) -> list[str]:
    """What may be said of configurations, paired by seed; of one run each, of those two trained networks."""
    if all(len(line.runs) == 1 for line in lines.values()):
        return _of_one(library, [line.first for line in lines.values()])
    if len(lines) > MOST_TOLD:
        return [
            f"{len(lines)} configurations have too many pairs to be told one by one; choose {MOST_TOLD} or fewer."
        ]
    data = {_data(library, line) for line in lines.values()}
    if len(data) > 1:
        return [f"These were tested on different data ({', '.join(sorted(data))}): their accuracies do not compare."]
    seeds = sorted({row["seed"] for line in lines.values() for row in line.runs if isinstance(row.get("seed"), int)})
    arms = {name: [_of_seed(line, seed) for seed in seeds] for name, line in lines.items()}
    return [pair.words + _left_out(lines, pair.first, pair.second) + pair.needs for pair in compare(arms)]


def _left_out(lines: Mapping[str, Line], *names: str) -> str:
    """Which seeds say nothing, and why: a configuration that often diverges is not better for that."""
    told = [
        f"{count} of {len(lines[name].runs)} seeds of {name}, {why}"
        for name in names
        for why, count in lines[name].left_out().items()
    ]
    return f" (left out: {'; '.join(told)})" if told else ""


def _data(library: Library, line: Line) -> str:
    """Which data set; of a folder of images, which one."""
    name = str(line.first.get("dataset"))
    try:
        return library.run(str(line.first["id"])).spec.data.path or name
    except UNREADABLE:
        return name


def _of_seed(line: Line, seed: int) -> float | None:
    for row in line.runs:
        if row.get("seed") == seed and row["status"] == "finished":
            value: float | None = row.get("test_accuracy")
            return value
    return None


def _of_one(library: Library, rows: Sequence[Row]) -> list[str]:
    """Of two runs: which images one alone gets right. Of others nothing."""
    if len(rows) != 2:
        return []
    try:
        first, second = (library.run(str(row["id"])) for row in rows)
        return compare_two(first, second).words.split("\n")
    except UNREADABLE as error:
        return [unreadable("These two", error)]


def _differences(library: Library, lines: Mapping[str, Line]) -> Table | None:
    """What differs in the specs, one column a configuration; and in machines and versions. None for one alone."""
    sides: dict[str, dict[str, str]] = {}
    for name, line in lines.items():
        try:
            sides[name] = _flat(library.run(str(line.first["id"])))
        except UNREADABLE as error:
            sides[name] = {"spec": unreadable(line.first["id"], error)}
    keys = list(dict.fromkeys(key for side in sides.values() for key in side))
    differing = [key for key in keys if len({side.get(key) for side in sides.values()}) > 1]
    if len(lines) < 2:
        return None
    return Table(("", *sides), [(key, *(side.get(key) for side in sides.values())) for key in differing])


def _flat(run: Run) -> dict[str, str]:
    manifest = run.folder.manifest
    spec: dict[str, Any] = {key: value for key, value in manifest["spec"].items() if key != "seed"}
    network = dict(spec.get("network", {}))
    layers, spec["network"] = network.pop("layers", None), network
    found = flatten({**spec, "decided": manifest.get("decisions", {}), "machine": manifest.get("environment", {})})
    if layers is not None:
        found["network.layers"] = " → ".join(layer_words(layer)[:80] for layer in layers)
    return {key: _told(value) for key, value in found.items()}


def _told(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return named(", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value, 400)

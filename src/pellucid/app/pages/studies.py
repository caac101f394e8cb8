"""Studies: those of the served folder with what they allow to say, and those of the five reports."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pellucid import catalog
from pellucid.app import render
from pellucid.app.library import Library
from pellucid.displays.interactive import figure
from pellucid.displays.numbers import measured
from pellucid.displays.page import Page
from pellucid.displays.table import Table
from pellucid.errors import unknown_name
from pellucid.report.study_sections import SECTIONS
from pellucid.spec.study import Study
from pellucid.verbs.studied import Studied
from pellucid.verbs.study_row import is_begun

#: Words of the sections in the page's own list of contents.
WORDS = {"verdicts": "What stands", "evidence": "Images", "curves": "By epoch", "again": "Do it again"}


def routes() -> list[Route]:
    """The list, one study with its sections, one study of a report."""
    return [
        Route("/studies", listing),
        Route("/study/{name}", show),
        Route("/study/{name}/section/{key}", part),
        Route("/studies/reported/{name}", reported),
    ]


def listing(request: Request) -> Response:
    """Both kinds; of each study how far it is."""
    library: Library = request.app.state.library
    kept = {one["name"]: one for one in library.studies()}
    asked = {name: _reported(name) for name in catalog.names("studies")}
    of_reports = [
        {
            "key": name.replace("_", "-"),
            "summary": catalog.summary("studies", name),
            "size": study.size,
            "begun": kept.get(study.name),
            "claims": len(study.claims),
        }
        for name, study in asked.items()
    ]
    return render.page(
        request,
        "studies.html",
        title="Studies",
        studies=list(kept.values()),
        of_reports=of_reports,
        typed=shlex.quote(str(library.root)),
    )


def show(request: Request) -> Response:
    """What is known at once; the sections come when they are looked at."""
    library: Library = request.app.state.library
    found = {one["name"]: one for one in library.studies()}
    name = request.path_params["name"]
    if name not in found:
        raise unknown_name("study", name[:120], found)
    return render.page(
        request,
        "study.html",
        title=name,
        study=found[name],
        sections={key: WORDS.get(key, key.capitalize()) for key in SECTIONS},
    )


async def part(request: Request) -> Response:
    """One section; nothing where it does not apply."""
    library: Library = request.app.state.library
    key = request.path_params["key"]
    if key not in SECTIONS:
        raise unknown_name("section", key, SECTIONS)

    def made() -> Response:
        studied = library.study(request.path_params["name"])
        found = SECTIONS[key](studied)
        if found is None:
            return Response(status_code=204)
        drawn = [_drawn(studied, found.key, display) for display in found.displays]
        return render.page(request, "parts/section.html", title=found.title, section=found, drawn=drawn)

    return await library.draw(request, made)


def reported(request: Request) -> Response:
    """What a report asked and said, and the command that runs it anew."""
    library: Library = request.app.state.library
    name = catalog.check("studies", request.path_params["name"])
    study = _reported(name)
    begun = {one["name"]: one for one in library.studies()}
    said = [(arm, study.metric, value) for arm, value in study.reported.items()]
    said += [(one.arm, one.metric, one.value) for one in study.also_reported]
    return render.page(
        request,
        "reported.html",
        title=study.name,
        key=name.replace("_", "-"),
        study=study,
        words=" ".join((catalog.load("studies", name).__doc__ or "").split()),
        told=Table(
            ("configuration", "number", "reported"),
            [(arm, metric.replace("_", " "), measured(metric, value)) for arm, metric, value in said],
        ),
        claims=[claim.words for claim in study.claims],
        base=Table(("", ""), [(key, str(value)) for key, value in study.base.items()]),
        begun=begun.get(study.name),
        quick=begun.get(f"{study.name}-quick"),
        typed=shlex.quote(str(library.root)),
    )


def _reported(name: str) -> Study:
    found: Study = catalog.load("studies", name)()
    return found


def _drawn(studied: Studied, key: str, display: Any) -> Markup:
    """A display of a section, with the runs behind the lines of its tables."""
    if isinstance(display, Table):
        found = _links(studied, key, display)
        if found:
            return Markup(f'<div class="wide">{display.linked(found)}</div>')
    if isinstance(display, Page):
        return Markup(display.arranged(lambda one: str(_drawn(studied, key, one))))
    return Markup(figure(display, drawn=False))


def _links(studied: Studied, key: str, table: Table) -> Mapping[tuple[int, int], str]:
    """Addresses of the runs behind a table's lines."""
    if key == "trials" and len(table.rows) == len(studied.rows):
        begun = [is_begun(studied.root, row.run) for row in studied.rows]
        return {(k, 0): f"/run/{row.run}" for k, row in enumerate(studied.rows) if begun[k]}
    if key == "table" and len(table.rows) == len(studied.chosen):
        runs = [
            [("run", row.run) for row in studied.of(config) if is_begun(studied.root, row.run)]
            for config in studied.chosen.values()
        ]
        return {(k, 0): f"/compare?{urlencode(pairs)}" for k, pairs in enumerate(runs) if pairs}
    return {}

"""One run: what the report says, section by section as one comes to it, and the images behind its numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pellucid import catalog
from pellucid.app import render
from pellucid.app.behind import ANSWERS, ORDERS, PAGE, Selection, links
from pellucid.app.library import UNREADABLE, Library, NoSuchRunError
from pellucid.app.listing import METRICS
from pellucid.app.trainings import Trainings
from pellucid.displays.display import Display
from pellucid.displays.interactive import figure, png_address
from pellucid.displays.matrix import Matrix
from pellucid.displays.page import Page
from pellucid.displays.table import Table
from pellucid.errors import DataError, UsageError, unknown_name
from pellucid.report.run.answers import answers
from pellucid.report.run_sections import SECTIONS, section
from pellucid.verbs.look import look
from pellucid.verbs.run import Run

#: Words of the sections in the page's own list of contents, where the key is not one.
WORDS: Final = {
    "answer": "In short",
    "samples": "Images",
    "maps": "Feature maps",
    "rows": "Row by row",
    "again": "Do it again",
}
#: Ways of looking that an image's own page begins with; all others are a link away.
ON_ONE_IMAGE: Final = ("guided_backprop", "grad_cam", "occlusion", "feature_maps")


def routes() -> list[Route]:
    """The page, its sections, the images behind its numbers, one image."""
    return [
        Route("/run/{id}", show),
        Route("/run/{id}/section/{key}", part),
        Route("/run/{id}/images", images),
        Route("/run/{id}/images/{number:int}", image),
        Route("/run/{id}/images/{number:int}/{way}", way),
    ]


def show(request: Request) -> Response:
    """What is known at once; the sections come when they are looked at. A run that waits to be trained says so."""
    trainings: Trainings = request.app.state.trainings
    training = trainings.of(request.path_params["id"])
    try:
        run = _run(request)
    except NoSuchRunError:
        if training is None:
            raise
        return render.page(
            request, "waiting.html", title=training.run_id, training=training, ahead=trainings.ahead(training)
        )
    return render.page(
        request,
        "run.html",
        training=training,
        title=run.id,
        run=run,
        status=run.status,
        facts=_facts(run),
        sections={key: WORDS.get(key, key.capitalize()) for key in SECTIONS},
        metrics=METRICS,
        metric=request.query_params.get("metric", ""),
    )


async def part(request: Request) -> Response:
    """One section; nothing where it does not apply."""
    library: Library = request.app.state.library

    def made() -> Response:
        run = _run(request)
        found = section(run, request.path_params["key"])
        if found is None:
            return Response(status_code=204)
        drawn = [_drawn(run, found.key, display) for display in found.displays]
        return render.page(request, "parts/section.html", title=found.title, section=found, drawn=drawn)

    return await library.draw(request, made)


def images(request: Request) -> Response:
    """Test images with what the run says of them, chosen by class, answer and confidence."""
    run = _run(request)
    chosen = Selection.read(request.query_params.multi_items())
    known = answers(run)
    every = chosen.of(known)
    pages = max(1, -(-len(every) // PAGE))
    chosen = replace(chosen, page=min(chosen.page, pages))
    start = (chosen.page - 1) * PAGE
    shown = every[start : start + PAGE]
    pixels = _test_images(run, known.labels)[shown]
    probabilities = known.probabilities
    tiles = [
        {
            "number": int(k),
            "picture": png_address(one),
            "true": run.class_names[known.labels[k]],
            "said": run.class_names[probabilities[k].argmax()],
            "right": bool(probabilities[k].argmax() == known.labels[k]),
            "sure": float(probabilities[k].max()),
        }
        for k, one in zip(shown, pixels, strict=True)
    ]
    return render.page(
        request,
        "images.html",
        title=f"Images of {run.id}",
        run=run,
        chosen=chosen,
        tiles=tiles,
        count=len(every),
        total=len(known.labels),
        right=int((known.logits[every].argmax(1) == known.labels[every]).sum()),
        pages=pages,
        classes=run.class_names,
        answers=ANSWERS,
        orders=ORDERS,
        side=_side(run),
    )


def image(request: Request) -> Response:
    """One test image: every class's probability, and ways of looking at it."""
    run, number = _run(request), _number(request)
    known = answers(run)
    if number >= len(known.labels):
        raise UsageError(f"image: expected a number below {len(known.labels):,}, found {number:,}.")
    probabilities = known.probabilities[number]
    order = np.argsort(-probabilities, kind="stable")[:20]
    return render.page(
        request,
        "image.html",
        title=f"Image {number} of {run.id}",
        run=run,
        number=number,
        last=len(known.labels) - 1,
        picture=png_address(_test_images(run, known.labels)[number]),
        label=int(known.labels[number]),
        said=int(order[0]),
        bars=[(run.class_names[k], float(probabilities[k]), int(k)) for k in order],
        ways={name: catalog.summary("inspection", name) for name in ON_ONE_IMAGE},
        side=max(_side(run), 224),
    )


async def way(request: Request) -> Response:
    """One way of looking at one image."""
    library: Library = request.app.state.library
    number, name = _number(request), request.path_params["way"]
    if name not in ON_ONE_IMAGE:
        raise unknown_name("way", name[:80], ON_ONE_IMAGE)

    def made() -> Response:
        drawn = Markup(figure(look(_run(request), name, images=[number]), drawn=False))
        return render.page(request, "parts/display.html", title=name, drawn=drawn)

    return await library.draw(request, made)


def _run(request: Request) -> Run:
    library: Library = request.app.state.library
    return library.run(request.path_params["id"])


def _number(request: Request) -> int:
    return int(request.path_params["number"])


def _test_images(run: Run, labels: Any) -> Any:
    """Pixels of the test images. Raises DataError where they are not those of the answers."""
    found = run.images("test")
    if not np.array_equal(found.labels, labels):
        raise DataError(f"{run.id}: expected the test images of its answers, found others. Give it its data again.")
    return found.pixels


def _side(run: Run) -> int:
    """Pixels that an image's height takes on a screen: a whole multiple of its own where it is small."""
    height = run.input_shape[0]
    return height * max(1, round(84 / height))


def _facts(run: Run) -> dict[str, Any]:
    """The run's summary; nothing where its files do not let themselves be read, which its sections will say."""
    try:
        return run.summary()
    except UNREADABLE:
        return {}


def _drawn(run: Run, key: str, display: Display) -> Markup:
    """A display of a section, with the images behind the numbers of its tables."""
    if isinstance(display, Table):
        found = links(run, key, display)
        if found:
            return Markup(f'<div class="wide">{display.linked(found)}</div>')
    if isinstance(display, Matrix):
        every = display.table.linked(links(run, key, display.table))
        words = "Numbers, each leading to all of its images"
        table = f'<details class="more"><summary>{words}</summary><div class="wide">{every}</div></details>'
        return Markup(figure(display, drawn=False) + table)
    if isinstance(display, Page):
        return Markup(display.arranged(lambda one: str(_drawn(run, key, one))))
    return Markup(figure(display, drawn=False))

"""Trainings: chosen in a form whose whole state is in the address, begun, watched, stopped, resumed."""

from __future__ import annotations

import shlex
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pellucid.app import forms, render
from pellucid.app.forms import Filled
from pellucid.app.library import Library
from pellucid.app.trainings import Training, Trainings, words_of_form, words_of_run
from pellucid.errors import PellucidError, UsageError
from pellucid.images import Splits
from pellucid.spec.run import RunSpec
from pellucid.storage.run_folder import RunFolder
from pellucid.verbs.estimate import epoch_seconds
from pellucid.verbs.networks import layer_table, totals
from pellucid.verbs.run import Run
from pellucid.verbs.train import prepare

#: Fields of a form's body, at most.
MOST_FIELDS: Final = 200
#: Ended trainings that are shown, at most.
MOST_ENDED: Final = 5


def routes() -> list[Route]:
    """The form, what it comes to, and what is done with trainings."""
    return [
        Route("/train", show, methods=["GET"]),
        Route("/train", begin, methods=["POST"]),
        Route("/train/preview", preview),
        Route("/train/time", seconds),
        Route("/run/{id}/stop", stop, methods=["POST"]),
        Route("/run/{id}/resume", resume, methods=["POST"]),
    ]


def show(request: Request) -> Response:
    """The form, as the address fills it in, and the trainings that were begun."""
    return _form(request, forms.filled(request.query_params.multi_items()))


async def preview(request: Request) -> Response:
    """What a form comes to: the network for these images, its parameters, the command, whether the run is there."""
    library: Library = request.app.state.library
    form = forms.filled(request.query_params.multi_items())
    values: dict[str, Any] = {"title": "Train", "form": form, "known": None, "trouble": ""}
    values["command"] = shlex.join(("pellucid", *words_of_form(form)))
    if form.asked is not None:
        try:
            spec, splits = await library.draw(request, prepare, form.asked)
            values["known"] = _known(library, spec, splits)
        except PellucidError as error:
            values["trouble"] = str(error)
    return render.page(request, "parts/preview.html", **values)


async def seconds(request: Request) -> Response:
    """About how long it takes here: a few steps are timed."""
    library: Library = request.app.state.library
    form = forms.filled(request.query_params.multi_items())
    if form.asked is None:
        raise UsageError("train: expected a form without mistakes, found some. Mend them first.")

    def timed() -> tuple[float, int]:
        assert form.asked is not None
        spec, splits = prepare(form.asked)
        return epoch_seconds(spec, splits), spec.recipe.epochs

    each, epochs = await library.draw(request, timed)
    return render.page(request, "parts/time.html", title="Time", each=each, epochs=epochs)


async def begin(request: Request) -> Response:
    """Puts a training in the line and shows its run; a form with mistakes comes back."""
    library: Library = request.app.state.library
    trainings: Trainings = request.app.state.trainings
    text = (await request.body()).decode(errors="replace")
    try:
        form = forms.filled(parse_qsl(text, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise UsageError(f"train: expected a form of at most {MOST_FIELDS} fields, found more.") from None
    if form.asked is None:
        return _form(request, form, code=400)
    try:
        spec, _ = await library.draw(request, prepare, form.asked)
    except PellucidError as error:
        return _form(request, form, code=400, trouble=str(error))
    trainings.begin(spec.id, words_of_form(form))
    library.forget()
    return RedirectResponse(f"/run/{spec.id}", 303)


def stop(request: Request) -> Response:
    """Asks a training to save its state and leave."""
    run_id = request.path_params["id"]
    request.app.state.trainings.stop(run_id)
    return RedirectResponse(_back(request, run_id), 303)


def resume(request: Request) -> Response:
    """Goes on with a run that was stopped."""
    library: Library = request.app.state.library
    trainings: Trainings = request.app.state.trainings
    run = library.run(request.path_params["id"])
    if run.folder.result() is None and run.status != "running":
        run.images("train")  # what is not on this machine is not fetched by a page
        trainings.begin(run.id, words_of_run(run, trainings))
    library.forget()
    return RedirectResponse(f"/run/{run.id}", 303)


def _back(request: Request, run_id: str) -> str:
    library: Library = request.app.state.library
    return f"/run/{run_id}" if RunFolder.exists(library.root, run_id) else "/train"


def _form(request: Request, form: Filled, *, code: int = 200, trouble: str = "") -> Response:
    controls = form.controls()
    first = [control for part in controls.values() for control in part if control.name in forms.FIRST]
    rest = {
        part: [control for control in own if control not in first]
        for part, own in controls.items()
        if part != "network"
    }
    return render.page(
        request,
        "train.html",
        code=code,
        title="Train",
        form=form,
        trouble=trouble or form.complaints.get("", ""),
        networks=forms.networks(),
        datasets=forms.datasets(),
        recipes=forms.recipes(),
        own=controls["network"],
        first=sorted(first, key=lambda control: forms.FIRST.index(control.name)),
        rest=rest,
        titles=forms.TITLES,
        trainings=_line(request.app.state.trainings),
    )


def _line(trainings: Trainings) -> list[Training]:
    """All trainings that are not over, and the last few that are."""
    every = trainings.all()
    older = [one for one in every if not one.open][MOST_ENDED:]
    return [one for one in every if one not in older]


def _known(library: Library, spec: RunSpec, splits: Splits) -> dict[str, Any]:
    """What is known of a run before it is trained."""
    network: Any = spec.network
    there = RunFolder.exists(library.root, spec.id)
    run = Run(RunFolder.open(library.root, spec.id)) if there else None
    return {
        "id": spec.id,
        "status": run.status if run else None,
        "epochs_done": len(run.folder.metrics()) if run else 0,
        "epochs": spec.recipe.epochs,
        "steps": -(-len(splits.train) // spec.recipe.batch_size),
        "sizes": {name: len(images) for name, images in splits},
        "shape": "x".join(map(str, splits.shape)),
        "classes": len(splits.class_names),
        "totals": totals(network, splits.shape)["all"],
        "layers": layer_table(network, splits.shape),
    }

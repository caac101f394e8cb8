"""Every study of the reports is whole: what was reported and claimed belongs to configurations that it has."""

from __future__ import annotations

import inspect
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from pellucid import catalog
from pellucid.cli.app import app
from pellucid.displays.display import Display
from pellucid.spec.study import METRICS, Figure, OtherImages, Study
from pellucid.verbs import study_page
from pellucid.verbs.figures import OF_A_RUN, OF_ALL, drawn
from pellucid.verbs.reproduce import reported_study, reproduce
from pellucid.verbs.reproduction import on_other_images
from pellucid.verbs.run import Run
from pellucid.verbs.study import study
from pellucid.verbs.study_specs import specs_of

NAMES = catalog.names("studies")


@pytest.mark.parametrize("name", NAMES)
def test_a_study_is_data_with_a_summary(name: str) -> None:
    found = catalog.load("studies", name)()
    assert isinstance(found, Study) and found.name == name.replace("_", "-")
    assert "report 00" in catalog.summary("studies", name) or "report 00" in (
        catalog.load("studies", name).__doc__ or ""
    )
    arms = {found.arm(config) for config in found.configs()}
    said = {*found.reported, *(one.arm for one in found.also_reported)}
    assert said <= arms, said - arms
    assert {one.metric for one in found.also_reported} <= set(METRICS) - {found.metric}
    for claim in found.claims:
        assert claim.first in arms, claim
        assert claim.least is not None or claim.second in arms, claim
    assert found.claims and len(found.seeds) >= 3


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_has_what_draws_it(name: str) -> None:
    found = catalog.load("studies", name)()
    arms = {found.arm(config) for config in found.configs()}
    assert found.figures, "every figure of the report comes from a command"
    for figure in found.figures:
        assert not figure.arm or figure.arm in arms, figure
        if figure.way in OF_A_RUN:
            assert figure.options.keys() <= {"per_class"} and (not figure.options or figure.way == "samples")
            continue
        draws = getattr(study_page, figure.way) if figure.way in OF_ALL else catalog.load("inspection", figure.way)
        assert set(figure.options) <= set(inspect.signature(draws).parameters), figure
    for one in found.other_images:
        assert one.arm in arms


def test_figures_are_drawn_with_the_command_that_draws_them(tmp_path: Path) -> None:
    figures = (
        Figure("samples", "samples", {"per_class": 1}),
        Figure("layers", "layers"),
        Figure("curves of a run", "learning_curves"),
        Figure("confusions", "confusion_matrix"),
        Figure("curves of all", "curves", {"metric": "train_loss"}),
        Figure("curves by second", "curves", {"x": "second", "log_y": True}),
        Figure("filters", "filters", {"layer": "conv1"}, "lr=0.01"),
        Figure("neurons", "top_patches", {"layer": "conv2", "channels": (1, 2), "k": 3}),
        Figure("an eight", "feature_maps", of_class="8"),
        Figure("a horse", "feature_maps", of_class="horse"),
    )
    base = {"network": "lenet5", "activation": "tanh", "data": "digits", "size": 28, "subset": 200, "epochs": 1}
    asked = Study(
        name="drawn",
        base=base,
        listed=({"lr": 0.01}, {"lr": 0.001}),
        seeds=(0,),
        figures=figures,
        other_images=(
            OtherImages("on negatives", "lr=0.01", ("negative",), 0.2),
            OtherImages("on positives", "lr=0.01", ()),
        ),
    )
    found = study(asked, runs=tmp_path, workers=1)
    told = list(drawn(found))
    assert len(told) == len(figures)
    run = found.rows[0].run
    *told, (_, _, none) = told
    assert isinstance(none, str) and "expected a test image of class horse, found none" in none
    eight = int(np.flatnonzero(Run.open(tmp_path, run).images("test").labels == 8)[0])
    assert [command for _, command, _ in told] == [
        "pellucid data show digits --per-class 1",
        "pellucid networks show lenet5 --input 28x28x1 --network-option activation=tanh",
        f"pellucid curves {run}",
        f"pellucid evaluate {run}",
        "pellucid curves drawn --metric train_loss",
        "pellucid curves drawn --by second --log-y",
        f"pellucid look {run} filters --layer conv1",
        f"pellucid look {run} top_patches --layer conv2 --channel 1 --channel 2 --option k=3",
        f"pellucid look {run} feature_maps --image {eight}",
    ]
    for _, command, display in told:
        assert isinstance(display, Display) and display.render("png").startswith(b"\x89PNG")
        words = command.split()
        extra = ["--runs", str(tmp_path)] if words[1] in ("curves", "evaluate", "look") else []
        save = ["--output", str(tmp_path / "a.png")] if words[1] in ("curves", "look") else []
        save += ["--save", str(tmp_path / "a.png")] if words[1] == "data" else []
        assert app([*words[1:], *extra, *save], standalone_mode=False) is None, command
    negative, positive = on_other_images(found)
    assert (negative.reported, negative.n) == (0.2, 1)
    assert positive.mean == pytest.approx(found.summaries["lr=0.01"].mean)
    assert negative.mean == pytest.approx(Run.open(tmp_path, run).evaluate(views=("negative",)).accuracy)


def test_a_figure_whose_run_failed_says_so(tmp_path: Path) -> None:
    base = {"network": "mlp", "data": "digits", "subset": 200, "epochs": 1, "optimizer": "sgd"}
    asked = Study(name="wild", base=base, listed=({"lr": 1e12},), seeds=(0,), figures=(Figure("maps", "mistakes"),))
    ((_, command, told),) = drawn(study(asked, runs=tmp_path, workers=1))
    assert command == "" and isinstance(told, str) and "expected a finished run to draw, found none" in told


@pytest.mark.parametrize("name", NAMES)
def test_every_configuration_is_a_run(name: str, real_data: Path) -> None:
    for quick in (False, True):
        found = reported_study(name, quick=quick)
        specs = specs_of(found)
        assert len(specs) == found.size == len({spec.id for _, spec in specs})


def test_a_quick_study_ends_in_a_page_that_says_so(real_data: Path, tmp_path: Path) -> None:
    found = reproduce("learning_rate_range", quick=True, runs=tmp_path)
    assert len(found.studied.rows) == 6 and not found.studied.failed
    told = found.markdown()
    assert "These are not the report's figures" in told and "| lr=0.001 |" in told
    folder = tmp_path / "studies/learning-rate-range-quick"
    assert (folder / "reproduction.json").is_file() and (folder / "study.html").is_file()
    page = unescape((folder / "reproduction.html").read_text())
    assert "These are not the report's figures" in page and "pellucid reproduce learning-rate-range --quick" in page
    assert all(words in page for words, _ in found.studied.claims())
    assert found.figures and all(words in page and drawn.strip("`") in page for words, drawn, _ in found.figures)


@pytest.mark.parametrize("name", NAMES)
def test_a_quick_study_has_what_was_reported_of_what_it_trains(name: str) -> None:
    whole, quick = reported_study(name), reported_study(name, quick=True)
    arms = {quick.arm(config) for config in quick.configs()}
    assert {*quick.reported, *(one.arm for one in quick.also_reported)} <= arms
    assert {one.arm for one in quick.other_images} <= arms
    assert {one.arm for one in quick.figures} <= arms | {""}
    assert all({one.first, one.second} <= arms | {None} for one in quick.claims)
    assert [one.words for one in quick.figures] == [one.words for one in whole.figures]
    if len(quick.configs()) == len(whole.configs()):
        assert list(quick.reported.values()) == list(whole.reported.values())
        assert len(quick.also_reported) == len(whole.also_reported)
        assert [one.words for one in quick.claims] == [one.words for one in whole.claims]

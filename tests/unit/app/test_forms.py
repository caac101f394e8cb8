"""The form of a training, and the command that it comes to."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
import typer
from starlette.testclient import TestClient

from pellucid import catalog
from pellucid.app import forms
from pellucid.app.trainings import words_of_form
from pellucid.cli.app import app
from pellucid.verbs.options import option_fields, request
from pellucid.verbs.train import prepare

PART = {"sec-fetch-dest": "empty"}


def form(**given: str) -> forms.Filled:
    return forms.filled(given.items())


def test_every_option_of_a_run_has_a_field_but_those_of_folders() -> None:
    controls = form().controls()
    names = {control.name for part, own in controls.items() if part != "network" for control in own}
    assert names == set(option_fields()) - set(forms.LEFT_OUT)
    assert all(control.help or control.choices for part in controls.values() for control in part if part != "network")


@pytest.mark.parametrize("name", catalog.names("networks"))
def test_every_option_of_a_network_has_a_field_with_its_default(name: str) -> None:
    defaults = catalog.load("networks", name).__kwdefaults__
    own = {control.name: control.default for control in forms.network_controls(name)}
    assert set(own) == {f"n.{key}" for key in defaults if key not in ("input_shape", "classes")}


def test_the_defaults_are_those_of_the_recipe_that_is_chosen() -> None:
    controls = {one.name: one for one in form(recipe="one_cycle").controls()["recipe"]}
    assert controls["schedule"].default == "one_cycle"
    assert "constant" in controls["schedule"].choices


@pytest.mark.parametrize(
    ("text", "hint", "expected"),
    [
        ("3", int, 3),
        ("3", int | None, 3),
        ("1e-3", float, 0.001),
        ("no", bool, False),
        ("0.9 0.99", tuple[float, float], (0.9, 0.99)),
        ("grayscale, standardise", tuple[str, ...], ("grayscale", "standardise")),
        ("-x --runs=/", str, "-x --runs=/"),
    ],
)
def test_a_text_becomes_a_value(text: str, hint: Any, expected: Any) -> None:
    assert forms.value_of(text, hint) == expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("epochs", "x", "expected a whole number, found 'x'"),
        ("epochs", "1.5", "expected a whole number, found '1.5'"),
        ("lr", "nan", "expected a number, found 'nan'"),
        ("lr", "-1", "expected a number above 0, found -1.0."),
        ("betas", "0.9", "expected 2 values, found 1"),
        ("nesterov", "maybe", "expected yes or no, found 'maybe'"),
        ("n.activation", "tanh", None),
    ],
)
def test_what_does_not_fit_is_complained_of_beside_its_field(name: str, text: str, expected: str | None) -> None:
    found = form(network="lenet5", **{name: text})
    assert found.complaints == ({name: expected} if expected else {})
    assert (found.asked is None) == bool(expected)


def test_what_is_no_option_is_left_out() -> None:
    found = form(network="../../x", data="image_folder", runs="/", path="/etc", config="x", group="(a+)+", x="y")
    assert (found.network, found.data, found.options) == ("lenet5", "mnist", {})


@pytest.mark.parametrize(
    "given",
    [
        {"network": "mlp", "data": "digits"},
        {"network": "mlp", "data": "digits", "epochs": "2", "lr": "0.01", "seed": "3", "betas": "0.8 0.9"},
        {"network": "lenet5", "data": "digits", "n.activation": "tanh", "views": "negative standardise"},
        {"network": "vgg_small", "data": "digits", "size": "32", "n.batch_norm": "yes", "n.dropout": "0.5"},
        {"network": "mlp", "data": "digits", "recipe": "augmented", "shift": "1", "horizontal_flip": "no"},
    ],
)
def test_the_command_trains_what_the_form_asks_for(given: dict[str, str]) -> None:
    found = forms.filled(given.items())
    assert found.asked is not None
    asked, _ = prepare(found.asked)
    # parsed as the command line does, then put together as `pellucid train` does
    _, *words = words_of_form(found)
    context = typer.main.get_command(app).commands["train"].make_context("train", words)  # type: ignore[attr-defined]
    options = {key: value for key, value in context.params.items() if key in option_fields()}
    from pellucid.cli.train import _assignments

    typed, _ = prepare(
        request(
            context.params["network"],
            context.params["data"],
            recipe=context.params["recipe"],
            network_options=_assignments(context.params["network_option"] or []),
            options={key: tuple(value) if isinstance(value, list) else value for key, value in options.items()},
        )
    )
    assert typed.id == asked.id


def test_the_page_keeps_the_address_s_state(client: TestClient) -> None:
    given = {"network": "vgg_small", "data": "digits", "lr": "0.5", "n.dropout": "0.3", "shift": "2"}
    text = client.get(f"/train?{urlencode(given)}").text
    assert '<option value="vgg_small" selected' in text and '<option value="digits" selected' in text
    for name in ("lr", "n.dropout", "shift"):
        assert f'id="{name}" name="{name}" value="{given[name]}"' in text


def test_a_form_shows_what_it_comes_to_before_anything_is_trained(client: TestClient) -> None:
    text = client.get("/train/preview?network=lenet5&data=digits&epochs=3", headers=PART).text
    assert "<strong>61,706</strong> parameters" in text
    assert "1,197 of 28x28x1" in text and "pellucid train lenet5 digits --epochs 3" in text
    time = client.get("/train/time?network=mlp&data=digits&epochs=3", headers=PART).text
    assert "about <strong>" in time and "an epoch" in time


def test_a_form_tells_what_does_not_fit(client: TestClient) -> None:
    text = client.get("/train/preview?network=resnet9&data=digits&size=8&lr=0", headers=PART).text
    assert "1 value does not fit: lr" in text
    small = client.get("/train/preview?network=lenet5&data=digits&size=8", headers=PART).text
    assert "lenet5, layer conv2: expects at least 5x5 pixels" in small


def test_data_that_are_not_here_are_told_and_not_fetched(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path))
    text = client.get("/train/preview?network=lenet5&data=cifar10", headers=PART).text
    assert "pellucid data get cifar10" in text


def test_a_run_that_is_there_is_told(client: TestClient) -> None:
    given = {"network": "mlp", "data": "digits", "epochs": "2", "precision": "fp32", "threads": "1", "lr": "0.01"}
    text = client.get(f"/train/preview?{urlencode(given)}", headers=PART).text
    assert "This very run is there" in text and "finished" in text


def test_a_form_with_mistakes_comes_back_and_nothing_is_begun(client: TestClient) -> None:
    answer = client.post("/train", data={"network": "mlp", "data": "digits", "epochs": "0"}, follow_redirects=False)
    assert answer.status_code == 400 and "expected a whole number of 1 or more" in answer.text
    assert client.app.state.trainings.all() == []  # type: ignore[attr-defined]
    many = urlencode([(f"a{k}", "1") for k in range(500)])
    assert client.post("/train", content=many).status_code == 400

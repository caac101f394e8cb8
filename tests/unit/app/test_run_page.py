"""One run's page, its sections, and the images behind its numbers."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from pellucid.app.application import application
from pellucid.app.behind import PAGE, Selection
from pellucid.displays.interactive import png_address
from pellucid.report.run.answers import answers
from pellucid.report.run_sections import SECTIONS
from pellucid.verbs.run import Run
from pellucid.verbs.runs import runs

HOME = "http://127.0.0.1:8000"
PART = {"sec-fetch-dest": "empty"}


@pytest.fixture
def run(trained: Path) -> Run:
    return Run.open(trained, runs(trained)[0]["id"])


def test_the_page_opens_without_computing_its_sections(client: TestClient, run: Run) -> None:
    text = client.get(f"/run/{run.id}").text
    assert f"{100 * run.result['test_accuracy']:.2f} %" in text
    assert re.findall(r'data-part="([^"]+)"', text) == [f"/run/{run.id}/section/{key}" for key in SECTIONS]


@pytest.mark.parametrize("key", ["answer", "classes", "confusion", "calibration", "learning", "again"])
def test_a_section_comes_alone(client: TestClient, run: Run, key: str) -> None:
    answer = client.get(f"/run/{run.id}/section/{key}", headers=PART)
    assert answer.status_code == 200 and answer.text.startswith("<h2>") and "<html" not in answer.text
    assert 'style="' not in answer.text and "<style" not in answer.text  # which the browser would refuse


def test_a_section_that_does_not_apply_is_empty_and_an_unknown_one_is_told(client: TestClient, run: Run) -> None:
    assert client.get(f"/run/{run.id}/section/filters", headers=PART).status_code == 204  # no convolution
    unknown = client.get(f"/run/{run.id}/section/filter", headers=PART)
    assert unknown.status_code == 400 and "Did you mean filters?" in unescape(unknown.text)


@pytest.mark.parametrize("key", ["answer", "classes", "confusion", "calibration"])
def test_every_number_that_has_images_leads_to_as_many(client: TestClient, run: Run, key: str) -> None:
    text = client.get(f"/run/{run.id}/section/{key}", headers=PART).text
    linked = re.findall(rf'<a href="(/run/{run.id}/images[^"]*)">([^<]+)</a>', text)
    assert linked
    counts = 0
    for address, words in linked:
        answer = client.get(unescape(address))
        found = re.search(r"<h1>([\d,]+) of 300 test images", answer.text)
        assert answer.status_code == 200 and found, address
        if words.isdecimal() and key != "classes":  # a class of the digits is a number too
            counts += 1
            assert int(found[1]) == int(words), address
    assert counts or key in ("answer", "classes")


def test_a_selection_gives_the_images_that_it_says(run: Run) -> None:
    known = answers(run)
    predicted, sure = known.logits.argmax(1), known.probabilities.max(1)
    chosen = Selection(true=3, answers="wrong", low=0.5, order="unsure").of(known)
    expected = {k for k in range(300) if known.labels[k] == 3 and predicted[k] != 3 and sure[k] > 0.5}
    assert set(chosen.tolist()) == expected
    assert np.all(np.diff(sure[chosen]) >= 0)
    everything = Selection(order="number").of(known)
    assert everything.tolist() == list(range(300))
    halves = [len(Selection(**span).of(known)) for span in ({"high": 0.6}, {"low": 0.6})]
    assert sum(halves) == 300 and all(halves)


@pytest.mark.parametrize(
    "text",
    ["true=x", "true=-1", "answers=__class__", "above=nan", "above=2", "upto=-inf", "order=1", "page=0", "q=1"],
)
def test_what_an_address_of_images_should_not_say_is_left_out(text: str) -> None:
    name, _, value = text.partition("=")
    assert Selection.read([(name, value)]) == Selection()


def test_an_address_of_images_keeps_every_field() -> None:
    chosen = Selection(true=1, said=2, answers="wrong", low=0.25, high=2 / 3, order="number", page=2)
    query = chosen.address("x").partition("?")[2]
    assert Selection.read([tuple(pair.split("=")) for pair in query.split("&")]) == chosen  # type: ignore[misc]


def test_the_images_are_listed_with_what_the_network_said(client: TestClient, run: Run) -> None:
    known, images = answers(run), run.images("test")
    text = client.get(f"/run/{run.id}/images?order=number").text
    assert text.count("<li>") == PAGE
    first = text.partition("<li>")[2].partition("</li>")[0]
    assert png_address(images.pixels[0]) in first
    assert f">{run.class_names[known.labels[0]]}<" in first.replace("</s> ", "</s>>").replace("</span>", "<")


def test_an_image_is_shown_with_its_class_and_every_probability(client: TestClient, run: Run) -> None:
    known = answers(run)
    number = int(np.flatnonzero(known.logits.argmax(1) != known.labels)[0])
    text = client.get(f"/run/{run.id}/images/{number}").text
    true, said = (run.class_names[k] for k in (known.labels[number], known.logits[number].argmax()))
    assert f"<h1>{true}, taken for {said}</h1>" in text
    for share in known.probabilities[number]:
        assert f"{100 * share:.2f} %" in text
    assert client.get(f"/run/{run.id}/images/300").status_code == 400
    assert client.get(f"/run/{run.id}/images/x").status_code == 404


def test_a_way_of_looking_at_an_image_comes_alone(client: TestClient, run: Run) -> None:
    answer = client.get(f"/run/{run.id}/images/1/occlusion", headers=PART)
    assert answer.status_code == 200 and "<svg" in answer.text and 'style="' not in answer.text
    assert client.get(f"/run/{run.id}/images/1/evolution", headers=PART).status_code == 400


@pytest.mark.parametrize(
    "name", ["nothing", "%2e%2e", "%2e%2e%2fx", ".hidden", "A", "a" * 10_000, "<img onerror=alert(1)>", "‮x"]
)
def test_a_run_is_asked_for_by_its_id_alone(client: TestClient, name: str) -> None:
    answer = client.get(f"/run/{name}")
    assert answer.status_code in (404, 414)
    assert "<img" not in answer.text


def test_a_run_that_was_deleted_while_open_is_told_and_the_rest_works(tmp_path: Path) -> None:
    from pellucid.storage.run_folder import RunFolder
    from pellucid.verbs.train import train

    one, two = (train("mlp", "digits", epochs=1, seed=k, pictures=False, exact=True, runs=tmp_path) for k in (0, 1))
    with TestClient(application(tmp_path), base_url=HOME) as client:
        assert client.get(f"/run/{one.id}").status_code == 200
        RunFolder.delete(tmp_path, one.id)
        gone = client.get(f"/run/{one.id}/section/answer", headers=PART)
        assert gone.status_code == 404 and "not (any more)" in gone.text
        assert client.get(f"/run/{two.id}/section/answer", headers=PART).status_code == 200


def test_a_broken_run_is_told_and_the_rest_works(tmp_path: Path) -> None:
    from pellucid.verbs.train import train

    whole, torn, odd = (
        train("mlp", "digits", epochs=1, seed=k, pictures=False, exact=True, runs=tmp_path) for k in range(3)
    )
    manifest = torn.path / "run.json"
    manifest.write_text(manifest.read_text().replace('"seed": 1', '"seed": 7'))
    result = odd.path / "result.json"
    result.write_text(result.read_text()[:50])
    with TestClient(application(tmp_path), base_url=HOME) as client:
        text = client.get("/runs").text
        assert text.count("broken") >= 2 and whole.id in client.get("/runs?group=none").text
        answer = client.get(f"/run/{torn.id}")
        assert answer.status_code == 409 and "checksum" in answer.text and "delete the run" in answer.text
        half = client.get(f"/run/{odd.id}")
        assert half.status_code == 200 and "This run is broken" in half.text
        assert client.get(f"/run/{odd.id}/section/learning", headers=PART).status_code == 409
        samples = client.get(f"/run/{odd.id}/section/samples", headers=PART)
        assert samples.status_code == 200 and "/images" not in samples.text  # nothing is answered
        assert f"/run/{whole.id}/images" in client.get(f"/run/{whole.id}/section/samples", headers=PART).text


@pytest.mark.parametrize("name", ["%2e%2e", ".hidden", "Outside"])
def test_what_is_no_id_is_not_even_looked_for(tmp_path: Path, name: str) -> None:
    from urllib.parse import unquote

    (tmp_path / "runs").mkdir()
    place = tmp_path / "runs" / unquote(name)
    place.mkdir(exist_ok=True)
    (place / "run.json").write_text("{}")
    with TestClient(application(tmp_path / "runs"), base_url=HOME) as client:
        assert client.get(f"/run/{name}/section/answer", headers=PART).status_code == 404

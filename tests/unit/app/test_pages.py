"""What the pages show of a folder, of an empty one, of a hostile one; and what they tell while training goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pellucid.app.application import application
from pellucid.app.curves import Follower, labels
from pellucid.app.library import Library
from pellucid.app.listing import Query
from pellucid.app.pages.events import _was_there
from pellucid.app.trainings import Training
from pellucid.spec.run import RunSpec
from pellucid.storage.run_folder import RunFolder
from pellucid.storage.study_folder import StudyFolder
from pellucid.verbs.run import Run
from pellucid.verbs.runs import runs

HOME = "http://127.0.0.1:8000"
PART = {"sec-fetch-dest": "empty"}
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "\"'><svg/onload=alert(1)>",
    "\u202eevil\u202c",
    "a" * 10_000,
    "{{ 7*7 }}",
)


def test_an_empty_folder_says_what_to_type(tmp_path: Path) -> None:
    with TestClient(application(tmp_path / "none"), base_url=HOME) as client:
        text = client.get("/runs").text
        assert "No runs here yet" in text and f"pellucid train mlp digits --runs {tmp_path / 'none'}" in text
        assert client.get("/studies").status_code == 200
    assert not (tmp_path / "none").exists()  # looking changes nothing


def test_the_runs_are_listed_by_configuration(client: TestClient, trained: Path) -> None:
    text = client.get("/runs").text
    assert "3 runs of 2 configurations" in " ".join(text.split()) and text.count('class="run-group') == 2
    assert "seeds 0, 1" in text
    alone = client.get("/runs?group=none&q=lr>0.005").text
    assert alone.count('/images">') == 1  # a number leads to the images behind it
    assert alone.count('class="run-group') == 1 and "lr&gt;0.005" in alone


def test_a_script_is_given_the_view_alone(client: TestClient) -> None:
    text = client.get("/runs", headers=PART).text
    assert "<html" not in text and 'id="list"' in text


def test_a_list_without_a_match_says_so(client: TestClient) -> None:
    assert "No run is like that" in client.get("/runs?q=nothing-like-it").text


def test_two_configurations_are_compared_seed_by_seed_and_their_specs_set_beside_each_other(
    client: TestClient, trained: Path
) -> None:
    rows = runs(trained)
    found = client.get(f"/compare?{'&'.join('run=' + row['id'] for row in rows)}").text
    assert "2 configurations, 3 runs" in found and "Too few seeds to say" in found
    assert "<td>recipe.lr</td>" in found and "<td>recipe.epochs</td>" not in found


def test_configurations_that_differ_in_their_layers_alone_stay_two(tmp_path: Path) -> None:
    from pellucid.verbs.train import train

    for size in (8, 16):
        train("mlp", "digits", network_options={"hidden_size": size}, epochs=1, pictures=False, runs=tmp_path)
    rows = runs(tmp_path)
    assert len(set(labels(rows).values())) == 2
    with TestClient(application(tmp_path), base_url=HOME) as client:
        found = client.get(f"/compare?{'&'.join('run=' + row['id'] for row in rows)}").text
    assert "2 configurations, 2 runs" in found and "<td>network.layers</td>" in found


def test_two_runs_are_compared_image_by_image(client: TestClient, trained: Path) -> None:
    from pellucid.verbs.compare import compare

    one, two = runs(trained)[:2]
    text = unescape(client.get(f"/compare?run={one['id']}&run={two['id']}").text)
    words = compare(Run.open(trained, one["id"]), Run.open(trained, two["id"])).words.split("\n")[0]
    assert words[3:] in text
    layers = client.get(f"/run/{one['id']}/section/network", headers=PART)
    assert layers.status_code == 200 and "fc1" in layers.text  # comparing has changed nothing that is kept
    assert "None of these runs is here" in client.get("/compare?run=x").text
    assert "No runs are chosen" in client.get("/compare").text


def test_studies_are_listed_and_shown_with_the_runs_behind_their_lines(tmp_path: Path) -> None:
    from pellucid.verbs.made_study import made_study
    from pellucid.verbs.study import study

    asked = made_study("rates", {"network": "mlp", "data": "digits", "epochs": 1}, compare=["lr=0.001,0.01"], seeds=2)
    found = study(asked, runs=tmp_path, workers=1)
    (tmp_path / "studies" / "torn").mkdir()
    (tmp_path / "studies" / "torn" / "study.json").write_text("{")
    with TestClient(application(tmp_path), base_url=HOME) as client:
        text = client.get("/studies").text
        assert "4 of 4 done," in text and "under way" not in text and "negative-images" in text and "checksum" in text
        assert client.get("/study/rates").status_code == 200
        verdicts = unescape(client.get("/study/rates/section/verdicts", headers=PART).text)
        assert all(words[1:] in verdicts for words in found.verdicts())
        trials = client.get("/study/rates/section/trials", headers=PART).text
        assert all(f'href="/run/{row.run}"' in trials for row in found.rows)
        assert client.get("/study/rates/section/reported", headers=PART).status_code == 204
        for name in ("nothing", "..", "%2e%2e", "a" * 5_000):
            assert client.get(f"/study/{name}/section/table", headers=PART).status_code in (400, 404)
        assert "cannot be read" in client.get("/study/torn").text
    RunFolder.delete(tmp_path, found.rows[0].run)
    with TestClient(application(tmp_path), base_url=HOME) as client, StudyFolder(tmp_path, "rates").lock():
        assert "3 of 4 done, under way" in client.get("/studies").text
        trials = client.get("/study/rates/section/trials", headers=PART).text
        assert f'href="/run/{found.rows[0].run}"' not in trials and f'href="/run/{found.rows[1].run}"' in trials
    study(replace(asked, seeds=(1,)), runs=tmp_path, workers=1)
    with TestClient(application(tmp_path), base_url=HOME) as client:
        assert "2 of 2 done," in client.get("/studies").text, "those of the other seed are not counted any more"


def test_a_report_s_study_shows_what_was_claimed(client: TestClient) -> None:
    text = client.get("/studies/reported/negative-images").text
    assert "98.95 %" in text and "pellucid reproduce negative-images --quick" in text
    assert client.get("/studies/reported/x").status_code == 400
    text = client.get("/studies/reported/rates-and-optimizers-on-cifar").text
    assert all(word in text for word in ("test accuracy", "71.70 %", "train loss", "0.1498"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs whose network, data set, classes and reasons are named by somebody who wishes no good."""
    from pellucid.verbs.train import train

    root = tmp_path_factory.mktemp("hostile")
    whole = train("mlp", "digits", epochs=1, exact=True, pictures=False, runs=tmp_path_factory.mktemp("whole"))
    for k, name in enumerate(HOSTILE):
        manifest: dict[str, Any] = json.loads(json.dumps(whole.folder.manifest))
        manifest["spec"]["network"]["name"] = name
        manifest["spec"]["data"]["name"] = name
        manifest["class_names"] = [f"{name}{c}" for c in range(10)]
        manifest["environment"]["cpu"] = name
        folder = RunFolder.create(root, f"run{k}", manifest)
        for line in whole.folder.metrics():
            folder.append_metrics(line)
        kept = whole.folder.predictions()
        assert kept is not None
        folder.save_predictions(kept)
        folder.save_result({**(whole.folder.result() or {}), "reason": name})
    return root


@pytest.mark.parametrize("k", range(len(HOSTILE)))
def test_hostile_names_are_only_ever_text(hostile: Path, k: int) -> None:
    addresses = [
        "/runs", "/runs?group=none", "/compare?run=run0&run=run1&run=run2", f"/run/run{k}",
        *(f"/run/run{k}/section/{key}" for key in ("answer", "classes", "confusion", "learning", "again", "samples")),
        f"/run/run{k}/images", f"/run/run{k}/images/0",
    ]  # fmt: skip
    with TestClient(application(hostile), base_url=HOME) as client:
        for address in addresses:
            text = client.get(address).text
            for mark in ("<img src=x", "<script>alert", "<svg/onload", "onerror=alert(1)>"):
                assert mark not in text, address
            assert "49" not in text or "{{ 7*7 }}" in text or k != 5, address
        for query in HOSTILE[:3]:
            found = client.get("/runs", params={"q": query, "network": query, "run": query, "open": query}).text
            assert query not in found


def test_labels_say_what_sets_configurations_apart() -> None:
    base = {"network": "mlp", "dataset": "digits", "optimizer": "adam", "lr": 0.1, "options": "l2=0.1"}
    rows = [
        {**base, "id": "a", "configuration": "a"},
        {**base, "id": "b", "configuration": "b", "lr": 0.2},
        {**base, "id": "c", "configuration": "c", "options": "l2=0.1 size=8"},
    ]
    assert labels(rows) == {"c-a": "lr=0.1", "c-b": "lr=0.2", "c-c": "lr=0.1 size=8"}
    assert labels(rows[:1]) == {"c-a": "mlp on digits"}
    assert labels([*rows[:2], {"id": "gone"}]) == {"c-a": "lr=0.1", "c-b": "lr=0.2", "gone": "gone"}


@pytest.mark.parametrize(
    ("state", "there"),
    [
        ("waiting", False),
        ("running", False),
        ("stopping", False),
        ("stopped", True),
        ("failed", True),
        ("finished", True),
    ],
)
def test_of_a_training_that_begins_no_run_is_gone_yet(state: str, there: bool) -> None:
    assert _was_there(Training("mlp-digits-s0-00000000", ("train",), state)) is there
    assert _was_there(None), "it was begun elsewhere"


def test_curves_are_told_once_and_again_when_they_grow(tmp_path: Path, trained: Path) -> None:
    source = Run.open(trained, runs(trained)[0]["id"])
    spec = RunSpec.from_dict(source.folder.manifest["spec"])
    folder = RunFolder.create(tmp_path, spec.id, source.folder.manifest)
    library = Library(tmp_path)
    follower = Follower(library, Query(chosen=(spec.id,)).chosen_runs(library.rows()), "validation_accuracy")
    (begun,) = follower.changes()
    assert (begun["x"], begun["status"], begun["epochs"]) == ([], "interrupted", 2)
    assert follower.changes() == []
    for k, line in enumerate(source.folder.metrics()):
        folder.append_metrics(line)
        with folder.lock():
            (grown,) = follower.changes()
            assert grown["x"] == list(range(1, k + 2)) and grown["status"] == "running"
            assert grown["y"][-1] == line["validation_accuracy"]
            assert follower.changes() == []
    folder.save_result(source.result)
    (over,) = follower.changes()
    assert over["status"] == "finished"
    RunFolder.delete(tmp_path, spec.id)
    (gone,) = follower.changes()
    assert gone["status"] == "gone" and follower.changes() == []
    query = Query(chosen=(spec.id, "c-0123456789"))
    assert Query(chosen=("c-mnist-s0-01234567",)).lost([]), "of a network of the name c"
    assert query.lost([{"id": spec.id}]) == [] and query.chosen_runs([]) == []
    (told,) = Follower(library, query.lost([]), "validation_accuracy").changes()
    assert (told["id"], told["status"], told["x"]) == (spec.id, "gone", [])


def test_a_model_is_built_once_and_the_longest_unused_run_is_let_go(trained: Path) -> None:
    ids = [row["id"] for row in runs(trained)]
    library = Library(trained, kept=2)
    model = library.model(ids[0])
    assert library.model(ids[0]) is model and library.run(ids[0]) is library.run(ids[0])
    for run_id in ids[1:]:
        library.run(run_id)
    assert library.model(ids[0]) is not model

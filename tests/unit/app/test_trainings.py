"""Trainings in processes of their own: one at a time, stopped once, resumed to the same bits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from waiting import until

from pellucid.app import trainings as module
from pellucid.app.application import application
from pellucid.app.trainings import Training, Trainings, words_of_run
from pellucid.errors import UsageError
from pellucid.verbs.run import Run

HOME = "http://127.0.0.1:8000"
FORM = {"network": "mlp", "data": "digits", "precision": "fp32", "threads": "1", "device": "cpu"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(application(tmp_path), base_url=HOME, headers={"origin": HOME}, follow_redirects=False) as found:
        yield found


@pytest.fixture
def line(client: TestClient) -> Trainings:
    found: Trainings = client.app.state.trainings  # type: ignore[attr-defined]
    return found


def begun(client: TestClient, **more: str) -> str:
    answer = client.post("/train", data={**FORM, **more})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].removeprefix("/run/")


def test_a_training_is_begun_watched_stopped_and_resumed_to_the_same_bits(
    client: TestClient, line: Trainings, tmp_path: Path
) -> None:
    from pellucid.verbs.train import train

    run_id = begun(client, epochs="150")
    assert client.get(f"/run/{run_id}").status_code == 200  # before its folder is there
    until(lambda: (tmp_path / run_id / "metrics.jsonl").exists())
    assert "Stop</button>" in client.get(f"/run/{run_id}").text
    assert client.post(f"/run/{run_id}/stop").headers["location"] == f"/run/{run_id}"
    client.post(f"/run/{run_id}/stop")  # a second signal would end it before its state is saved
    until(lambda: line.all()[0].state == "stopped")
    run = Run.open(tmp_path, run_id)
    assert run.status == "interrupted" and run.folder.events()[-1]["event"] == "interrupted"
    done = len(run.folder.metrics())
    assert 0 < done < 150
    assert "Go on</button>" in client.get(f"/run/{run_id}").text
    assert client.post(f"/run/{run_id}/resume").status_code == 303
    until(lambda: run.status == "finished")
    alone = train(
        "mlp", "digits", epochs=150, precision="fp32", threads=1, device="cpu", runs=tmp_path / "b", pictures=False
    )
    assert alone.id == run_id
    assert (alone.path / "metrics.jsonl").read_bytes() == (run.path / "metrics.jsonl").read_bytes()


def test_one_is_trained_at_a_time_and_the_others_wait_in_a_line_that_has_an_end(
    client: TestClient, line: Trainings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    first, second, third = (begun(client, epochs="100000", seed=str(k)) for k in range(3))
    assert begun(client, epochs="100000", seed="2") == third  # the same again changes nothing
    assert [one.state for one in line.all()] == ["running", "waiting", "waiting"]
    full = client.post("/train", data={**FORM, "epochs": "100000", "seed": "3"})
    assert full.status_code == 400 and "at most 2 to wait" in full.text
    text = client.get(f"/run/{third}").text
    assert "Waiting in line" in text and "2 trainings before it" in text
    assert client.post(f"/run/{second}/stop").headers["location"] == "/train"
    assert [one.state for one in line.all()] == ["running", "waiting", "stopped"]
    left = line.close()
    assert len(left) == 1 and "--seed 2" in left[0]
    assert line.of(first).state == "stopped"  # type: ignore[union-attr]


def test_all_that_wait_are_shown_and_the_last_few_that_ended(
    client: TestClient, line: Trainings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainings, "_advance", lambda self: None)  # nothing is begun
    for k in range(20):
        line.begin(f"waits{k:02d}", ["train"])
    for k in range(9):
        line._all.append(Training(f"ended{k:02d}", (), state="finished"))
    shown = re.findall(r'<a href="/run/(\w+)">', client.get("/train").text)
    assert shown == [f"waits{k:02d}" for k in range(20)] + [f"ended{k:02d}" for k in (8, 7, 6, 5, 4)]


def test_a_training_that_fails_says_why(client: TestClient, line: Trainings) -> None:
    line.begin("mlp-digits-s0-00000000", ["train", "mlp", "digits", "--lr=-1"])
    until(lambda: not line.all()[0].open)
    text = client.get("/run/mlp-digits-s0-00000000").text
    assert "This training did not begin" in text and "expected a number above 0" in text


def test_only_what_was_begun_here_is_stopped(client: TestClient) -> None:
    answer = client.post("/run/mlp-digits-s0-00000000/stop")
    assert answer.status_code == 400 and "Ctrl-C" in answer.text


def test_a_run_goes_on_with_its_own_network_where_the_catalogue_makes_another(tmp_path: Path) -> None:
    from pellucid.verbs.options import request
    from pellucid.verbs.train import prepare, train

    run = train(
        "lenet5", "digits", network_options={"activation": "tanh"}, epochs=1, precision="fp32", runs=tmp_path,
        pictures=False,
    )  # fmt: skip
    line = Trainings(tmp_path)
    words = words_of_run(run, line)
    assert words[1].endswith("/lenet5.toml")
    options = {"epochs": 1, "precision": "fp32", "size": 28}
    assert prepare(request(words[1], "digits", options=options))[0].id == run.id
    line.close()
    assert not Path(words[1]).exists()


def test_a_network_s_name_is_not_a_path(tmp_path: Path) -> None:
    from pellucid.spec import Dense, Network

    with pytest.raises(UsageError, match="letters, digits"):
        Trainings(tmp_path).file_of(Network("../../x", (Dense(10),)))

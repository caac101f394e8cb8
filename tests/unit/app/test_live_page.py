"""What the Live and Network pages ask is answered rightly, and what they should not ask is told."""

from __future__ import annotations

import base64
import json
import re
import shutil
import struct
from collections.abc import Iterator
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from pellucid.app import library as library_module
from pellucid.app.application import application
from pellucid.app.pages.network import sheets
from pellucid.displays.palette import design
from pellucid.errors import DataError
from pellucid.verbs.live import Live
from pellucid.verbs.run import Run
from pellucid.verbs.train import train

HOME = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with convolutions, and one that reads rows. Not to be changed."""
    root = tmp_path_factory.mktemp("runs")
    for network in ("lenet5", "row_gru"):
        train(
            network, "digits", size=28, epochs=1, subset=200, precision="fp32", threads=1, pictures=False, runs=root
        )
    return root


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    with TestClient(application(folder), base_url=HOME, headers={"origin": HOME}) as found:
        yield found


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return Run.open(folder, "lenet5")


@pytest.fixture(scope="module")
def live(run: Run) -> Live:
    return Live(run)


def unpacked(data: bytes) -> tuple[dict[str, Any], bytes]:
    (length,) = struct.unpack("<I", data[:4])
    return json.loads(data[4 : 4 + length]), data[4 + length :]


SIZE = {"height": 28, "width": 28, "channels": 1}


def test_an_answer_is_that_of_the_run_and_carries_its_number(client: TestClient, run: Run, live: Live) -> None:
    pixels, _ = live.image("test", 4)
    found = client.post(
        f"/run/{run.id}/live/answer", params={**SIZE, "sequence": 17, "whole": "conv2"}, content=pixels.tobytes()
    )
    header, body = unpacked(found.content)
    assert (header["sequence"], header["run"]) == (17, run.id)
    assert header["probabilities"] == pytest.approx(live.answer(pixels).probabilities.tolist(), abs=1e-6)
    assert body[:784] == pixels.tobytes()


def test_what_is_drawn_is_averaged_and_changed_as_asked(client: TestClient, run: Run, live: Live) -> None:
    pixels, _ = live.image("test", 4)
    fine = pixels.repeat(4, axis=0).repeat(4, axis=1)
    size = {"height": 112, "width": 112, "channels": 1}
    for asked in ({}, {"invert": 1}, {"noise": 30}, {"centre": 1, "invert": 1}):
        answer = client.post(f"/run/{run.id}/live/answer", params={**size, **asked}, content=fine.tobytes())
        expected = live.seen(
            fine, centre="centre" in asked, invert="invert" in asked, noise=float(asked.get("noise", 0))
        )
        assert unpacked(answer.content)[1][:784] == expected.tobytes()


def test_a_neurons_account_and_the_occlusion_map_are_told(client: TestClient, run: Run, live: Live) -> None:
    pixels, _ = live.image("test", 4)
    asked = {**SIZE, "layer": "conv1", "channel": 2, "row": 3, "column": 5}
    told = client.post(f"/run/{run.id}/live/neuron", params=asked, content=pixels.tobytes()).json()
    assert told == json.loads(json.dumps(live.neuron(pixels, "conv1", 2, 3, 5)))
    map_ = client.post(f"/run/{run.id}/live/occlusion", params={**SIZE, "target": 3}, content=pixels.tobytes()).json()
    assert map_["target"] == 3 and np.shape(map_["probability"]) == (len(map_["tops"]), len(map_["lefts"]))


def test_images_and_pictures_come_as_the_run_sees_them(client: TestClient, run: Run, live: Live) -> None:
    pixels, label = live.image("validation", 2)
    told = client.get(f"/run/{run.id}/live/image/validation/2").json()
    assert base64.b64decode(told["pixels"]) == pixels.tobytes()
    assert (told["label"], told["shape"]) == (label, [28, 28, 1])
    stream = BytesIO()
    Image.fromarray(pixels[..., 0]).save(stream, "PNG")
    told = client.post(f"/run/{run.id}/live/picture", content=stream.getvalue()).json()
    assert base64.b64decode(told["pixels"]) == pixels.tobytes()


@pytest.mark.parametrize(
    ("path", "params", "content", "code", "words"),
    [
        ("answer", {**SIZE}, b"12", 400, "expected 784 bytes"),
        ("answer", {"height": 5000, "width": 5000, "channels": 1}, b"", 400, "expected at most 1024 x 1024 points"),
        ("answer", {"height": "x"}, b"", 400, "height: expected a whole number, found 'x'"),
        ("answer", {**SIZE, "noise": 300}, bytes(784), 400, "expected 0 to 255 gray values"),
        ("answer", {**SIZE, "sequence": "1" * 13}, bytes(784), 400, "sequence: expected a whole number"),
        ("neuron", {**SIZE, "layer": "conv9"}, bytes(784), 400, "unknown layer"),
        ("neuron", {**SIZE, "layer": "conv1", "channel": -1}, bytes(784), 400, "expected channel, row and column"),
        ("occlusion", {**SIZE, "target": 10}, bytes(784), 400, "expected a class from 0 to 9"),
        ("picture", {}, b"no picture", 409, "expected a PNG, JPEG or other picture"),
    ],
)
def test_what_cannot_be_answered_is_told(
    client: TestClient, run: Run, path: str, params: dict[str, Any], content: bytes, code: int, words: str
) -> None:
    answer = client.post(f"/run/{run.id}/live/{path}", params=params, content=content)
    assert answer.status_code == code and words in answer.text.replace("&#39;", "'")


def test_images_that_are_not_there_are_told(client: TestClient, run: Run) -> None:
    assert "from 0 to 299" in client.get(f"/run/{run.id}/live/image/test/300").text
    assert "unknown split" in client.get(f"/run/{run.id}/live/image/tests/0").text


def test_the_next_of_a_class_is_found(client: TestClient, run: Run, live: Live) -> None:
    asked = {"split": "test", "index": 5, "label": 7}
    assert client.get(f"/run/{run.id}/live/find", params=asked).json() == {"index": live.find("test", 5, 7)}
    asked["step"] = -1
    assert client.get(f"/run/{run.id}/live/find", params=asked).json() == {"index": live.find("test", 5, 7, step=-1)}
    assert client.get(f"/run/{run.id}/live/find", params={"split": "x"}).status_code == 400


def test_without_its_data_set_a_run_can_still_be_drawn_on(
    client: TestClient, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(self: Run, split: str = "test", views: Any = ()) -> None:
        raise DataError("expected the images, found none.")

    monkeypatch.setattr(Run, "images", gone)
    page = client.get(f"/run/{run.id}/live")
    assert page.status_code == 200 and "images that the run was trained on are not here" in page.text
    assert client.post(f"/run/{run.id}/live/answer", params=SIZE, content=bytes(784)).status_code == 200
    assert client.get(f"/run/{run.id}/network").status_code == 200


def test_too_many_at_a_time_are_turned_away_and_may_come_again(
    client: TestClient, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask() -> int:
        return client.post(f"/run/{run.id}/live/answer", params=SIZE, content=bytes(784)).status_code

    monkeypatch.setattr(library_module, "WAITING", 0)
    assert ask() == 503
    monkeypatch.undo()
    assert ask() == 200


def test_a_run_deleted_while_it_is_drawn_on_is_told(folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    shutil.copytree(folder, root)
    name = Run.open(root, "lenet5").id
    with TestClient(application(root), base_url=HOME, headers={"origin": HOME}) as client:
        assert client.post(f"/run/{name}/live/answer", params=SIZE, content=bytes(784)).status_code == 200
        shutil.rmtree(root / name)
        answer = client.post(f"/run/{name}/live/answer", params=SIZE, content=bytes(784))
        assert answer.status_code == 404 and "not (any more)" in answer.text


def test_new_weights_are_taken_up(folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    shutil.copytree(folder, root)
    run = Run.open(root, "lenet5")

    def ask(client: TestClient) -> Any:
        content = live_pixels.tobytes()
        return unpacked(client.post(f"/run/{run.id}/live/answer", params=SIZE, content=content).content)[0]

    live_pixels = run.images("test").pixels[0]
    with TestClient(application(root), base_url=HOME, headers={"origin": HOME}) as client:
        before = ask(client)["probabilities"]
        weights = run.folder.load_weights("best")
        run.folder.save_weights("best", {name: -array for name, array in weights.items()}, epoch=1)
        assert ask(client)["probabilities"] != before


def test_the_page_knows_the_network_and_runs_to_put_beside_it(client: TestClient, run: Run, folder: Path) -> None:
    page = client.get(f"/run/{run.id}/live").text
    (text,) = re.findall(r"data-networks='([^']*)'", page)
    (network,) = json.loads(text)
    assert network["id"] == run.id and network["shape"] == [28, 28, 1] and network["fine"] == 4
    assert (network["box"], network["pen"]) == (1.0, 5.0)
    assert network["layers"][0]["field"] == "5x5" and network["images"]["test"] == 300
    other = Run.open(folder, "row_gru").id
    assert f'<option value="{other}">' in page and f'<option value="{run.id}"' not in page
    both = client.get(f"/run/{run.id}/live", params={"other": other}).text
    (text,) = re.findall(r"data-networks='([^']*)'", both)
    assert [one["id"] for one in json.loads(text)] == [run.id, other]
    assert client.get(f"/run/{run.id}/live", params={"other": "../x"}).status_code == 404


def test_nothing_inline_is_asked_of_the_browser(client: TestClient, run: Run) -> None:
    for path in ("live", "network", "network?layer=conv2", "atlas"):
        page = client.get(f"/run/{run.id}/{path}").text
        assert "style=" not in page and "<style" not in page and not re.search(r"\son\w+=", page)
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", page))


def test_the_network_page_shows_every_layer_and_the_chosen_one(client: TestClient, run: Run) -> None:
    page = client.get(f"/run/{run.id}/network", params={"layer": "conv2"}).text
    assert page.count('class="block ') == 12
    for words in ("61,706 weights", "14x14x6", "10x10x16", "16x6x5x5", "14x14", "‹ pool1", "relu2 ›"):
        assert words in page
    assert "conv2: 16 filters" in page
    found = client.get(f"/run/{run.id}/network", params={"q": "conv"}).text
    assert found.count('<li class="aside">') == 10
    row = client.get(
        "/run/" + next(path.name for path in run.path.parent.iterdir() if "gru" in path.name) + "/network"
    )
    assert row.status_code == 200 and "recurrent" in row.text


def test_layers_without_maps_and_unknown_ones_are_told(client: TestClient, run: Run) -> None:
    assert "Passes on what it is given" in client.get(f"/run/{run.id}/network?layer=flatten1").text
    for name in ("conv9", "conv1.weight", "<script>"):
        answer = client.get(f"/run/{run.id}/network", params={"layer": name})
        assert answer.status_code == 400 and "unknown layer" in answer.text and "<script>" not in answer.text


def test_sheets_grow_with_the_map_and_its_channels() -> None:
    image = (28, 28, 1)
    assert len(sheets((28, 28, 1), image)) == 1 and len(sheets((28, 28, 16), image)) == 3
    assert len(sheets((4, 4, 512), image)) == 5
    (small,), (large,) = sheets((7, 7, 1), image), sheets((28, 28, 1), image)
    assert large[2] == pytest.approx(2 * small[2])
    for shape in ((1, 1, 2048), (28, 28, 2048), (4096,), (28, 128), (1,)):
        for x, y, width, height in sheets(shape, image):
            assert x >= 0 and y >= 0 and x + width <= 64 and y + height <= 64


def test_no_name_of_a_style_means_two_things() -> None:
    """The pages that look inside have a sheet of their own: what it names must be its own, or shared on purpose."""

    def names(text: str) -> set[str]:
        return set(re.findall(r"\.([a-z][a-z-]+)", re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)))

    static = files("pellucid.app").joinpath("static")
    common = names(static.joinpath("app.css").read_text() + design())
    shared = names(static.joinpath("inside.css").read_text()) & common
    assert shared <= {"button", "field", "head", "quiet", "trouble", "scroll", "key", "card"}

"""The atlas's page finds channels, cuts the right tiles, and makes what is not there."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient
from waiting import until

from pellucid.app import makers
from pellucid.app.application import application
from pellucid.app.channels import ACROSS, Query, channels
from pellucid.app.makers import AtlasMakers, Making
from pellucid.errors import DataError
from pellucid.inspection.top_patches import patch
from pellucid.verbs.atlas import Atlas, atlas, kept_atlas
from pellucid.verbs.run import Run
from pellucid.verbs.train import train

HOME = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs, the first with its atlas. Not to be changed."""
    root = tmp_path_factory.mktemp("runs")
    for network in ("lenet5", "mlp"):
        train(
            network, "digits", size=28, epochs=2, subset=300, precision="fp32", threads=1, pictures=False, runs=root
        )
    atlas(Run.open(root, "lenet5"))
    return root


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return Run.open(folder, "lenet5")


@pytest.fixture(scope="module")
def made(run: Run) -> Atlas:
    found = kept_atlas(run)
    assert found is not None
    return found


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    with TestClient(application(folder), base_url=HOME, headers={"origin": HOME}) as found:
        yield found


def picture(client: TestClient, address: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    answer = client.get(address)
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"
    return np.asarray(Image.open(BytesIO(answer.content)))


def test_channels_are_found_by_class_and_selectivity_and_put_in_order(made: Atlas) -> None:
    one = made.layers["fc1"]
    everything = list(range(120))
    assert channels(made, Query("fc1")) == everything
    of_three = channels(made, Query("fc1", words="3"))
    assert of_three == [k for k in everything if one.best_class[k] == 3] and of_three
    selective = np.nan_to_num(one.selectivity)
    assert channels(made, Query("fc1", least=0.3)) == [k for k in everything if selective[k] >= 0.3]
    by_selectivity = channels(made, Query("fc1", order="selectivity"))
    assert sorted(by_selectivity) == everything and (np.diff(selective[by_selectivity]) <= 0).all()
    assert (np.diff(one.best_class[channels(made, Query("fc1", order="class"))]) >= 0).all()
    active = channels(made, Query("fc1", order="active"))
    assert (np.diff(one.active[active]) <= 0).all() and (
        np.diff(one.active[channels(made, Query("fc1", order="silent"))]) >= 0
    ).all()
    assert channels(made, Query("fc1", words="nothing like it")) == []


def test_the_page_lists_what_is_asked_for_and_steps_through_it(client: TestClient, run: Run, made: Atlas) -> None:
    chosen = channels(made, Query("fc1", words="3", order="selectivity"))
    address = f"/run/{run.id}/atlas?layer=fc1&q=3&order=selectivity&channel={chosen[1]}"
    page = client.get(address).text
    assert f"{len(chosen)} of 120 channels" in page and f"fc1, channel {chosen[1]}" in page
    links = dict(re.findall(r'rel="(prev|next|up)" href="([^"]*)"', page))
    assert links["prev"].endswith("order=selectivity") and f"channel={chosen[0]}&" in links["prev"]
    assert f"channel={chosen[2]}&" in links["next"] and "channel" not in links["up"]
    assert "prefers 3" in page and "Mean answer by class" in page
    assert page.count("look at it live") == 9


def test_the_sheet_holds_each_channels_strongest_patches(client: TestClient, run: Run, made: Atlas) -> None:
    sheet = picture(client, f"/run/{run.id}/atlas/sheet.png?layer=conv2")
    one = made.layers["conv2"]
    assert sheet.shape == (30, ACROSS * 30)
    for channel in (0, 7, 15):
        for rank in range(4):
            top, left = rank // 2 * 15, channel * 30 + rank % 2 * 15
            image = made.images.pixels[one.image[channel, rank]]
            expected = patch(image, one.layer, one.place[channel, rank])[..., 0]
            assert np.array_equal(sheet[top : top + 14, left : left + 14], expected)


def test_a_channels_strip_holds_patches_and_projections(client: TestClient, run: Run, made: Atlas) -> None:
    strip = picture(client, f"/run/{run.id}/atlas/channel.png?layer=conv2&channel=3")
    one = made.layers["conv2"]
    assert strip.shape == (3 * 14, 9 * 14)
    for row, rule in ((1, "deconvnet"), (2, "guided")):
        signal = one.projection(rule, 3, 5)[0]
        shown = strip[row * 14 : (row + 1) * 14, 5 * 14 : 6 * 14].astype(float) - 128
        assert np.abs(shown - 127 * signal / np.abs(signal).max()).max() <= 0.51
    examples = picture(client, f"/run/{run.id}/atlas/channel.png?layer=conv2&channel=3&part=examples")
    assert examples.shape == (28, 13 * 28)
    assert np.array_equal(examples[:, 28:56], made.images.pixels[one.at_quantile[3, 1], ..., 0])
    assert np.array_equal(examples[:, 4 * 28 : 5 * 28], made.images.pixels[one.low_image[3, 0], ..., 0])


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("?layer=conv9", "unknown layer"),
        ("?layer=conv2&channel=16", "expected 0 to 15 (layer conv2, 16x10x10)"),
        ("/sheet.png?layer=x", "unknown layer"),
        ("/channel.png?layer=conv2", "channel: expected 0 to 15"),
    ],
)
def test_what_is_not_there_is_told(client: TestClient, run: Run, path: str, words: str) -> None:
    answer = client.get(f"/run/{run.id}/atlas{path}")
    assert answer.status_code == 400 and words in answer.text


@pytest.mark.parametrize("words", ["least=nan&order=x&channel=-1", "least=-3&channel=1e9", "least=x&channel=٣"])
def test_what_is_not_understood_is_left_out(client: TestClient, run: Run, words: str) -> None:
    answer = client.get(f"/run/{run.id}/atlas?layer=conv1&{words}")
    assert answer.status_code == 200 and "6 of 6 channels" in answer.text


def test_an_address_says_what_is_asked_and_no_more() -> None:
    assert Query("conv1").address() == "?layer=conv1"
    asked = Query("conv1", 3, "cat & dog", 0.25, "class")
    assert asked.address() == "?layer=conv1&channel=3&q=cat+%26+dog&least=0.25&order=class"
    assert asked.address(channel=-1) == "?layer=conv1&q=cat+%26+dog&least=0.25&order=class"


def test_an_atlas_that_is_not_there_is_made_when_asked_for(client: TestClient, folder: Path) -> None:
    name = Run.open(folder, "mlp").id
    assert "Make the atlas" in client.get(f"/run/{name}/atlas").text
    assert client.get(f"/run/{name}/atlas/sheet.png?layer=fc1").status_code == 400
    assert client.get(f"/run/{name}/atlas/progress").json()["over"]
    answer = client.post(f"/run/{name}/atlas/make", follow_redirects=False)
    assert answer.status_code == 303 and answer.headers["location"] == f"/run/{name}/atlas"
    shares = []
    for _ in range(600):
        told = client.get(f"/run/{name}/atlas/progress").json()
        shares.append(told["share"])
        if told["over"]:
            break
        time.sleep(0.05)
    assert told["failure"] == "" and shares == sorted(shares) and shares[-1] == 1
    assert "channels</h2>" in client.get(f"/run/{name}/atlas").text


def test_an_atlas_is_made_once_at_a_time_and_failures_are_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(run: Run, *, told: object) -> None:
        time.sleep(0.05)
        raise DataError("expected images, found none.")

    monkeypatch.setattr(makers, "atlas", refused)
    made = AtlasMakers()
    first = made.make(run)
    assert made.make(run) is first is made.of(run.id)
    until(lambda: first.over)
    assert first.failure == "expected images, found none." and made.make(run) is not first


def test_the_share_that_is_made_never_falls() -> None:
    making, shares = Making(), []
    for what, done, of in (("layers", 0, 2), ("images", 0, 4), ("images", 4, 4), ("layers", 1, 2), ("layers", 2, 2)):
        making.told(what, done, of)
        shares.append(making.share)
    assert shares == pytest.approx([0, 0, 2 / 3, 5 / 6, 1]) and making.words == "2 of 2 layers"

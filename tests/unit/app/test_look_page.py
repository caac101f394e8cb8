"""Every way of looking, from a form made of its signature."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from pellucid import catalog
from pellucid.app.application import application
from pellucid.app.looking import BROUGHT, Asked, controls
from pellucid.cli import run as pellucid
from pellucid.displays.display import plain
from pellucid.errors import UsageError
from pellucid.verbs.run import Run

HOME = "http://127.0.0.1:8000"
PART = {"sec-fetch-dest": "empty"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of a convolutional network."""
    from pellucid.verbs.train import train

    root = tmp_path_factory.mktemp("runs")
    for seed in (0, 1):
        train("lenet5", "digits", epochs=1, seed=seed, exact=True, pictures=False, runs=root)
    return root


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    with TestClient(application(folder), base_url=HOME) as found:
        yield found


@pytest.fixture
def both(folder: Path) -> tuple[Run, Run]:
    first, second = (Run.open(folder, path.name) for path in sorted(folder.glob("lenet5-*")))
    return first, second


@pytest.mark.parametrize("way", catalog.names("inspection"))
def test_every_way_of_the_catalogue_has_its_form_and_its_picture(
    client: TestClient, both: tuple[Run, Run], way: str
) -> None:
    run, other = both
    fields = {control.name for control in controls(way)}
    parameters = catalog.load("inspection", way).__kwdefaults__ or {}
    assert set(parameters) - set(BROUGHT) <= fields
    query = {"way": way} | ({"other": other.id} if "other" in fields - set(parameters) else {})
    query |= {name: less for name, less in {"samples": "2", "steps": "3", "n": "50"}.items() if name in fields}
    page = client.get(f"/run/{run.id}/look?{urlencode(query)}")
    assert page.status_code == 200 and catalog.summary("inspection", way) in unescape(page.text)
    drawn = client.get(f"/run/{run.id}/look/drawn?{urlencode(query)}", headers=PART)
    if way == "row_reader":  # there are no rows to read: the page says so
        assert drawn.status_code == 400 and "recurrent" in drawn.text
    else:
        assert drawn.status_code == 200 and drawn.text.startswith("<figure>")


def test_the_command_that_the_page_shows_draws_the_same(
    both: tuple[Run, Run],
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = {"layer": "conv2", "channel": "3 5", "place": "(2, 2)", "twin": "yes", "images": "4, 7", "split": "train"}
    asked = Asked.read([("way", "deconvnet"), *texts.items(), ("no_such", "1")])
    assert asked.texts == texts
    words = shlex.split(asked.command(both[0].id))[1:]
    rest = ["--runs", str(folder), "--json", "--output", str(tmp_path / "look.png")]
    monkeypatch.setattr("sys.argv", ["pellucid", *words, *rest])
    assert pellucid() == 0
    told = json.loads(capsys.readouterr().out)["data"]
    assert told == json.loads(json.dumps(plain(asked.display(both[0]).to_dict())))


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("way=filter", "Did you mean filters?"),
        ("way=occlusion&split=tests", "split"),
        ("way=occlusion&images=3 x", "expected up to 20 numbers"),
        ("way=occlusion&images=9999", "expected a number from 0 to"),
        ("way=deconvnet&channel=a", "channel: expected numbers, found 'a'"),
        ("way=occlusion&target=<img src=x>", "class"),
        ("way=smoothgrad&samples=1000000000", "samples: expected up to 2,000 on this page"),
        ("way=maximise&steps=ten", "steps: found 'ten'. Input should be a valid integer"),
        ("way=maximise&steps=1.5", "steps: found 1.5. Input should be a valid integer"),
        ("way=embedding&seed=-1", "seed: found -1. Input should be greater than or equal to 0"),
        ("way=deconvnet&layer=conv2&channel=1&place=x", "place: found 'x'"),
        ("way=deconvnet&others=both", "others: found 'both'. Input should be 'refuse' or 'gradient'"),
        ("way=match&other=nothing-like-it", "expected it in the served folder"),
        ("way=match", "Give the other"),
    ],
)
def test_what_does_not_fit_is_told(client: TestClient, both: tuple[Run, Run], query: str, told: str) -> None:
    answer = client.get(f"/run/{both[0].id}/look/drawn?{query}", headers=PART)
    assert answer.status_code in (400, 404) and told in unescape(answer.text) and "<img src=x>" not in answer.text


def test_a_broken_run_beside_it_does_no_harm(folder: Path, both: tuple[Run, Run]) -> None:
    (folder / "torn").mkdir()
    (folder / "torn" / "run.json").write_text("{")
    try:
        with TestClient(application(folder), base_url=HOME) as client:
            assert client.get(f"/run/{both[0].id}/look?way=match").status_code == 200
    finally:
        shutil.rmtree(folder / "torn")


def test_an_unknown_way_is_told_before_anything_is_read() -> None:
    with pytest.raises(UsageError, match="unknown way"):
        Asked.read([("way", "a" * 300)])

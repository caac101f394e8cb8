"""What is said of many runs: which of them count, which are drawn, and what a broken one leaves of the others."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.testclient import TestClient

from pellucid.app.application import application
from pellucid.app.library import Library, stamp
from pellucid.app.listing import MOST_DRAWN
from pellucid.app.pages.events import events
from pellucid.app.safety import ADDRESS_LIMIT
from pellucid.storage import sealed
from pellucid.storage.run_folder import RunFolder
from pellucid.verbs.run import Run
from pellucid.verbs.runs import runs

HOME = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def source(trained: Path) -> Run:
    return Run.open(trained, runs(trained)[0]["id"])


def kept(source: Run, root: Path, run_id: str, *, seed: int, status: str = "finished", **recipe: Any) -> None:
    """Another run like `source`: of another seed, of other options; without a result where it was interrupted."""
    spec = json.loads(json.dumps(source.folder.manifest["spec"]))
    manifest = {**source.folder.manifest, "spec": {**spec, "seed": seed, "recipe": {**spec["recipe"], **recipe}}}
    folder = RunFolder.create(root, run_id, manifest)
    if status != "interrupted":
        sealed.rewrite_lines(folder.path / "metrics.jsonl", source.folder.metrics())
        sealed.write_json(folder.path / "result.json", {**source.result, "status": status})


def told(root: Path, query: str, *, until: str, seconds: float = 3.0) -> list[str]:
    """What `/events` tells until it says `until`, or for so long."""
    request = Request({"type": "http", "query_string": query.encode(), "headers": [], "app": application(root)})
    found: list[str] = []

    async def listen() -> None:
        answer = await events(request)
        assert isinstance(answer, StreamingResponse)
        lines: AsyncIterator[Any] = answer.body_iterator  # type: ignore[assignment]
        with anyio.move_on_after(seconds):
            async for line in lines:
                found.append(str(line))
                if until in found[-1]:
                    return

    with ThreadPoolExecutor(1) as pool:  # in this thread the browser of other tests may have its own loop
        pool.submit(anyio.run, listen).result()
    return found


def test_seeds_that_say_nothing_are_told_where_configurations_are_compared(source: Run, tmp_path: Path) -> None:
    for seed in range(8):
        kept(source, tmp_path, f"steady{seed}", seed=seed, lr=0.001)
        status = "diverged" if seed < 5 else "interrupted" if seed == 5 else "finished"
        kept(source, tmp_path, f"torn{seed}", seed=seed, lr=0.01, status=status)
    with TestClient(application(tmp_path), base_url=HOME) as client:
        listed = client.get("/runs").text
        text = client.get(
            "/compare?" + "&".join(f"run={name}{k}" for name in ("steady", "torn") for k in range(8))
        ).text
    words = "(left out: 5 of 8 seeds of lr=0.01, which diverged; 1 of 8 seeds of lr=0.01, interrupted)"
    assert words in unescape(text)
    assert re.findall(r'<td class="number">([\d of]+)</td>', text)[:1] == ["8"] and ">2 of 8</td>" in text
    assert listed.count("2 of 8 runs") == 2  # of validation and of test


def test_runs_beyond_those_that_are_drawn_are_told(source: Run, tmp_path: Path) -> None:
    names = [f"{k:03d}".ljust(128, "x") for k in range(50)]
    for k, name in enumerate(names):
        kept(source, tmp_path, name, seed=k)
    key = "c-" + Library(tmp_path).rows()[0]["configuration"]
    every = "&".join(f"run={name}" for name in names)
    assert len(every) < ADDRESS_LIMIT
    with TestClient(application(tmp_path), base_url=HOME) as client:
        for address in (f"/runs?run={key}", f"/runs?{every}", f"/compare?run={key}", f"/compare?{every}"):
            text = client.get(address).text
            (drawn,) = re.findall(r'data-runs="([^"]+)"', text)
            assert drawn.split() == names[:MOST_DRAWN] and "40 of 50 runs are drawn." in text
            assert len(f"/events?{'&'.join(f'run={one}' for one in drawn.split())}") < ADDRESS_LIMIT / 2
        assert "runs are drawn" not in client.get(f"/runs?run={names[0]}").text
    (line,) = [one for one in told(tmp_path, f"run={key}", until="curves") if "curves" in one]
    assert [one["id"] for one in json.loads(line.partition("data: ")[2])] == names[:MOST_DRAWN]


def test_a_list_that_is_another_by_now_is_told_at_once(source: Run, tmp_path: Path) -> None:
    with TestClient(application(tmp_path), base_url=HOME) as client:
        (empty,) = re.findall(r'data-stamp="([^"]+)"', client.get("/runs").text)
        kept(source, tmp_path, "one", seed=0)
        client.app.state.library.forget()  # type: ignore[attr-defined]
        (full,) = re.findall(r'data-stamp="([^"]+)"', client.get("/runs").text)
    assert (empty, full) == (stamp([]), stamp(runs(tmp_path))) and empty != full
    assert told(tmp_path, f"list={empty}", until="list")[1:] == ["event: list\ndata: null\n\n"]
    assert told(tmp_path, f"list={full}", until="list", seconds=1.0)[1:] == []


SPECS: dict[str, Any] = {
    "nothing": None,
    "words": "spec",
    "network": {"network": "x"},
    "list": {"network": {"name": ["mlp"]}},
    "dict": {"network": {"name": "mlp"}, "data": {"name": {"a": 1}}},
    "seed": {"seed": [0]},
    "rate": {"recipe": {"lr": "fast", "optimizer": 3}},
    "layers": {"network": {"name": "mlp", "layers": 5}, "data": {"name": "digits"}, "recipe": {}},
}


@pytest.mark.parametrize("name", SPECS)
def test_a_whole_file_that_says_what_no_run_says_hides_no_other_run(name: str, source: Run, tmp_path: Path) -> None:
    kept(source, tmp_path, "good", seed=0)
    RunFolder.create(tmp_path, "bad", {**source.folder.manifest, "spec": SPECS[name]})
    with TestClient(application(tmp_path), base_url=HOME) as client:
        text = client.get("/runs").text
        assert 'href="/run/good"' in text and 'href="/run/bad"' in text
        for address in (
            "/runs?group=none",
            "/runs?sort=network&run=bad&run=good",
            "/compare?run=bad&run=good",
            "/run/bad",
        ):
            assert client.get(address).status_code == 200, address
    row = next(row for row in runs(tmp_path) if row["id"] == "bad")
    assert name == "layers" or (row["status"] == "broken" and "pellucid runs delete bad" in row["reason"])
    line = told(tmp_path, "run=bad&run=good", until="curves")[-1]
    statuses = {one["id"]: one["status"] for one in json.loads(line.partition("data: ")[2])}
    assert statuses == {"bad": "broken", "good": "finished"}


@pytest.mark.parametrize(
    "result", [{"status": "won"}, {"status": None}, {"test_accuracy": "high"}, {"seconds": [1]}, {"created": 5}]
)
def test_a_result_or_a_date_of_another_kind_is_a_broken_run(result: Any, source: Run, tmp_path: Path) -> None:
    for run_id, more in (("good", {}), ("bad", result)):
        folder = RunFolder.create(tmp_path, run_id, {**source.folder.manifest, **more})
        folder.save_result({**source.result, **more})
    assert {row["id"]: row["status"] for row in runs(tmp_path)} == {"good": "finished", "bad": "broken"}

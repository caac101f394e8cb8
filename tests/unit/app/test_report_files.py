"""Reports that the app gives to keep: the files that the command line writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pellucid.app.application import application
from pellucid.report.verify import verify
from pellucid.verbs.made_study import made_study
from pellucid.verbs.runs import runs
from pellucid.verbs.study import study

HOME = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of two rates, one seed each."""
    found = tmp_path_factory.mktemp("runs")
    base = {"network": "mlp", "data": "digits", "epochs": 1}
    study(made_study("rates", base, compare=["lr=0.001,0.01"], seeds=1), runs=found, workers=1)
    return found


@pytest.fixture
def client(root: Path) -> Iterator[TestClient]:
    with TestClient(application(root), base_url=HOME) as found:
        yield found


def test_a_run_a_study_and_what_is_compared_can_be_kept_as_files_that_verify(
    client: TestClient, root: Path, tmp_path: Path
) -> None:
    ids = [str(row["id"]) for row in runs(root)]
    compared = f"/compare/report.html?run={ids[0]}&run={ids[1]}"
    for page, address, name in (
        (f"/run/{ids[0]}", f"/run/{ids[0]}/report.html", f"{ids[0]}.html"),
        ("/study/rates", "/study/rates/report.html", "rates.html"),
        (compared.replace("/report.html", ""), compared, "runs.html"),
    ):
        assert f'href="{address.replace("&", "&amp;")}"' in client.get(page).text
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
        path = tmp_path / name
        path.write_bytes(answer.content)
        found = verify(path, runs=root)
        assert found.values and not found.differences


def test_what_cannot_be_kept_is_told(client: TestClient, root: Path) -> None:
    run = runs(root)[0]["id"]
    assert client.get("/run/nothing/report.html").status_code == 404
    assert client.get("/study/nothing/report.html").status_code == 400
    answer = client.get(f"/compare/report.html?run={run}")
    assert answer.status_code == 400 and "expected 2 to 12 runs, found 1" in answer.text
    assert "/compare/report.html" not in client.get(f"/compare?run={run}").text

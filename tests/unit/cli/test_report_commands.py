"""report and verify, as a person and as a script would use them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pellucid.cli.app import app
from pellucid.errors import StorageError, UsageError
from pellucid.verbs.train import train


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    train("mlp", "digits", epochs=1, exact=True, runs=folder, pictures=False)
    return folder


def called(*words: object) -> int:
    return app(list(map(str, words)), standalone_mode=False) or 0


def test_a_report_is_written_verified_and_not_written_over(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (run,) = runs.glob("mlp-*")
    page = Path(f"{run.name}.html")  # not "last": the next one would be in its way
    assert called("report", "last", "--runs", runs, "--json", "--tables", "tables") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["report"] == str(page) and found["bytes"] == page.stat().st_size
    assert Path("tables/classes-1.tex").is_file() and "tables/classes-1.tex" in found["files"]
    assert called("verify", page, "--runs", runs) == 0
    assert capsys.readouterr().out.strip().endswith("every number is as the runs give it")
    with pytest.raises(UsageError, match=rf"{page}: expected nothing there"):
        called("report", "last", "--runs", runs)
    text = page.read_text()
    at = text.index(" %</td>", text.index('id="classes"'))
    page.write_text(f"{text[: at - 2]}{(int(text[at - 2 : at]) + 1) % 100:02}{text[at:]}")
    assert called("verify", page, "--runs", runs) == 1
    assert "the report says" in capsys.readouterr().out
    assert called("verify", page, "--runs", runs, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["agree"], len(told["differences"])) == (False, 1)
    assert called("report", "last", "--runs", runs, "--force", "-o", page) == 0
    assert called("verify", page, "--runs", runs) == 0


def test_names_that_are_nothing_are_told_with_the_nearest(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown run 'mlp-digit-s7'.*Did you mean mlp-digits"):
        called("report", "mlp-digit-s7", "--runs", runs, "-o", tmp_path / "r.html")
    with pytest.raises(UsageError, match="Begin with: pellucid train"):
        called("report", "last", "--runs", tmp_path, "-o", tmp_path / "r.html")


def test_what_cannot_be_written_is_refused_before_anything_is_computed(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def computed(*args: object, **options: object) -> None:
        pytest.fail("the report was computed")

    monkeypatch.setattr("pellucid.report.build.report", computed)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("pellucid.report.printing._MAC", tmp_path / "none")
    with pytest.raises(UsageError, match="expected Chromium or Chrome"):
        called("report", "last", "--runs", runs, "-o", tmp_path / "r.pdf")
    with pytest.raises(StorageError, match=r"a/b: expected the folder .*a, found none"):
        called("report", "last", "--runs", runs, "-o", tmp_path / "r.html", "--tables", tmp_path / "a/b")
    assert not list(tmp_path.iterdir())


def test_a_page_over_the_limit_is_written_and_told(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pellucid.report.weight.LIMIT", 100_000)
    page = tmp_path / "r.html"
    assert called("report", "last", "--runs", runs, "-o", page) == 0
    out, err = capsys.readouterr()
    assert out == f"{page}\n" and page.stat().st_size > 100_000
    assert f"{page}: expected at most 0.1 MB, found " in err and "--format md" in err

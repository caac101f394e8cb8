"""A report says what its runs say, and not a digit else."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pellucid.errors import DataError, StorageError, UsageError
from pellucid.report import run_sections
from pellucid.report.build import of_run, report
from pellucid.report.verify import Verified, verify
from pellucid.storage import sealed
from pellucid.verbs.run import Run
from pellucid.verbs.study import Studied
from pellucid.verbs.train import train


@pytest.fixture(scope="module", autouse=True)
def light() -> Iterator[None]:
    """Without the sections that take long and are compared as `statistics` is."""
    slow = ("weights", "maps", "atlas", "shifts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_sections, "SECTIONS", {k: v for k, v in run_sections.SECTIONS.items() if k not in slow})
        yield


@pytest.fixture(scope="module")
def page(run: Run) -> str:
    return of_run(run).html()


def changed(page: str, old: str, new: str, tmp_path: Path, run: Run, *, after: str = "") -> Verified:
    """The report with one text in place of another, verified."""
    start = page.index(after)
    at = page.index(old, start)
    (tmp_path / "r.html").write_text(page[:at] + new + page[at + len(old) :])
    return verify(tmp_path / "r.html", runs=run.path.parent)


def test_a_report_as_it_was_written_agrees(page: str, run: Run, tmp_path: Path) -> None:
    found = changed(page, "", "", tmp_path, run)
    assert (list(found.differences), list(found.unchecked)) == ([], [])
    assert found.checked >= 10 and found.values > 400


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<h1>LeNet", "<h1>Best LeNet"),
        ("<main>", "<main><p>It is right in 99.9 %.</p>"),
        ("<main>", "<main><section><table><tr><td>accuracy</td><td>99.9 %</td></tr></table></section>"),
        ("Check its numbers", "99.9 %. Check its numbers"),
        ('data-captions="[', 'data-captions="[&quot;9 99.9 %&quot;, '),
        ('data-words="', 'data-words="99.9 % '),
        ("</main>", "<noscript><p>It is right in 99.9 %.</p></noscript></main>"),
        ("charset=utf-8,class%2C", "charset=utf-8,99.9%2C"),
        ('"key":"answer","title":"', '"key":"answer","title":"99.9 % '),
        ('"sections":[', '"sections":[{"key":"best","title":"","words":["99.9 %"],"tables":[]},'),
    ],
)
def test_what_is_changed_outside_of_texts_and_tables_is_found_too(
    page: str, run: Run, tmp_path: Path, old: str, new: str
) -> None:
    old = f"<h1>{page.partition('<h1>')[2][:4]}" if old.startswith("<h1>") else old
    assert len(changed(page, old, new, tmp_path, run).differences) >= 1


def test_a_number_changed_in_a_table_is_found(page: str, run: Run, tmp_path: Path) -> None:
    row = next(one for one in run.per_class_table().rows if one[0] == "3")
    cell = f"<td class=number>{row[2]}</td>"
    found = changed(
        page, cell, "<td class=number>99.99 %</td>", tmp_path, run, after=f"<td>3</td>{'<'}td class=number>{row[1]}"
    )
    assert [str(one) for one in found.differences] == [
        f"section classes, table '1', row 4 (3), recall: the report says 99.99 %, its runs give {row[2]}"
    ] or [one.said for one in found.differences] == ["99.99 %"]
    assert found.differences[0].found == row[2]


def test_a_number_changed_in_the_data_is_found(page: str, run: Run, tmp_path: Path) -> None:
    row = run.per_class_table().rows[3]
    old = json.dumps(list(row), separators=(",", ":"))
    new = json.dumps([row[0], "99.99 %", *row[2:]], separators=(",", ":"))
    found = changed(page, old, new, tmp_path, run, after="pellucid-report")
    assert [(one.said, one.found) for one in found.differences] == [("99.99 %", row[1])]
    assert found.differences[0].where.startswith("data of section classes")


def test_a_number_changed_in_a_sentence_is_found(page: str, run: Run, tmp_path: Path) -> None:
    accuracy = f"{100 * run.evaluate().accuracy:.2f} %"
    found = changed(page, accuracy, "99.90 %", tmp_path, run, after='<section class="section" id="answer"')
    assert len(found.differences) == 1 and "99.90 %" in found.differences[0].said


def test_a_count_changed_in_the_confusion_matrix_is_found(page: str, run: Run, tmp_path: Path) -> None:
    count = str(run.evaluate().confusion[0, 0])
    found = changed(page, f">{count}</button>", ">7777</button>", tmp_path, run, after='id="confusion"')
    assert [(one.said, one.found) for one in found.differences] == [("7777", count)]


def test_a_point_moved_in_a_chart_is_found(page: str, run: Run, tmp_path: Path) -> None:
    value = run.folder.metrics()[1]["validation_accuracy"]
    text = f'"y":{float(f"{value:.6g}")}'
    found = changed(page, text, '"y":0.9999', tmp_path, run, after='id="learning"')
    assert [one.said for one in found.differences] == ["0.9999"]
    assert found.differences[0].where.startswith("section learning, chart 2")


def test_a_section_taken_out_of_the_page_or_put_in_is_found(page: str, run: Run, tmp_path: Path) -> None:
    without = re.sub(r'<section class="section" id="mistakes".*?</section>', "", page, flags=re.S)
    found = changed(without, "", "", tmp_path, run)
    assert [one.where for one in found.differences] == ["section mistakes"]
    found = changed(page, "</main>", '<section id="more"><p>100 %</p></section></main>', tmp_path, run)
    assert [one.where for one in found.differences] == ["section more"]


def test_numbers_of_weights_may_differ_in_their_last_digit_alone(page: str, run: Run, tmp_path: Path) -> None:
    found = re.search(r'id="statistics".*?<td class=number>(-?\d\.\d{3,})</td>', page, re.S)
    assert found is not None
    number = float(found[1])
    for share, differences in ((1.0005, 0), (1.01, 1)):
        told = changed(page, f">{found[1]}<", f">{number * share:.6g}<", tmp_path, run, after='id="statistics"')
        assert len(told.differences) == differences


def test_a_result_that_its_predictions_do_not_give_is_found(page: str, run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.path, tmp_path / "runs" / run.id)
    result = {key: value for key, value in run.result.items() if key != "sha256"}
    sealed.write_json(tmp_path / "runs" / run.id / "result.json", {**result, "test_accuracy": 0.999})
    (tmp_path / "r.html").write_text(page)
    found = verify(tmp_path / "r.html", runs=tmp_path / "runs")
    assert f"{run.id}, result.json, test_accuracy" in [one.where for one in found.differences]


def test_other_predictions_change_what_is_found(page: str, run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.path, tmp_path / "runs" / run.id)
    opened = Run.open(tmp_path / "runs", run.id)
    kept = opened.folder.predictions()
    assert kept is not None
    opened.folder.save_predictions({**kept, "logits": np.roll(kept["logits"], 1, axis=1)})
    (tmp_path / "r.html").write_text(page)
    where = {one.where.partition(",")[0] for one in verify(tmp_path / "r.html", runs=tmp_path / "runs").differences}
    assert {"section answer", "section classes", "section confusion", "section calibration"} <= where


def test_reports_of_studies_and_of_several_runs_are_verified(
    run: Run, other: Run, study: Studied, runs: Path, tmp_path: Path
) -> None:
    for names, number in (
        (["rates"], study.table().rows[0][2]),
        ([run.id, other.id], f"{100 * run.evaluate().accuracy:.2f} %"),
    ):
        text = report(names, runs=runs).html()
        (tmp_path / "r.html").write_text(text)
        assert not verify(tmp_path / "r.html", runs=runs).differences
        cell = f">{number}</td>"
        assert cell in text
        (tmp_path / "r.html").write_text(text.replace(cell, ">12.34 %</td>", 1))
        assert "12.34 %" in {one.said for one in verify(tmp_path / "r.html", runs=runs).differences}


def test_a_damaged_run_of_a_study_is_what_is_not_checked(study: Studied, runs: Path, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    shutil.copytree(runs, root)
    manifest = root / study.rows[0].run / "run.json"
    manifest.write_text(manifest.read_text()[:-20])
    (tmp_path / "r.html").write_text(report(["rates"], runs=root).html())
    found = verify(tmp_path / "r.html", runs=root)
    assert not found.differences and any("run.json" in words for words in found.unchecked)


def test_a_report_whose_runs_are_gone_says_so(page: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "r.html").write_text(page)
    with pytest.raises(UsageError, match=r"expected the runs of the report in .*, found that it is not there"):
        verify(tmp_path / "r.html", runs=tmp_path / "runs")


def test_what_needs_images_that_are_gone_is_told_not_called_wrong(pictures: Path, tmp_path: Path) -> None:
    shutil.copytree(pictures, tmp_path / "pictures")
    run = train("mlp", str(tmp_path / "pictures"), epochs=1, exact=True, runs=tmp_path / "runs", pictures=False)
    (tmp_path / "r.html").write_text(of_run(run).html())
    shutil.rmtree(tmp_path / "pictures")
    found = verify(tmp_path / "r.html", runs=tmp_path / "runs")
    assert list(found.differences) == []
    assert any(one.startswith("section samples: ") and "expected a folder" in one for one in found.unchecked)
    row = Run.open(tmp_path / "runs", run.id)
    accuracy = f"{100 * (row.folder.result() or {})['test_accuracy']:.2f} %"
    page = (tmp_path / "r.html").read_text()
    (tmp_path / "r.html").write_text(page.replace(f"<td>{accuracy}</td>", "<td>1.23 %</td>"))
    assert "1.23 %" in {one.said for one in verify(tmp_path / "r.html", runs=tmp_path / "runs").differences}


@pytest.fixture
def photographed(pictures: Path, tmp_path: Path) -> Run:
    """A run on a folder of pictures that can be taken away."""
    shutil.copytree(pictures, tmp_path / "pictures")
    return train("mlp", str(tmp_path / "pictures"), epochs=1, exact=True, runs=tmp_path / "runs", pictures=False)


def checked(page: str, folder: Path) -> tuple[list[str], list[str]]:
    """Where the page differs, and what is unchecked of it."""
    (folder / "r.html").write_text(page)
    found = verify(folder / "r.html", runs=folder / "runs")
    return [f"{one.where}: {one.said}" for one in found.differences], list(found.unchecked)


BEST = "Best ever: 99.99 %."


def test_where_images_are_gone_sentences_that_were_put_in_are_found(photographed: Run, tmp_path: Path) -> None:
    page = of_run(photographed).html()
    shutil.rmtree(tmp_path / "pictures")
    for key in ("answer", "learning", "again"):
        start = page.index("</h2>", page.index(f'<section class="section" id="{key}"'))
        differences, _ = checked(f"{page[:start]}</h2><p>{BEST}</p>{page[start + 5 :]}", tmp_path)
        assert differences == [f"section {key}, text: {BEST}"]
    differences, _ = checked(page.replace('"words":["', f'"words":["{BEST}","', 1), tmp_path)
    assert differences == [f"data of section answer, words: {BEST}"]
    differences, _ = checked(page.replace("</title>", f"</title><title>{BEST}</title>", 1), tmp_path)
    assert differences == [f"outside the sections, text: {BEST}"]


def test_of_a_section_without_its_images_what_is_not_compared_is_listed(photographed: Run, tmp_path: Path) -> None:
    page = of_run(photographed).html()
    shutil.rmtree(tmp_path / "pictures")
    end = page.index("</section>", page.index('<section class="section" id="confusion"'))
    differences, unchecked = checked(f"{page[:end]}<p>{BEST}</p>{page[end:]}", tmp_path)
    assert differences == []
    assert f"section confusion, text: only the report says: {BEST}" in unchecked
    assert "section confusion: the images behind its cells, since its runs give none" in unchecked
    # its table is compared as ever
    counts = re.compile(r'(<td class="some share-\d+">.*?)\d+</button>')
    differences, _ = checked(counts.sub(r"\g<1>777</button>", page, count=1), tmp_path)
    assert [one.rpartition(": ")[2] for one in differences] == ["777"]


def test_a_report_made_without_images_agrees_where_they_are_back(photographed: Run, tmp_path: Path) -> None:
    (tmp_path / "pictures").rename(tmp_path / "away")
    page = of_run(Run.open(tmp_path / "runs", photographed.id)).html()
    assert checked(page, tmp_path) == ([], [])
    (tmp_path / "away").rename(tmp_path / "pictures")
    differences, unchecked = checked(page, tmp_path)
    assert differences == []
    for key in ("samples", "mistakes"):
        assert any(one.startswith(f"section {key}: the report says that it could not be made (") for one in unchecked)
    assert "section confusion: the images behind its cells, since the report has none" in unchecked


def test_what_a_report_says_it_lacks_holds_nothing_else(page: str, run: Run, tmp_path: Path) -> None:
    without = re.sub(r'<section class="section" id="mistakes".*?</section>', "", page, flags=re.S)
    found = changed(
        without, "</main>", f'<section id="missing"><h2>Best</h2><p>{BEST}</p></section></main>', tmp_path, run
    )
    assert {"section missing, text", "section mistakes"} <= {one.where for one in found.differences}
    rows = f'{{"key":"missing","title":"","words":[],"tables":[{{"columns":[],"rows":[["{BEST}","answer"]]}}]}},'
    found = changed(page, '"sections":[', f'"sections":[{rows}', tmp_path, run)
    assert f"that {BEST} could not be made" in {one.said for one in found.differences}


def test_images_that_are_gone_behind_several_runs_and_studies_are_told(
    photographed: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pellucid.verbs.made_study import made_study
    from pellucid.verbs.study import study as trained

    root = tmp_path / "runs"
    base = {"network": "mlp", "data": str(tmp_path / "pictures"), "epochs": 12}
    found = trained(made_study("rates", base, compare={"lr": [1e-7, 0.003]}, seeds=2), runs=root, workers=1)
    runs = [row.run for row in found.rows]
    # as if its two seeds allowed to say something
    monkeypatch.setattr(Studied, "pairs", [replace(one, verdict="better") for one in found.pairs])
    pages = [report(names, runs=root).html() for names in (["rates"], [runs[0], runs[2]])]
    assert 'id="evidence"' in pages[0] and 'id="alone"' in pages[1]
    shutil.rmtree(tmp_path / "pictures")
    for page, key in zip(pages, ("evidence", "alone"), strict=True):
        differences, unchecked = checked(page, tmp_path)
        assert differences == []
        assert [one.partition(": ")[0] for one in unchecked] == [f"section {key}"]


@pytest.mark.parametrize(
    "sections", ["{}", "[1]", '[{"key":"answer"}]', '[{"key":"answer","words":[],"tables":[{}]}]']
)
def test_a_report_whose_data_is_broken_is_told(sections: str, tmp_path: Path) -> None:
    data = f'{{"kind":"run","subjects":["a"],"sections":{sections}}}'
    (tmp_path / "a.html").write_text(f'<script type="application/json" id="pellucid-report">{data}</script>')
    with pytest.raises(DataError, match="expected a report by pellucid"):
        verify(tmp_path / "a.html")


def test_another_page_is_no_report(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<p>hello</p>")
    with pytest.raises(DataError, match="expected a report by pellucid"):
        verify(tmp_path / "a.html")
    with pytest.raises(StorageError, match="cannot be read"):
        verify(tmp_path / "none.html")

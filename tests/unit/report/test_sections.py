"""Sections say what the runs say, and where something is missing, what and why."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pellucid.displays.image_grid import ImageGrid
from pellucid.displays.matrix import Matrix
from pellucid.errors import DataError, UsageError
from pellucid.report import run_sections, several_sections, study_sections
from pellucid.report.build import report
from pellucid.report.run_sections import SECTIONS, section, sections
from pellucid.verbs.run import Run
from pellucid.verbs.study import Studied, load_study
from pellucid.verbs.train import train


def test_a_whole_run_has_every_section_that_applies(run: Run) -> None:
    told: list[str] = []
    found = sections(run, told.append)
    assert told == list(SECTIONS)
    assert [one.key for one in found] == [key for key in SECTIONS if key != "rows"]
    assert all(one.title and (one.words or one.displays) for one in found)


def test_the_answer_is_that_of_the_stored_predictions(run: Run) -> None:
    kept = run.folder.predictions()
    assert kept is not None
    right = kept["logits"].argmax(1) == kept["labels"]
    found = section(run, "answer")
    assert found is not None
    assert f"{100 * right.mean():.2f} % of {len(right):,} test images are named right" in found.words[1]
    rows = dict(found.tables()[0].rows)
    assert rows["test accuracy"] == f"{100 * right.mean():.2f} %"
    recall = [right[kept["labels"] == k].mean() for k in range(10)]
    assert f"The hardest class is {run.class_names[int(np.argmin(recall))]}:" in found.words[2]


def test_cells_of_the_confusion_matrix_hold_the_images_that_were_counted(run: Run) -> None:
    found = section(run, "confusion")
    assert found is not None
    (matrix,) = found.displays
    assert isinstance(matrix, Matrix)
    kept, images = run.folder.predictions(), run.images("test")
    assert kept is not None
    predicted = kept["logits"].argmax(1)
    for (i, j), behind in matrix.behind.items():
        members = images.pixels[(images.labels == i) & (predicted == j)]
        assert len(behind.images) == min(12, len(members)) == len(behind.captions)
        assert all((members == one).all((1, 2, 3)).any() for one in behind.images)
    assert sum(len(one.images) for one in matrix.behind.values()) > 20
    assert len(matrix.behind) == np.count_nonzero(run.evaluate().confusion)


def test_large_images_are_thinned_out_and_fewer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.report.run.answers.SIDE", 10)
    monkeypatch.setattr("pellucid.report.run.answers.PIXELS", 3_000)
    found = section(run, "confusion")
    assert found is not None and isinstance(found.displays[0], Matrix)
    behind = found.displays[0].behind.values()
    assert {one.images.shape[1:] for one in behind} == {(10, 10, 1)}
    assert max(len(one.images) for one in behind) < 12


def test_calibration_says_on_which_side_it_errs(run: Run) -> None:
    from scipy.special import softmax

    kept, found = run.folder.predictions(), section(run, "calibration")
    assert kept is not None and found is not None
    sure = softmax(kept["logits"].astype(np.float64), axis=1).max(1).mean()
    gap = sure - (kept["logits"].argmax(1) == kept["labels"]).mean()
    words = "surer than it is right" if gap > 0 else "right more often than it is sure"
    assert f"{words}, by {100 * abs(gap):.2f} points" in found.words[0]


def test_an_unknown_section_is_named_with_the_valid_ones(run: Run) -> None:
    with pytest.raises(UsageError, match=r"unknown section 'confusions'. Did you mean confusion"):
        section(run, "confusions")


def test_recurrent_networks_have_rows_and_no_filters(tmp_path: Path) -> None:
    run = train("row_gru", "digits", epochs=1, subset=100, exact=True, runs=tmp_path, pictures=False)
    keys = [one.key for one in sections(run)]
    assert "rows" in keys
    assert not {"filters", "maps", "atlas", "missing"} & set(keys)


def test_an_unfinished_run_says_so_and_shows_the_rest(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.path, tmp_path / run.id)
    for name in ("result.json", "predictions.safetensors"):
        (tmp_path / run.id / name).unlink()
    half = Run.open(tmp_path, run.id)
    found = {one.key: one for one in sections(half)}
    assert "Not answered yet" in found["answer"].words[1]
    assert "interrupted" in found["answer"].words[1]
    assert "goes on with it" in " ".join(found["learning"].words)
    missing = found["missing"].tables()[0].rows
    assert missing[0][0] == "classes, confusion, calibration, mistakes"
    assert "filters" in found


def test_a_run_whose_images_are_gone_shows_what_it_can(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    shutil.copytree(pictures, folder)
    run = train("mlp", str(folder), epochs=1, exact=True, runs=tmp_path / "runs", pictures=False)
    shutil.rmtree(folder)
    found = {one.key: one for one in sections(Run.open(tmp_path / "runs", run.id))}
    assert {"answer", "classes", "calibration", "confusion", "learning", "again"} <= set(found)
    assert "are not here: " in found["confusion"].words[1]
    assert isinstance(found["confusion"].displays[0], Matrix) and not found["confusion"].displays[0].behind
    (reasons,) = found["missing"].tables()
    assert reasons.rows[0][0].startswith("samples, mistakes")
    assert "expected a folder" in reasons.rows[0][1]


def test_a_strangers_module_shows_what_needs_no_code(tmp_path: Path) -> None:
    from torch import nn

    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    run = train(module, "digits", epochs=1, exact=True, runs=tmp_path, pictures=False)
    with_code = {one.key for one in sections(run)}
    assert {"statistics", "weights", "shifts"} <= with_code
    found = {one.key: one for one in sections(Run.open(tmp_path, run.id))}
    assert {"answer", "network", "samples", "mistakes"} <= set(found)
    assert "code is not kept" in found["network"].words[0]
    assert "expected the module that it trained" in str(found["missing"].tables()[0].rows)
    assert "pl.train(module" in " ".join(found["again"].words)


def test_several_runs_stand_side_by_side(run: Run, other: Run) -> None:
    found = {one.key: one for one in several_sections.sections([run, other])}
    assert list(found) == list(several_sections.SECTIONS)
    settings = {row[0]: row[1:] for row in found["settings"].tables()[0].rows}
    assert settings["recipe.lr"] == ("0.001", "0.01")
    kept = [one.folder.predictions() for one in (run, other)]
    right = [one["logits"].argmax(1) == one["labels"] for one in kept if one is not None]
    assert found["pairs"].tables()[0].rows[0][2:4] == (
        int((right[0] & ~right[1]).sum()),
        int((~right[0] & right[1]).sum()),
    )
    assert all(isinstance(one, ImageGrid) for one in found["alone"].displays)


def test_runs_on_other_images_are_not_tested_against_each_other(run: Run, tmp_path: Path) -> None:
    second = train("mlp", "digits", epochs=1, test_size=100, exact=True, runs=tmp_path, pictures=False)
    found = {one.key: one for one in several_sections.sections([run, second])}
    assert "were not given the same images" in " ".join(found["answer"].words)
    assert "highest" not in " ".join(found["answer"].words)
    assert "expected the same test images" in found["pairs"].words[0]
    assert not found["pairs"].displays
    assert "alone" not in found


def test_the_highest_accuracy_is_told_of_runs_on_one_test_alone(run: Run, other: Run, tmp_path: Path) -> None:
    best = max((run, other), key=lambda one: one.evaluate().accuracy)
    told = f"The highest test accuracy is that of {best.id}, {100 * best.evaluate().accuracy:.2f} %."
    assert several_sections.answer([run, other]).words[1] == told
    # fewer images to train on leave the test as it is
    less = train("mlp", "digits", epochs=1, subset=100, exact=True, runs=tmp_path, pictures=False)
    words = several_sections.answer([run, less]).words
    assert words[1].startswith("The highest test accuracy is that of ")
    assert words[2].startswith("They were tested on the same images, but ")
    # a run that was not tested takes no part
    shutil.copytree(run.path, tmp_path / "half" / run.id)
    (tmp_path / "half" / run.id / "predictions.safetensors").unlink()
    assert "highest" not in " ".join(several_sections.answer([other, Run.open(tmp_path / "half", run.id)]).words)


def test_other_images_with_the_same_labels_are_another_test(pictures: Path, tmp_path: Path) -> None:
    from PIL import Image, ImageOps

    for path in pictures.rglob("*.png"):
        (tmp_path / "other" / path.parent.name).mkdir(parents=True, exist_ok=True)
        with Image.open(path) as picture:
            ImageOps.invert(picture).save(tmp_path / "other" / path.parent.name / path.name)
    folders = (pictures, tmp_path / "other")
    runs = [train("mlp", str(one), epochs=1, exact=True, runs=tmp_path / "runs", pictures=False) for one in folders]
    labels = [kept["labels"].tolist() for one in runs if (kept := one.folder.predictions()) is not None]
    assert labels[0] == labels[1]
    assert "highest" not in " ".join(several_sections.answer(runs).words)


def test_which_runs_a_chart_of_epochs_shows_is_told(
    run: Run, other: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(run.path, tmp_path / run.id)
    (tmp_path / run.id / "metrics.jsonl").unlink()
    empty = Run.open(tmp_path, run.id)

    def words(*runs: Run) -> list[str]:
        found = several_sections.learning(runs)
        assert found is not None
        return list(found.words)

    assert words(run, other) == []
    none = "Without an epoch, and so not drawn: 1 of the"
    assert words(other, empty) == [f"{none} 2 runs."]
    monkeypatch.setattr(several_sections, "DRAWN", 1)
    assert words(run, other) == ["Drawn: the first 1 of the 2 runs that have epochs."]
    assert words(run, other, empty) == ["Drawn: the first 1 of the 2 runs that have epochs.", f"{none} 3 runs."]


def test_a_study_begins_with_what_stands(study: Studied) -> None:
    found = study_sections.sections(study)
    assert [one.key for one in found] == ["verdicts", "table", "effects", "curves", "trials", "again"]
    assert found[0].words[1].lower().startswith(study.verdicts()[0][:30].lower())
    assert study.study.name in found[-1].tables()[0].title
    commands = [row[2] for row in found[-1].tables()[1].rows]
    assert len(commands) == 4 and all(command.startswith("pellucid train mlp digits") for command in commands)


def test_a_study_of_the_catalogue_is_set_beside_what_was_reported(runs: Path, real_data: Path) -> None:
    from pellucid.storage.study_folder import StudyFolder
    from pellucid.verbs.reproduce import reported_study

    asked = reported_study("l2_on_mnist")
    folder = StudyFolder(runs, asked.name)
    folder.open()
    folder.save({**asked.to_dict(), "beside": asked.beside()})
    loaded = load_study(asked.name, runs=runs)
    assert (loaded.study.reported, loaded.study.claims) == (asked.reported, asked.claims)
    keys = [one.key for one in study_sections.sections(loaded)]
    assert "reported" in keys and "effects" not in keys  # nothing is trained, the claims are open
    folder.save(asked.to_dict())  # as a version wrote it that kept the trials alone
    assert not load_study(asked.name, runs=runs).study.reported


def test_a_damaged_run_of_a_study_is_told_and_the_rest_is_said(study: Studied, runs: Path, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    shutil.copytree(runs, root)
    torn = root / study.rows[0].run / "run.json"
    torn.write_bytes(torn.read_bytes()[:-20])
    found = report(["rates"], runs=root).sections
    keys = [one.key for one in found]
    assert {"verdicts", "table", "trials", "again"} <= set(keys)
    trials, again = (next(one for one in found if one.key == key).tables() for key in ("trials", "again"))
    assert [row[2] for row in trials[0].rows].count("failed") == 1 and len(again[1].rows) == 3
    several = report([row.run for row in study.rows[1:]], runs=root)
    (root / study.rows[1].run / "predictions.safetensors").write_bytes(b"torn")
    assert several.kind == "runs" and report([row.run for row in study.rows[1:]], runs=root).sections


def test_names_are_runs_or_studies(run: Run, study: Studied, runs: Path) -> None:
    assert report(["rates"], runs=runs).kind == "study"
    with pytest.raises(UsageError, match="expected one study alone"):
        report(["rates", run.id], runs=runs)
    with pytest.raises(UsageError, match=r"Or the study rates\?"):
        report(["ratess"], runs=runs)
    with pytest.raises(UsageError, match="expected different runs"):
        report([run.id, run.id], runs=runs)
    with pytest.raises(UsageError, match="found no name"):
        report([], runs=runs)


def test_every_section_of_a_run_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs/reports.md").read_text()
    for key in (*run_sections.SECTIONS, *study_sections.SECTIONS, *several_sections.SECTIONS):
        assert f"`{key}`" in page, key


def test_answers_need_predictions(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.path, tmp_path / run.id)
    (tmp_path / run.id / "predictions.safetensors").unlink()
    with pytest.raises(DataError, match="expected answers on test images, found none"):
        section(Run.open(tmp_path, run.id), "classes")

"""What is said beside a study: its note, reported figures and claims, the table of pairs, and what is left out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from trials import train_here

from pellucid.cli.app import app
from pellucid.errors import UsageError
from pellucid.report import study_sections
from pellucid.spec.study import Claim, Figure, OtherImages, Study, study_from_dict
from pellucid.storage.study_folder import StudyFolder
from pellucid.verbs import study_page
from pellucid.verbs.made_study import made_study, study_from_file
from pellucid.verbs.reproduce import QUICK_SEEDS, reported_study
from pellucid.verbs.studied import Studied
from pellucid.verbs.study import load_study, study
from pellucid.verbs.study_reported import other_numbers
from pellucid.verbs.study_row import Row, other_seeds
from pellucid.verbs.study_tables import pair_table
from pellucid.verbs.study_verdicts import cautions

BASE = {"network": "mlp", "data": "digits", "epochs": 1, "subset": 200, "hidden_size": 16}
FILE = """
note = "Does a higher rate pay?"
seeds = 2
[base]
network = "mlp"
data = "digits"
epochs = 1
subset = 200
hidden_size = 16
[compare]
lr = [0.001, 0.01]
[reported]
"lr=0.01" = 0.9
[[also_reported]]
arm = "lr=0.01"
metric = "train_loss"
value = 0.25
[[claim]]
words = "the higher rate is better"
first = "lr=0.01"
second = "lr=0.001"
[[claim]]
words = "it is there in one epoch"
first = "lr=0.01"
metric = "epochs"
least = 1
"""


def replaced(found: Studied, change: Callable[[Row], Row]) -> Studied:
    """The study with other rows."""
    other = Studied(found.study, found.root, [], {}, found.looks, found.other_seeds)
    other.rows, other.stops = [change(row) for row in found.rows], found.stops
    return other


def test_a_files_note_figures_and_claims_are_kept_with_the_study(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(FILE)
    asked = study_from_file(path)
    assert asked.claims[0] == Claim("the higher rate is better", "lr=0.01", "lr=0.001")
    found = study(asked, runs=tmp_path, workers=1)
    besides = other_numbers(found)
    assert besides and len(besides.rows) == 1 and besides.rows[0][:3] == ("lr=0.01", "train loss", 2)
    losses = [row.value("train_loss") or 0.0 for row in found.rows if row.trial.label == "lr=0.01"]
    assert besides.rows[0][-1] == "0.25" and besides.rows[0][3] == f"{sum(losses) / 2:.4g}"
    failed = other_numbers(replaced(found, lambda row: replace(row, result=None)))
    assert failed and failed.rows[0][2:] == (0, None, None, None, "0.25")
    alike = other_numbers(replaced(found, lambda row: replace(row, result={**(row.result or {}), "train_loss": 0.5})))
    assert alike and alike.rows[0][2:] == (2, "0.5", None, None, "0.25"), "two equal values have no interval"
    mixed = replaced(found, lambda row: replace(row, precision="bf16" if "0.01" in row.trial.label else "fp32"))
    told = "trained in different precisions, which may set them apart (bf16: lr=0.01; fp32: lr=0.001)"
    assert told in cautions(mixed) and not any("precisions" in line for line in cautions(found))
    assert besides.title in found.display().render("html").decode()
    again = load_study("mine", runs=tmp_path)
    assert again.study == found.study == asked
    assert again.claims()[0][1].startswith("open: ") and again.claims()[1][1] == "on average: 1, n = 2"
    shown = again.display().render("html").decode()
    assert again.to_dict()["note"] == asked.note and asked.note in study_sections.verdicts(again).words
    assert "Does a higher rate pay?" in shown and "reported" in shown and "effect size" in shown
    app(["study", "--config", str(path), "--runs", str(tmp_path)], standalone_mode=False)
    told = capsys.readouterr().out.splitlines()
    assert besides.text().splitlines() == told[told.index(besides.title) :][: len(besides.text().splitlines())]
    assert told[told.index("claim: it is there in one epoch") + 1].strip() == again.claims()[1][1]
    # other words over the same trials are no other study
    path.write_text(FILE.replace("Does a higher rate pay?", "Another question"))
    assert study(study_from_file(path), runs=tmp_path, workers=1).study.note == "Another question"
    assert load_study("mine", runs=tmp_path).study.note == "Another question"


def test_plain_data_gives_the_study_back() -> None:
    asked = replace(
        made_study("all", BASE, compare=["lr=0.1,0.2"], tune=["momentum=0.0,0.5"], seeds=2, reported={"lr=0.1": 0.5}),
        until_clear=True,
        figures=(Figure("filters", "filters", {"layer": "conv1"}, "lr=0.1"),),
        other_images=(OtherImages("negatives", "lr=0.1", ("negative",), 0.2),),
        claims=(Claim("it is", "lr=0.1", least=0.5, metric="test_loss"),),
        note="why",
    )
    assert study_from_dict(*through_json(asked.to_dict(), asked.beside())) == asked
    listed = made_study("listed", BASE, listed=[{"lr": 0.1}, {"lr": 0.2, "momentum": 0.5}], seeds=1)
    assert study_from_dict(*through_json(listed.to_dict(), {})) == listed


def through_json(*data: Any) -> Any:
    return json.loads(json.dumps(data))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('second = "lr=0.001"', 'second = "lr=0.002"', r"unknown arm of claim 'lr=0.002'. Did you mean .*lr=0.001"),
        ('"lr=0.01" = 0.9', '"lr=1" = 0.9', "unknown arm of reported 'lr=1'"),
        (
            'second = "lr=0.001"',
            "",
            "expected words, first, and one of second .an arm. and least .a value., found wor",
        ),
        ('second = "lr=0.001"', "second = 3", r"\[\[claim\]\], second: expected a text, found 3"),
        ("= 0.9", '= "90 %"', r"\[reported\], lr=0.01: expected a number from 0 to 1, found '90 %'"),
        ("= 0.9", "= 90", r"\[reported\], lr=0.01: expected a number from 0 to 1, found 90"),
        ("= 0.9", "= true", r"expected a number from 0 to 1, found True"),
        ("least = 1", 'least = "all"', r"\[\[claim\]\], least: expected a number, found 'all'"),
        (
            'metric = "epochs"\nleast = 1',
            "least = 74.08",
            r"\[\[claim\]\] least, lr=0.01: expected a number from 0 to 1",
        ),
        ("least = 1", "lest = 1", "unknown key of a .*claim.* 'lest'. Did you mean least"),
        ('metric = "epochs"', 'metric = "epoch"', "unknown metric of a claim 'epoch'. Did you mean epochs"),
        ('metric = "train_loss"', 'metric = "los"', "unknown metric of also_reported 'los'"),
        ("value = 0.25", "", "expected arm, metric and value, found arm, metric"),
        ("value = 0.25", 'value = "low"', r"\[\[also_reported\]\], value: expected a number, found 'low'"),
        ('arm = "lr=0.01"', 'arm = "lr=1"', "unknown arm of also_reported 'lr=1'"),
        ('arm = "lr=0.01"', "arm = 3", r"\[\[also_reported\]\], arm: expected a text, found 3"),
        ('arm = "lr=0.01"', 'arms = "lr=0.01"', "unknown key of a .*also_reported.* 'arms'. Did you mean arm"),
        ('note = "Does a higher rate pay?"', "note = 3", "expected note as a text, found 3"),
    ],
)
def test_wrong_words_in_a_file_are_named(old: str, new: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    assert FILE.count(old) == 1
    path.write_text(FILE.replace(old, new))
    with pytest.raises(UsageError, match=words):
        study_from_file(path)


def test_seeds_that_are_not_counted_any_more_are_told(tmp_path: Path) -> None:
    def asked(seeds: int) -> Study:
        return made_study("rates", BASE, compare=["lr=0.001,0.01"], seeds=seeds)

    words = "seeds 2, 3 have runs too and are not counted"
    assert not any(words in line for line in study(asked(4), runs=tmp_path, workers=1).verdicts())
    assert any(words in line for line in study(asked(2), runs=tmp_path, workers=1).verdicts())
    assert any(words in line for line in load_study("rates", runs=tmp_path).verdicts())
    # nor is what was only noted, or trained something else under this name
    shutil.rmtree(tmp_path / load_study("rates", runs=tmp_path).rows[0].run)
    folder = StudyFolder(tmp_path, "rates")
    noted = folder.progress().with_runs({("lr=0.001", 9): "mlp-digits-s9-00000000"})
    other = study(replace(asked(2), base={**BASE, "hidden_size": 8}), runs=tmp_path, workers=1, update=True)
    assert other_seeds(tmp_path, noted, asked(2)) == [2, 3]
    assert other.other_seeds == [] and not any(words in line for line in other.verdicts())


def test_an_option_that_changes_nothing_is_told(tmp_path: Path) -> None:
    asked = made_study("idle", BASE, compare=["momentum=0,0.9", "lr=0.001,0.01"], seeds=2)  # Adam has no momentum
    runs = train_here(asked, tmp_path)

    def told(seeds: int) -> list[str]:
        some = [(trial, run) for trial, run in runs if trial.seed < seeds]
        lines = Studied(replace(asked, seeds=tuple(range(seeds))), tmp_path, some, {}).verdicts()
        return [line for line in lines if "no effect" in line]

    assert told(2) == [
        f"momentum=0 {rate} and momentum=0.9 {rate} gave the same network in every seed: what sets them apart has no "
        "effect"
        for rate in ("lr=0.001", "lr=0.01")
    ]
    assert told(1) == [], "in one seed it may be chance"


def test_pictures_say_which_arms_they_leave_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = study(made_study("rates", BASE, compare=["lr=0.001,0.01,0.1"], seeds=1), runs=tmp_path, workers=1)
    assert study_page.curves(found).title == "Mean and range over seeds"
    monkeypatch.setattr(study_page, "MOST_LINES", 2)
    curves = study_page.curves(found)
    assert curves.title == "Mean and range over seeds: the 2 of 3 arms that are best on validation"
    assert len(curves.series) == 2


def test_the_table_of_pairs_has_units_sizes_and_both_p_values(tmp_path: Path) -> None:
    found = study(made_study("rates", BASE, compare=["lr=0.001,0.01"], seeds=3), runs=tmp_path, workers=1)
    table, (pair,) = pair_table(found), found.pairs
    assert table.columns[3] == "points"
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert row["points"] == f"{100 * pair.difference:+.2f}" and row["effect size"] == f"{pair.effect:+.2f}"
    assert (row["p"], row["p, corrected"], row["verdict"]) == (pair.p, pair.p_family, pair.verdict)
    alone = study(made_study("one", BASE, compare=["lr=0.001,0.01"], seeds=1), runs=tmp_path, workers=1)
    row = dict(zip(pair_table(alone).columns, pair_table(alone).rows[0], strict=True))
    assert row["low"] is row["high"] is row["effect size"] is None and row["points"]
    seconds = made_study("rates", BASE, compare=["lr=0.001,0.01"], seeds=3, metric="test_loss")
    assert pair_table(study(seconds, runs=tmp_path, workers=1, update=True)).columns[3] == "difference"


def test_a_reports_study_takes_another_number_of_seeds() -> None:
    usual = reported_study("l2-on-mnist")
    more = reported_study("l2-on-mnist", seeds=8)
    assert more.seeds == tuple(range(8)) and replace(more, seeds=usual.seeds) == usual
    assert len(reported_study("l2-on-mnist", quick=True).seeds) == QUICK_SEEDS
    assert len(reported_study("l2-on-mnist", quick=True, seeds=3).seeds) == 3

"""What a study says of the claims of a report and of arms that have no result, on results that are given."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.displays.curves import Curves
from pellucid.errors import UsageError
from pellucid.evaluation.by_image import Crossed
from pellucid.spec.factor import factor_from_text
from pellucid.spec.study import Claim, Study, Trial, label
from pellucid.storage.run_folder import RunFolder
from pellucid.verbs import study_page
from pellucid.verbs.made_study import made_study
from pellucid.verbs.studied import Studied
from pellucid.verbs.study import first_look, load_study, study
from pellucid.verbs.study_specs import specs_of
from pellucid.verbs.study_verdicts import cautions, standing

BASE = {"network": "mlp", "data": "digits", "epochs": 1, "subset": 200, "hidden_size": 16}


def given(root: Path, asked: Study, accuracies: dict[str, list[float | None]]) -> Studied:
    """A study whose runs came to these test accuracies, arm by arm; None: diverged."""
    runs: list[tuple[Trial, str]] = []
    for trial, spec in specs_of(asked):
        value = accuracies[trial.label][asked.seeds.index(trial.seed)]
        manifest = {"spec": spec.to_dict(), "fingerprint": "", "created": "2026-01-01T00:00:00+00:00"}
        folder = RunFolder.create(root, spec.id, manifest)
        found: dict[str, Any] = {"status": "diverged", "epochs": 1, "seconds": 1.0, "reason": "the loss is nan"}
        if value is not None:
            found |= {
                "status": "finished",
                "reason": "1 epochs",
                "test_accuracy": value,
                "validation_accuracy": value,
            }
        folder.save_result(found)
        runs.append((trial, spec.id))
    return Studied(asked, root, runs, {})


def rates(*levels: float, seeds: int = 5, claims: tuple[Claim, ...] = ()) -> Study:
    words = ",".join(map(str, levels))
    return replace(made_study("rates", BASE, compare=[f"lr={words}"], seeds=seeds), claims=claims)


def test_reaching_a_value_is_told_by_the_mean_and_the_interval(tmp_path: Path) -> None:
    values = [0.90, 0.91, 0.92, 0.93, 0.94]
    claims = tuple(Claim("", "lr=0.1", least=least) for least in (0.88, 0.915, 0.925, 0.97))
    found = given(tmp_path, rates(0.1, claims=claims), {"lr=0.1": list(values)})
    told = [words.partition(":")[0] for _, words in found.claims()]
    assert told == ["yes", "on average", "not on average, though the interval holds it", "no"]
    assert found.claims()[0][1].startswith("yes: 92.00 % (") and found.claims()[0][1].endswith("n = 5")


@pytest.mark.parametrize(
    ("least", "told"), [(0.86, "yes, on these test images"), (0.80, "yes"), (0.96, "no, on these")]
)
def test_a_value_is_reached_on_these_images_or_on_new_ones_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, least: float, told: str
) -> None:
    values: list[float | None] = [0.90, 0.91, 0.92, 0.91, 0.91]
    found = given(tmp_path, rates(0.1, claims=(Claim("", "lr=0.1", least=least),)), {"lr=0.1": values})
    hard = np.random.default_rng(0).permutation(100) < 91  # all seeds err on the same nine images
    right = np.tile(hard, (5, 1))
    monkeypatch.setattr(Studied, "answers", lambda self, first, second: (right, right, np.zeros(100)))
    ((_, words),) = found.claims()
    assert words.startswith(told) and "over new seeds and images)" in words
    assert ("no number of seeds will do" in words) == ("these" in told)


def test_claims_are_corrected_over_themselves_and_not_over_all_pairs(tmp_path: Path) -> None:
    levels = (0.1, 0.2, 0.3, 0.4, 0.5)
    claim = Claim("0.5 beats 0.1", "lr=0.5", "lr=0.1")
    values: dict[str, list[float | None]] = {
        f"lr={level}": [0.90 + level / 100 + k / 10_000 for k in range(5)] for level in levels
    }
    found = given(tmp_path, rates(*levels, claims=(claim,)), values)
    pair = next(one for one in found.pairs if {one.first, one.second} == {"lr=0.1", "lr=0.5"})
    assert pair.verdict == "too few seeds"  # of ten pairs nothing can be said with five seeds
    ((_, words),) = found.claims()
    assert words.startswith("stands: lr=0.5 is better than lr=0.1")
    other = replace(found.study, claims=(Claim("", "lr=0.1", "lr=0.5"), claim))
    told = [words.partition(":")[0] for _, words in Studied(other, found.root, runs_of(found), {}).claims()]
    assert told == ["the reverse is so", "stands"]


def runs_of(found: Studied) -> list[tuple[Trial, str]]:
    return [(row.trial, row.run) for row in found.rows]


def test_what_a_pair_needs_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    near = [0.90, 0.91, 0.93, 0.92, 0.91, 0.90, 0.92, 0.93]
    values: dict[str, list[float | None]] = {"lr=0.1": list(near), "lr=0.2": [*near[1:], near[0] + 0.02]}
    found = given(tmp_path, rates(0.1, 0.2, seeds=8), values)
    assert "more seeds would tell" in found.verdicts()[1]
    for bottleneck, once in (("seeds", False), ("images", False), ("none", True)):
        across = Crossed(0.0, -0.1, 0.1, bottleneck, 9, "over new seeds and images", "")
        monkeypatch.setattr(found, "over_images", lambda pair, family, across=across: across)
        assert found.verdicts()[1].endswith("[over new seeds and images]")
        assert ("more seeds would tell" in found.verdicts()[1]) == once


def test_what_is_clear_over_seeds_alone_is_said_of_these_test_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    near = [0.90, 0.91, 0.93, 0.92, 0.91, 0.90, 0.92, 0.93]
    values: dict[str, list[float | None]] = {
        "lr=0.1": list(near),
        "lr=0.2": [value - 0.1 + 0.001 * (-1) ** k for k, value in enumerate(near)],
        "lr=0.3": [*near[1:], near[0] + 0.02],
    }
    found = given(tmp_path, rates(0.1, 0.2, 0.3, seeds=8), values)
    assert [pair.verdict for pair in found.pairs] == ["better", "no difference", "worse"]
    for bottleneck in ("seeds", "images", "none"):
        across = Crossed(0.0, -0.1, 0.1, bottleneck, 9, "over new seeds and images", "")
        monkeypatch.setattr(found, "over_images", lambda pair, family, across=across: across)
        told = [", on these test images [" in line for line in standing(found)[1:]]
        assert told == ([False] * 3 if bottleneck == "none" else [True, False, True])
        asked = replace(found.study, claims=(Claim("", "lr=0.1", "lr=0.2"),))
        claiming = Studied(asked, found.root, runs_of(found), {})
        monkeypatch.setattr(claiming, "over_images", lambda pair, family, across=across: across)
        ((_, words),) = claiming.claims()
        assert words.startswith("stands: ") and (", on these test images [" in words) == (bottleneck != "none")
        if bottleneck == "seeds":
            assert words.endswith(": about 9 more seeds would show it on new ones too]")


def test_looks_that_were_not_planned_are_told_where_seeds_are_added_until_it_is_clear(tmp_path: Path) -> None:
    values: dict[str, list[float | None]] = {"lr=0.1": [0.9] * 8, "lr=0.2": [0.8] * 8}
    found = given(tmp_path, rates(0.1, 0.2, seeds=8), values)

    def told(*looks: int, until_clear: bool = True) -> list[str]:
        asked = replace(found.study, until_clear=until_clear)
        return cautions(Studied(asked, found.root, runs_of(found), {}, looks))

    assert told(2, 3, 6, 8) == [
        "seen with 2 and 3 seeds before they were added until it is clear: looks that were not planned are not in "
        "the 5 %"
    ]
    assert told(6, 8) == told(8) == told(8, until_clear=False) == [], "planned, or no look before"
    ((words,), (planned,)) = told(2, 8, until_clear=False), told(6, 8, until_clear=False)
    assert words.startswith("seeds were added after a look at 2: 2 looks, each with 5 %") and "look at 6" in planned


def test_an_arm_without_any_result_is_told(tmp_path: Path) -> None:
    values: dict[str, list[float | None]] = {"lr=0.1": [0.9, 0.91], "lr=0.2": [None, None]}
    found = given(tmp_path, rates(0.1, 0.2, seeds=2), values)
    assert found.pairs == []
    assert "none of the 2 seeds of lr=0.2 has a result (the loss is nan): it is in no pair" in found.verdicts()


def test_arms_of_several_data_sets_are_compared_with_those_of_their_own(tmp_path: Path) -> None:
    base = {name: value for name, value in BASE.items() if name != "data"}
    asked = made_study("sets", base, compare=["data=digits,mnist", "lr=0.1,0.2"], seeds=2)
    assert asked.families() == [
        ["data=digits lr=0.1", "data=digits lr=0.2"],
        ["data=mnist lr=0.1", "data=mnist lr=0.2"],
    ]
    scores = {
        "data=digits lr=0.1": 0.9,
        "data=digits lr=0.2": 0.8,
        "data=mnist lr=0.1": 0.7,
        "data=mnist lr=0.2": 0.75,
    }
    runs = []
    for trial in asked.trials():
        name = f"run-{len(runs)}"
        manifest = {"spec": {"recipe": {}}, "fingerprint": "", "created": "2026-01-01T00:00:00+00:00"}
        score = scores[trial.label] + 0.01 * trial.seed
        result = {"status": "finished", "reason": "", "test_accuracy": score, "validation_accuracy": score}
        RunFolder.create(tmp_path, name, manifest).save_result(result)
        runs.append((trial, name))
    found = Studied(asked, tmp_path, runs, {})
    assert [(pair.first, pair.second) for pair in found.pairs] == [
        ("data=digits lr=0.1", "data=digits lr=0.2"), ("data=mnist lr=0.1", "data=mnist lr=0.2"),
    ]  # fmt: skip
    assert found.best is None and found.bests == ["data=digits lr=0.1", "data=mnist lr=0.2"]
    told = standing(found)
    assert [line.partition(";")[0] for line in told[:2]] == [f"best on validation: {arm}" for arm in found.bests]
    assert "arms are compared with those of the same data set alone" in told
    only = made_study("sets", base, compare=["data=digits,mnist"], seeds=2)
    with pytest.raises(UsageError, match="two arms or more of one data set"):
        first_look(only)


@pytest.mark.parametrize(("monitor", "metric"), [("test_accuracy", "test_accuracy"), ("test_loss", "test_loss")])
def test_test_images_that_chose_the_epoch_are_told(tmp_path: Path, monitor: str, metric: str) -> None:
    words = "test images chose the epoch of 4 of 4 runs: their test scores are better than new images would give"
    for own in (monitor, "validation_accuracy"):
        asked = replace(rates(0.1, 0.2, seeds=2), base={**BASE, "monitor": own}, metric=metric)
        values: dict[str, list[float | None]] = {"lr=0.1": [0.9, 0.9], "lr=0.2": [0.8, 0.8]}
        told = cautions(given(tmp_path / own, asked, values))
        assert any(line.startswith(words) for line in told) == (own == monitor)


def test_trials_that_are_still_to_come_have_not_failed(tmp_path: Path) -> None:
    asked = rates(0.1, 0.2, seeds=3)
    found = given(tmp_path, asked, {"lr=0.1": [0.9, 0.91, 0.92], "lr=0.2": [0.8, None, 0.81]})
    runs = [(trial, run if k != 5 else "") for k, (trial, run) in enumerate(runs_of(found))]
    part = Studied(asked, tmp_path, runs, {})
    assert [row.status for row in part.rows[3:]] == ["finished", "failed", "untrained"]
    assert [row.reason for row in part.failed] == ["the loss is nan"]
    (pair,) = part.pairs
    words = "(left out: 1 of 3 seeds of lr=0.2, which failed; 1 of 3 seeds of lr=0.2, which are not trained yet)"
    assert words in pair.words


def test_a_seed_that_is_still_to_come_says_nothing_against_its_arm(tmp_path: Path) -> None:
    values: dict[str, list[float | None]] = {"lr=0.1": [0.5] * 5, "lr=0.2": [0.9] * 5}
    found = given(tmp_path, rates(0.1, 0.2), values)
    shutil.rmtree(tmp_path / found.of({"lr": 0.2})[-1].run)
    again = Studied(found.study, tmp_path, runs_of(found), {})
    assert again.best == "lr=0.2" and "1 of 5 seeds of lr=0.2, which are not trained yet" in again.verdicts()[0]


def test_a_configuration_of_which_nothing_is_trained_is_not_preferred(tmp_path: Path) -> None:
    asked = made_study("tuned", BASE, tune=["lr=0.1,0.2,0.3"], seeds=5)
    found = given(tmp_path, asked, {"lr=0.1": [0.9] * 4 + [None], "lr=0.2": [0.9] * 5, "lr=0.3": [0.9] * 5})
    runs = [(trial, run if ("lr", 0.1) in trial.config else "") for trial, run in runs_of(found)]
    part = Studied(asked, tmp_path, runs, {})
    assert [dict(config)["lr"] for config in part.chosen.values()] == [0.1] and part.summaries


@pytest.mark.parametrize(("least", "told"), [(0.91, "yes"), (0.9100001, "no")])
def test_a_tie_with_a_claimed_value_reaches_it(tmp_path: Path, least: float, told: str) -> None:
    found = given(tmp_path, rates(0.1, claims=(Claim("", "lr=0.1", least=least),)), {"lr=0.1": [0.91] * 5})
    assert found.claims()[0][1].startswith(f"{told}: 91.00 %")


def test_the_seeds_that_are_needed_are_those_beyond_what_the_pairs_have(tmp_path: Path) -> None:
    levels = (0.1, 0.2, 0.3, 0.4, 0.5)
    values: dict[str, list[float | None]] = {f"lr={level}": [0.9 + level / 10] * 8 for level in levels}
    values["lr=0.5"] = [0.95] * 5 + [None] * 3
    told = next(line for line in given(tmp_path, rates(*levels, seeds=8), values).verdicts() if "too few" in line)
    assert "of 4 of the 10 pairs: " in told and "pairs: 0 more" not in told


def test_seeds_are_added_until_the_best_arm_is_clear_of_all(tmp_path: Path) -> None:
    near = [0.95, 0.96, 0.95, 0.94, 0.95, 0.96, 0.95, 0.95]
    values: dict[str, list[float | None]] = {
        "lr=0.1": list(near),
        "lr=0.2": [value + 0.001 * (-1) ** k for k, value in enumerate(near)],
        "lr=0.3": [value - 0.3 for value in near],
    }
    found = given(tmp_path / "three", rates(0.1, 0.2, 0.3, seeds=8), values)
    assert any(pair.verdict in ("better", "worse") for pair in found.pairs) and not found.is_clear
    del values["lr=0.2"]
    assert given(tmp_path / "two", rates(0.1, 0.3, seeds=8), values).is_clear


def test_a_value_at_the_end_of_two_is_at_the_edge_and_truth_is_no_number(tmp_path: Path) -> None:
    asked = made_study("tuned", BASE, tune=["lr=0.1,0.2"], seeds=2)
    found = given(tmp_path / "two", asked, {"lr=0.1": [0.9, 0.9], "lr=0.2": [0.8, 0.8]})
    assert found.on_edge == ["best lr 0.1 is at the edge of what was tried"]
    failed = given(tmp_path / "failed", asked, {"lr=0.1": [None, None], "lr=0.2": [None, None]})
    assert failed.on_edge == [] and "lr=" not in failed.table().markdown(), "nothing has chosen it"
    asked = made_study("tuned", {**BASE, "optimizer": "sgd", "momentum": 0.9}, tune=["nesterov=true,false"], seeds=2)
    found = given(tmp_path / "bool", asked, {"nesterov=True": [0.9, 0.9], "nesterov=False": [0.8, 0.8]})
    assert found.on_edge == []


def test_a_study_is_read_back_with_its_factors_in_their_order(tmp_path: Path) -> None:
    factors = factor_from_text("lr=0.001,0.01", role="tune"), factor_from_text("optimizer=adam,sgd")
    asked = Study(name="mixed", base=BASE, factors=factors, seeds=(0,))
    found = study(asked, runs=tmp_path, workers=1)
    again = load_study("mixed", runs=tmp_path)
    assert again.trials() == found.trials() and again.rows[0].trial.label == "lr=0.001 optimizer=adam"


def test_a_failed_seed_leaves_the_images_of_the_others(tmp_path: Path) -> None:
    asked = made_study("small", BASE, compare=["lr=0.001,0.01"], seeds=3)
    found = study(asked, runs=tmp_path, workers=1)
    whole = found.answers(*found.chosen)
    shutil.rmtree(tmp_path / found.rows[0].run)
    less = load_study("small", runs=tmp_path)
    both = less.answers(*less.chosen)
    assert whole is not None and both is not None
    assert [len(one) for one in both[:2]] == [2, 2]
    assert np.array_equal(both[1], whole[1][1:]), "the other arm's seed is left out with it"
    assert less.over_images(less.pairs[0], family=1) is not None
    assert study_page.evidence(less, *less.chosen).captions


def test_a_run_that_diverged_does_not_end_the_mean_of_the_others(tmp_path: Path) -> None:
    asked = made_study("wild", {**BASE, "epochs": 3}, compare=["lr=0.001,0.01"], seeds=2)
    found = study(asked, runs=tmp_path, workers=1)
    broken = RunFolder.open(tmp_path, found.rows[1].run)
    lines = (broken.path / "metrics.jsonl").read_text().splitlines(keepends=True)
    (broken.path / "metrics.jsonl").write_text(lines[0])
    broken.save_result({**(broken.result() or {}), "status": "diverged", "reason": "the loss is nan"})
    drawn = study_page.curves(load_study("wild", runs=tmp_path)).to_dict()
    mean = next(one for one in drawn["series"] if one["name"] == "lr=0.001")
    assert len(mean["y"]) == 3, "the mean of the seed that ran to the end"


def test_runs_of_a_study_that_is_still_trained_are_drawn_before_any_is_over(tmp_path: Path) -> None:
    asked = made_study("young", {**BASE, "epochs": 2}, compare=["lr=0.001,0.01"], seeds=1)
    for row in study(asked, runs=tmp_path, workers=1).rows:
        (tmp_path / row.run / "result.json").unlink()
    picture = study_page.curves(load_study("young", runs=tmp_path))
    drawn = picture.to_dict()["series"]
    assert [one["name"] for one in drawn] == ["lr=0.001, seed 0", "lr=0.01, seed 0"]
    assert isinstance(picture, Curves)
    colours = picture.spec()["layer"][0]["encoding"]["color"]["scale"]["domain"]
    assert colours == ["lr=0.001", "lr=0.01"], "each has its colour and a place in the legend"


def test_shares_of_the_variance_take_two_seeds_and_a_cell_of_the_map_one(tmp_path: Path) -> None:
    def grid(folder: str, values: list[list[float | None]]) -> tuple[list[str], list[list[Any]]]:
        asked = made_study("grid", BASE, compare=["lr=0.1,0.2", "momentum=0.0,0.5"], seeds=len(values[0]))
        labels = [label(config) for config in asked.configs()]
        shown = study_page.factors(given(tmp_path / folder, asked, dict(zip(labels, values, strict=True))))
        found = {one.to_dict().get("title", ""): one.to_dict() for one in shown}
        return list(found), found["Mean of each combination"]["values"]

    shares = "What makes the difference in test accuracy, chance included"
    titles, cells = grid("two", [[0.9, 0.91], [0.8, 0.82], [0.7, 0.7], [0.6, 0.65]])
    assert shares in titles and np.allclose(cells, [[0.905, 0.81], [0.7, 0.625]])
    titles, cells = grid("one", [[0.9], [0.8], [0.7], [0.6]])
    assert shares not in titles and np.allclose(cells, [[0.9, 0.8], [0.7, 0.6]])
    titles, cells = grid("failed", [[0.9, 0.91], [None, 0.82], [0.7, 0.7], [None, None]])
    assert shares not in titles and np.allclose(cells[0], [0.905, 0.82]) and cells[1][0] == 0.7
    assert cells[1][1] is None or np.isnan(cells[1][1])
    titles, _ = grid("left out", [[0.9, 0.91, 0.92], [None, 0.82, 0.8], [0.7, 0.7, 0.72], [0.6, 0.65, 0.66]])
    assert f"{shares}; 1 of 3 seeds left out, of which a trial has no result" in titles

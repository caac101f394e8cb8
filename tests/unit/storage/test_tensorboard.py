"""What TensorBoard's own HParams plugin reads of a study."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from pellucid.errors import UsageError
from pellucid.storage.tensorboard import Session, check_installed, write_hparams
from pellucid.verbs.hparams import search_events, study_events
from pellucid.verbs.made_study import made_study
from pellucid.verbs.search import made_search, search
from pellucid.verbs.study import Studied, study

pytest.importorskip("tensorboard")

BASE = {"network": "mlp", "data": "digits", "epochs": 2, "subset": 200, "hidden_size": 8, "optimizer": "sgd"}


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Studied:
    asked = made_study("rates", BASE, compare={"lr": [0.03, 1e30], "patience": [None, 1]}, seeds=2)
    return study(asked, runs=tmp_path_factory.mktemp("runs"), workers=2)


def read(folder: Path) -> tuple[Any, list[Any]]:
    """The experiment and its session groups, as the tab asks for them."""
    from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins.base_plugin import TBContext
    from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(folder))
    multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, str(folder))
    context = backend_context.Context(TBContext(data_provider=provider, logdir=str(folder)))
    request = RequestContext()
    experiment = context.experiment_from_metadata(
        request, "", True, context.hparams_metadata(request, ""), context.hparams_from_data_provider(request, "", 100)
    )
    statuses = [api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE, api_pb2.STATUS_RUNNING, api_pb2.STATUS_UNKNOWN]
    asked = api_pb2.ListSessionGroupsRequest(
        start_index=0, slice_size=100, allowed_statuses=statuses, include_metrics=True,
        aggregation_type=api_pb2.AGGREGATION_AVG,
    )  # fmt: skip
    return experiment, list(list_session_groups.Handler(request, context, "", asked).run().session_groups)


def metric(found: Any, tag: str) -> float:
    (value,) = (one.value for one in found.metric_values if one.name.tag == tag)
    return float(value)


def test_the_tab_shows_each_configuration_with_its_seeds_and_their_mean(studied: Studied) -> None:
    experiment, groups = read(study_events(studied))
    assert {info.name for info in experiment.hparam_infos} == {"lr", "patience"}
    rates = next(info for info in experiment.hparam_infos if info.name == "lr")
    assert [value.number_value for value in rates.domain_discrete.values] == [0.03, 1e30]
    names = ("validation_accuracy", "validation_loss", "test_accuracy", "test_loss")
    assert [one.name.tag for one in experiment.metric_infos] == [f"result/{name}" for name in names]
    assert {one.name: len(one.sessions) for one in groups} == {
        f"lr={rate} patience={patience}": 2 for rate in ("0.03", "1e+30") for patience in ("None", "1")
    }
    good = next(one for one in groups if one.name == "lr=0.03 patience=1")
    assert good.hparams["lr"].number_value == 0.03 and good.hparams["patience"].string_value == "1"
    config = studied.study.configs()[1]
    for name in names:
        kept = [row.value(name) for row in studied.of(config)]
        assert metric(good, f"result/{name}") == pytest.approx(sum(kept) / 2, rel=1e-5)  # type: ignore[arg-type]
        assert sorted(metric(one, f"result/{name}") for one in good.sessions) == pytest.approx(sorted(kept), rel=1e-5)  # type: ignore[type-var]
    from tensorboard.plugins.hparams import api_pb2

    assert {session.status for session in good.sessions} == {api_pb2.STATUS_SUCCESS}
    bad = next(one for one in groups if one.name == "lr=1e+30 patience=1")
    assert {session.status for session in bad.sessions} == {api_pb2.STATUS_FAILURE}


def test_files_are_the_same_bytes_when_written_anew_and_leave_nothing_old(studied: Studied) -> None:
    folder = study_events(studied)
    before = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*tfevents*")}
    assert len(before) == 9
    (folder / "mlp-digits-s9-00000000").mkdir()
    assert study_events(studied) == folder
    assert {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*tfevents*")} == before
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 8


def test_a_search_shows_nothing_of_the_test_images(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = search(made_search("a", BASE, over=["lr=log:1e-3:1e-1"], trials=2), runs=tmp_path)
    folder = search_events(found)
    experiment, groups = read(folder)
    assert [one.name.tag for one in experiment.metric_infos] == [
        "result/validation_accuracy",
        "result/validation_loss",
    ]
    assert len(groups) == 2
    events = EventAccumulator(str(next(path for path in folder.iterdir() if path.is_dir())))
    events.Reload()
    tags = events.Tags()["scalars"]
    assert "accuracy/validation" in tags and not any("test" in tag for tag in tags)
    assert [one.step for one in events.Scalars("loss/train")] == [1, 2]
    (tmp_path / found.ranking[0].runs[0] / "run.json").write_text("{")
    assert len([path for path in search_events(found).iterdir() if path.is_dir()]) == 1, "a damaged run is left out"


def test_values_of_other_kinds_are_words_and_many_are_no_list(studied: Studied, tmp_path: Path) -> None:
    from pellucid.storage.run_folder import RunFolder

    folder = RunFolder.open(studied.root, studied.rows[0].run)
    sessions = [
        Session(folder, {"views": ["grayscale", "negative"], "nesterov": k % 2 == 0, "lr": 0.1 + k}, str(k))
        for k in range(13)
    ]
    experiment, _ = read(write_hparams(tmp_path / "events", sessions))
    kinds = {info.name: info for info in experiment.hparam_infos}
    assert [value.string_value for value in kinds["views"].domain_discrete.values] == ["grayscale+negative"]
    assert [value.bool_value for value in kinds["nesterov"].domain_discrete.values] == [True, False]
    assert not kinds["lr"].domain_discrete.values


def test_tensorboard_that_is_not_there_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.delitem(sys.modules, "tensorboard.plugins.hparams.metadata", raising=False)
    with pytest.raises(UsageError, match=r'pip install "pellucid\[tensorboard\]"'):
        check_installed()

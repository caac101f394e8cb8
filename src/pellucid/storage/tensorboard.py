"""Event files for TensorBoard, made from what run folders hold: curves by epoch, and hyperparameters.

One run beside itself, or all trials of a study for the HParams tab, where seeds of a configuration are one group.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pellucid.errors import DamagedError, UsageError
from pellucid.storage import atomic
from pellucid.storage.run_folder import RunFolder

#: Values of a hyperparameter that are listed one by one; of more, the HParams tab shows the range.
LISTED = 12
_FILE = "events.out.tfevents.0000000000.pellucid"


@dataclass(frozen=True)
class Session:
    """A trial for the HParams tab. values: its configuration; group: trials of one group differ in the seed alone.

    test: whether results and curves of the test images are shown.
    """

    folder: RunFolder
    values: Mapping[str, Any]
    group: str = ""
    test: bool = True


def check_installed() -> None:
    """Raises UsageError where the extra is not installed."""
    try:
        import tensorboard.plugins.hparams.metadata  # noqa: F401
    except ImportError:
        raise UsageError(
            "tensorboard: expected the package tensorboard, found none. Install it with: pip install "
            '"pellucid[tensorboard]"'
        ) from None


def write_events(folder: RunFolder) -> Path:
    """Writes the run's event files anew below ``tensorboard/``; the folder to point TensorBoard at.

    Scalars are tagged ``<value>/<split>``, such as ``loss/train``, with the epoch as step. Raises UsageError where
    the extra is not installed.
    """
    check_installed()
    return _session(folder.path / "tensorboard", Session(folder, _hyperparameters(folder)))


def write_hparams(path: Path, sessions: Sequence[Session]) -> Path:
    """Writes event files of all sessions anew, one folder each below `path`, where TensorBoard is to look.

    Beside them stands what was varied, with its values, and which results the HParams tab shows: ``result/<name>``,
    of the best epoch, as in result.json. A run with a damaged file is left out. Raises UsageError where the extra is
    not installed.
    """
    check_installed()
    from tensorboard.plugins.hparams import api_pb2

    with atomic.translated(path, 0):
        shutil.rmtree(path, ignore_errors=True)
    infos, mixed = [], set()
    for name in dict.fromkeys(name for one in sessions for name in one.values):
        values = [_plain(one.values[name]) for one in sessions if name in one.values]
        kind = _type(values)
        if kind == api_pb2.DATA_TYPE_STRING:
            mixed.add(name)
            values = [str(value) for value in values]
        info = api_pb2.HParamInfo(name=name, type=kind)
        if len(set(values)) <= LISTED:
            info.domain_discrete.extend(list(dict.fromkeys(values)))
        infos.append(info)
    shown = [
        api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag), display_name=tag)
        for tag in _results({}, any(one.test for one in sessions))
    ]
    events = _Events()
    events.experiment(api_pb2.Experiment(hparam_infos=infos, metric_infos=shown))
    events.save(path)
    for one in sessions:
        named = {name: str(_plain(value)) if name in mixed else value for name, value in one.values.items()}
        with suppress(DamagedError):
            _session(path / one.folder.id, replace(one, values=named))
    return path


def _session(path: Path, one: Session) -> Path:
    """A run's hyperparameters, its curves and its results."""
    events = _Events()
    events.begin({name: _plain(value) for name, value in one.values.items()}, one.group)
    for record in one.folder.metrics():
        curves = {_tag(key): value for key, value in record.items() if key not in ("epoch", "step")}
        events.scalars(int(record["epoch"]), {key: curves[key] for key in curves if one.test or "test" not in key})
    found = one.folder.result()
    if found is not None:
        events.scalars(int(found["best_epoch"] or 0), _results(found, one.test))
    events.end(found["status"] if found else None)
    events.save(path)
    return path


def _results(result: Mapping[str, Any], test: bool) -> dict[str, float | None]:
    """The best epoch's numbers by tag."""
    names = [f"{split}_{value}" for split in ("validation", "test")[: 1 + test] for value in ("accuracy", "loss")]
    return {f"result/{name}": result.get(name) for name in names}


class _Events:
    """One event file."""

    def __init__(self) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._stream = io.BytesIO()
        self._writer, self._event = RecordWriter(self._stream), Event
        self._writer.write(Event(wall_time=0.0, file_version="brain.Event:2").SerializeToString())

    def _add(self, step: int, *values: Any) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        event = self._event(wall_time=float(step), step=step, summary=Summary(value=list(values)))
        self._writer.write(event.SerializeToString())

    def _plugin(self, tag: str, **content: Any) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.plugins.hparams import metadata
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

        data = metadata.create_summary_metadata(HParamsPluginData(**content))
        self._add(0, Summary.Value(tag=tag, metadata=data, tensor=metadata.NULL_TENSOR))

    def experiment(self, found: Any) -> None:
        from tensorboard.plugins.hparams import metadata

        self._plugin(metadata.EXPERIMENT_TAG, experiment=found)

    def begin(self, values: Mapping[str, bool | float | str], group: str) -> None:
        from tensorboard.plugins.hparams import metadata
        from tensorboard.plugins.hparams.plugin_data_pb2 import SessionStartInfo

        start = SessionStartInfo(group_name=group)
        for name, value in values.items():
            kind = "bool" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"
            setattr(start.hparams[name], f"{kind}_value", value)
        self._plugin(metadata.SESSION_START_INFO_TAG, session_start_info=start)

    def scalars(self, epoch: int, values: Mapping[str, float | None]) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        known = {tag: float(value) for tag, value in values.items() if value is not None}
        self._add(epoch, *(Summary.Value(tag=tag, simple_value=value) for tag, value in known.items()))

    def end(self, status: str | None) -> None:
        from tensorboard.plugins.hparams import api_pb2, metadata
        from tensorboard.plugins.hparams.plugin_data_pb2 import SessionEndInfo

        known = {"finished": api_pb2.STATUS_SUCCESS, "diverged": api_pb2.STATUS_FAILURE}
        status = known.get(status or "", api_pb2.STATUS_RUNNING)
        self._plugin(metadata.SESSION_END_INFO_TAG, session_end_info=SessionEndInfo(status=status))

    def save(self, folder: Path) -> None:
        path = folder / _FILE
        with atomic.translated(path, 0):
            folder.mkdir(parents=True, exist_ok=True)
        atomic.write(path, self._stream.getvalue())


def _hyperparameters(folder: RunFolder) -> dict[str, Any]:
    recipe = folder.manifest["spec"]["recipe"]
    plain = {key: value for key, value in recipe.items() if isinstance(value, (bool, int, float, str))}
    return {**plain, "network": folder.manifest["spec"]["network"]["name"]}


def _plain(value: Any) -> bool | float | str:
    """A value of the kinds that TensorBoard knows; words for the others."""
    if isinstance(value, (bool, int, float, str)):
        return value
    return "+".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value).lower()


def _type(values: Sequence[bool | float | str]) -> Any:
    from tensorboard.plugins.hparams import api_pb2

    if all(isinstance(value, bool) for value in values):
        return api_pb2.DATA_TYPE_BOOL
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    return api_pb2.DATA_TYPE_FLOAT64 if numbers else api_pb2.DATA_TYPE_STRING


def _tag(key: str) -> str:
    split, _, value = key.partition("_")
    return f"{value}/{split}" if split in ("train", "validation", "test") else key

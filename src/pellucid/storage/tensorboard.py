"""Event files for TensorBoard, made from what a run folder holds: curves by epoch, and the hyperparameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pellucid.errors import UsageError
from pellucid.storage import atomic
from pellucid.storage.run_folder import RunFolder


def write_events(folder: RunFolder) -> Path:
    """Writes the run's event files anew below ``tensorboard/``; the folder to point TensorBoard at.

    Scalars are tagged ``<value>/<split>``, such as ``loss/train``, with the epoch as step. Raises UsageError where
    the extra is not installed.
    """
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.plugins.hparams import metadata
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError:
        raise UsageError(
            "tensorboard: expected the package tensorboard, found none. Install it with: pip install "
            '"pellucid[tensorboard]"'
        ) from None
    import io

    stream = io.BytesIO()
    writer = RecordWriter(stream)

    def add(step: int, summary: Any) -> None:
        writer.write(Event(wall_time=float(step), step=step, summary=summary).SerializeToString())

    writer.write(Event(wall_time=0.0, file_version="brain.Event:2").SerializeToString())

    def session(tag: str, **content: Any) -> None:
        data = metadata.create_summary_metadata(HParamsPluginData(**content))
        add(0, Summary(value=[Summary.Value(tag=tag, metadata=data, tensor=metadata.NULL_TENSOR)]))

    start = SessionStartInfo()
    for key, value in _hyperparameters(folder).items():
        kind = "bool" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"
        setattr(start.hparams[key], f"{kind}_value", value)
    session(metadata.SESSION_START_INFO_TAG, session_start_info=start)
    for record in folder.metrics():
        scalars = [
            Summary.Value(tag=_tag(key), simple_value=float(value))
            for key, value in record.items()
            if key not in ("epoch", "step") and value is not None
        ]
        add(record["epoch"], Summary(value=scalars))
    session(metadata.SESSION_END_INFO_TAG, session_end_info=SessionEndInfo())
    path = folder.path / "tensorboard" / "events.out.tfevents.0000000000.pellucid"
    with atomic.translated(path, 0):
        path.parent.mkdir(exist_ok=True)
    atomic.write(path, stream.getvalue())
    return path.parent


def _hyperparameters(folder: RunFolder) -> dict[str, bool | float | str]:
    recipe = folder.manifest["spec"]["recipe"]
    plain = {key: value for key, value in recipe.items() if isinstance(value, (bool, int, float, str))}
    return {**plain, "network": folder.manifest["spec"]["network"]["name"]}


def _tag(key: str) -> str:
    split, _, value = key.partition("_")
    return f"{value}/{split}" if split in ("train", "validation", "test") else key

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
        from tensorboard.plugins.hparams import summary as hparams
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
    recipe = folder.manifest["spec"]["recipe"]
    values = {key: value for key, value in recipe.items() if isinstance(value, (bool, int, float, str))}
    values["network"] = folder.manifest["spec"]["network"]["name"]
    add(0, hparams.session_start_pb(values))
    for record in folder.metrics():
        scalars = [
            Summary.Value(tag=_tag(key), simple_value=float(value))
            for key, value in record.items()
            if key not in ("epoch", "step") and value is not None
        ]
        add(record["epoch"], Summary(value=scalars))
    add(0, hparams.session_end_pb("STATUS_SUCCESS"))
    path = folder.path / "tensorboard" / "events.out.tfevents.0000000000.pellucid"
    with atomic.translated(path, 0):
        path.parent.mkdir(exist_ok=True)
    atomic.write(path, stream.getvalue())
    return path.parent


def _tag(key: str) -> str:
    split, _, value = key.partition("_")
    return f"{value}/{split}" if split in ("train", "validation", "test") else key

"""What a person sees while a network trains: a live bar on a terminal, plain lines elsewhere. All of it on stderr."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pellucid.cli.terminal import say
from pellucid.displays.numbers import percent
from pellucid.training.record import EpochRecord, EpochTiming
from pellucid.training.run import Observer

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from pellucid.storage.run_folder import RunFolder
    from pellucid.training.decisions import Decisions
    from pellucid.training.fit import Progress

#: Seconds between two redrawings of the bar.
REDRAW_SECONDS = 0.1


def epoch_line(record: EpochRecord, timing: EpochTiming, *, epochs: int, best: bool) -> str:
    """One epoch in one line."""

    def both(split: str) -> str:
        loss, accuracy = record.metric(f"{split}_loss"), record.metric(f"{split}_accuracy")
        return "" if loss is None else f"  {split} {loss:.4f} {percent(accuracy):>8}"

    splits = "".join(both(split) for split in ("train", "validation", "test"))
    mark = "  best" if best else ""
    return (
        f"epoch {record.epoch:>{len(str(epochs))}}/{epochs}{splits}  lr {record.lr:.3g}  {timing.seconds:.1f} s  "
        f"{timing.images_per_second:,.0f} images/s{mark}"
    )


class Watcher(Observer):
    """Shows a training; `live` draws a bar with the time left between the epochs' lines."""

    def __init__(self, *, live: bool) -> None:
        self.live = live
        self._bar: Bar | None = None
        self._drawn = 0.0

    def begin(self, folder: RunFolder, decisions: Decisions, steps_per_epoch: int, resumed: Progress | None) -> None:
        manifest = folder.manifest
        self._epochs = int(manifest["spec"]["recipe"]["epochs"])
        self._steps = steps_per_epoch
        sizes = " / ".join(f"{manifest['sizes'][name]:,}" for name in ("train", "validation", "test"))
        threads = f"{decisions.threads} thread{'s' if decisions.threads > 1 else ''}"
        say(
            f"{manifest['spec']['network']['name']} on {manifest['spec']['data']['name']}: {sizes} images (train / "
            f"validation / test) of {'x'.join(map(str, manifest['input_shape']))}, {decisions.device}, {threads}, "
            f"{decisions.precision}"
        )
        if decisions.probe:
            times = ", ".join(f"{name} {1000 * seconds:.2f} ms" for name, seconds in decisions.probe.items())
            say(f"precision: {decisions.precision}, by a probe of one step ({times})")
        say(f"run: {folder.path}")
        if resumed:
            say(f"going on from epoch {resumed.epoch}, step {resumed.done} of {steps_per_epoch}")
        if self.live:
            self._start_bar(resumed)

    def _start_bar(self, resumed: Progress | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[speed]}"),
            console=Console(stderr=True),
            transient=True,
        )
        done = (resumed.epoch - 1) * self._steps + resumed.done if resumed else 0
        self._task = self._bar.add_task(
            "", total=self._epochs * self._steps, completed=done, epoch=f"1/{self._epochs}", speed=""
        )
        self._bar.start()

    def note(self, text: str) -> None:
        say(text)

    def step(self, progress: Progress) -> None:
        if self._bar is None or time.monotonic() - self._drawn < REDRAW_SECONDS:
            return
        self._drawn = time.monotonic()
        self._bar.update(
            self._task,
            completed=(progress.epoch - 1) * self._steps + progress.done,
            epoch=f"{progress.epoch}/{self._epochs}",
            speed=f"{progress.done / max(progress.epoch_seconds, 1e-9):.0f} steps/s",
        )

    def epoch(self, record: EpochRecord, timing: EpochTiming, *, best: bool) -> None:
        line = epoch_line(record, timing, epochs=self._epochs, best=best)
        if self._bar is None:
            say(line)
        else:
            self._bar.console.print(line, highlight=False)

    def close(self) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

"""What a person sees of trials: a live table or plain lines while they are trained, and then what they gave."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.cli.terminal import emit, say
from pellucid.displays.numbers import duration, percent
from pellucid.verbs.standing import Standing, Standings

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from pellucid.spec.run import RunSpec
    from pellucid.spec.study import Trial
    from pellucid.training.many import Outcome
    from pellucid.verbs.searched import Searched
    from pellucid.verbs.studied import Studied

#: Times a second that the table is read and drawn anew.
REDRAWS = 2


@contextmanager
def watched(runs: Path | None, *, quiet: bool) -> Iterator[StudyWatcher | None]:
    """A watcher while a study runs; None where nobody wants one."""
    from pellucid.storage.runs_root import runs_root

    if quiet:
        yield None
        return
    watcher = StudyWatcher(runs_root(runs), live=sys.stderr.isatty())
    try:
        yield watcher
    finally:
        watcher.close()


class StudyWatcher:
    """Told of every trial that is over; `live` shows between them how far the running ones are."""

    def __init__(self, root: Path, *, live: bool) -> None:
        self.live = live
        self._standings = Standings(root)
        self._done = self._of = 0
        self._shown: Live | None = None

    def begin(self, trials: Iterable[tuple[Trial, RunSpec]]) -> None:
        """These trials are next; the first call opens the table."""
        known = list(trials)
        over = self._standings.begin(known)
        if over:
            self._say(f"{over:,} of {len(known):,} trials are there already")
        self._of = max(self._of, self._done + len(known))
        if self.live and self._shown is None:
            from rich.console import Console
            from rich.live import Live

            self._shown = Live(
                console=Console(stderr=True), get_renderable=self.table, refresh_per_second=REDRAWS, transient=True
            )
            self._shown.start()

    def __call__(self, done: int, of: int, outcome: Outcome) -> None:
        """A trial is over, `done` of `of`."""
        self._done, self._of = done, of
        trial = self._standings.end(outcome.spec)
        if trial is None and self._standings.knows(outcome.spec):
            return  # it was over before
        score = (outcome.result or {}).get("validation_accuracy")
        words = f"validation {percent(score)}" if score is not None else f"failed: {outcome.error}"
        name = f"{trial.label} seed={trial.seed}" if trial else outcome.spec.id
        left = "" if self.live else self._left(self._standings.running())
        self._say(f"{done}/{of}  {name}  {words}  {left}".rstrip())

    def table(self) -> Table:
        """The running trials, and how many there are to come."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        running = self._standings.running()
        waiting = max(0, self._of - self._done - len(running))
        caption = f"{self._done:,} of {self._of:,} done, {len(running)} running, {waiting:,} waiting"
        table = Table(box=None, caption=f"{caption}  {self._left(running)}", caption_justify="left", pad_edge=False)
        table.add_column("running", no_wrap=True, overflow="ellipsis", ratio=1)
        for name in ("seed", "epoch"):
            table.add_column(name, justify="right")
        table.add_column("", width=16)
        table.add_column("validation", justify="right")
        for one in running:
            epochs = one.spec.recipe.epochs
            bar = ProgressBar(total=epochs, completed=one.epochs, width=16)
            table.add_row(
                one.trial.label, str(one.trial.seed), f"{one.epochs}/{epochs}", bar, percent(one.validation)
            )
        return table

    def close(self) -> None:
        """Takes the table away."""
        if self._shown is not None:
            self._shown.stop()
            self._shown = None

    def _left(self, running: Sequence[Standing]) -> str:
        seconds = self._standings.seconds_left(running, self._of - self._done)
        return "" if seconds is None or self._done == self._of else f"({duration(seconds)} left)"

    def _say(self, line: str) -> None:
        if self._shown is None:
            say(line)
        else:
            self._shown.console.print(line, highlight=False, markup=False)


def tell(
    found: Studied | Searched,
    page: Path,
    events: Path | None,
    failed: Sequence[str] = (),
    *,
    besides: str = "",
    claims: Sequence[tuple[str, str]] = (),
) -> None:
    """The table, what can be said, also of claims, the trials that failed, and where more is to be seen.

    besides: a report's other numbers, a table as text. claims: each with its answer. events: for TensorBoard.
    """
    emit(found.table().text())
    emit("")
    if besides:
        emit(f"{besides}\n")
    for line in found.verdicts():
        emit(line)
    if claims:
        emit("")
    for words, answer in claims:
        emit(f"claim: {words}\n    {answer}")
    for line in failed:
        say(f"failed: {line}")
    say(f"\npage      {page}")
    if events is not None:
        say(f"next      tensorboard --logdir {events}")

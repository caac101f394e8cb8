"""What a study looks like: its verdicts, effects and curves, and the images behind a difference."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.charts.interaction import interaction
from pellucid.charts.means import means
from pellucid.charts.parallel_coordinates import parallel_coordinates
from pellucid.charts.seed_curves import seed_curves
from pellucid.charts.steadiness import steadiness as spread_curves
from pellucid.charts.time_to_threshold import time_to_threshold
from pellucid.displays.curves import Curves
from pellucid.displays.display import Display
from pellucid.displays.image_grid import ImageGrid
from pellucid.displays.numbers import is_share, limits
from pellucid.displays.page import Page
from pellucid.displays.table import Table
from pellucid.errors import DamagedError, DataError, StorageError, unknown_name
from pellucid.evaluation.comparison import Summary, summary
from pellucid.evaluation.grid import variance_shares
from pellucid.spec.study import Config, label
from pellucid.storage.run_folder import RunFolder
from pellucid.verbs.run import Run
from pellucid.verbs.studied import Studied
from pellucid.verbs.study_reported import other_numbers
from pellucid.verbs.study_row import Row, is_begun
from pellucid.verbs.study_tables import pair_table
from pellucid.verbs.study_thresholds import threshold_table, waiting

#: Arms that a picture of lines holds: there are no more colours that all eyes tell apart.
MOST_LINES = 7
CURVE_AXES = ("epoch", "step", "second")


def page(found: Studied) -> Page:
    """Verdicts, table, effects, curves, and the images behind what differs."""
    verdicts = Table(("",), [(line,) for line in found.verdicts()], title="What stands")
    # a line a row: cells are cut where they are very long
    lines = [row for line in found.study.note.splitlines() for row in wrap(line, 200)]
    note = [Table(("",), [(line,) for line in lines], title="Note")] if lines else []
    shown: list[Display] = [*note, verdicts, found.table()]
    if (besides := other_numbers(found)) is not None:
        shown.append(besides)
    if found.study.claims:
        shown.append(Table(("claim", "what our runs say"), found.claims(), title="Claims"))
    if found.summaries:
        shown.append(effects(found))
    if found.pairs:
        shown.append(pair_table(found))
    shown += [*by_epoch(found), *factors(found), *all_evidence(found)]
    if failed := [(row.trial.label, row.trial.seed, row.reason) for row in found.failed]:
        shown.append(Table(("configuration", "seed", "reason"), failed, title="Trials that failed or diverged"))
    return Page(shown, title=f"Study {found.study.name}: {len(found.rows)} trials")


def effects(found: Studied) -> Display:
    """Means with their intervals; of arms of which runs were over before their threshold the bound alone."""
    arms, open_ended = list(found.summaries.items()), {arm for arm in found.summaries if found.missed(arm)}
    return means(
        {f"{arm} (at least)" if arm in open_ended else arm: one.mean for arm, one in arms},
        low=[np.nan if arm in open_ended else one.low for arm, one in arms],
        high=[np.nan if arm in open_ended else one.high for arm, one in arms],
        count=[one.n for _, one in arms],
        value_title=found.study.metric.replace("_", " "),
        percent=is_share(found.study.metric),
    )


def drawn(found: Studied) -> list[tuple[str, Config]]:
    """The arms of a picture of lines: all, or the first of `Studied.ranked`, in their order."""
    best = found.ranked()[:MOST_LINES]
    return [(arm, config) for arm, config in found.chosen.items() if arm in best]


def _titled(found: Studied, picture: Curves) -> Curves:
    """The picture, which says so where not all arms are `drawn`."""
    arms = len(found.chosen)
    words = f": the {MOST_LINES} of {arms} arms that are {found.preferred}" if arms > MOST_LINES else ""
    return replace(picture, title=picture.title + words)


def curves(
    found: Studied, metric: str = "validation_accuracy", *, x: str = "epoch", log_x: bool = False, log_y: bool = False
) -> Display:
    """Of each arm the mean over seeds, the range, and each run, by "epoch", "step" or "second" of training.

    Raises UsageError for another x, or a metric that the epochs do not have.
    """
    if x not in CURVE_AXES:
        raise unknown_name("axis", x, CURVE_AXES)
    runs, broken_off = {}, {}
    for arm, config in drawn(found):
        lines = {}
        broken_off[arm] = [f"seed {row.trial.seed}" for row in found.of(config) if not row.result]
        for row in found.of(config):
            read = _epochs(found, row)
            if read is None:
                continue
            records, timings = read
            _check(metric, records)
            seconds = np.cumsum([one["seconds"] for one in timings]).tolist()
            places = seconds if x == "second" else [float(record[x]) for record in records]
            known = [(at, one[metric]) for at, one in zip(places, records, strict=False) if one[metric] is not None]
            if known:
                lines[f"seed {row.trial.seed}"] = ([at for at, _ in known], [value for _, value in known])
        runs[arm] = lines
    picture = seed_curves(
        runs,
        broken_off=broken_off,
        x_title="second of training" if x == "second" else x,
        y_title=metric.replace("_", " "),
        percent=is_share(metric),
        log_x=log_x,
        log_y=log_y,
    )
    return _titled(found, picture)


def _epochs(found: Studied, row: Row) -> tuple[list[dict[str, Any]], list[dict[str, Any]]] | None:
    """Records and timings of a trial's epochs; None where nothing was begun, or what is there is damaged."""
    try:
        folder = RunFolder.open(found.root, row.run) if is_begun(found.root, row.run) else None
        return (folder.metrics(), folder.timings()) if folder else None
    except DamagedError:
        return None


def _check(metric: str, records: Sequence[Mapping[str, Any]]) -> None:
    """Raises UsageError for a metric that the epochs do not have."""
    if records and metric not in records[0]:
        raise unknown_name("metric", metric, [key for key in records[0] if "_" in key])


def by_epoch(found: Studied) -> list[Display]:
    """Validation by epoch, of three seeds on its spread, and the time to a threshold where there was one."""
    shown = [curves(found)]
    if len(found.study.seeds) > 2:
        shown.append(steadiness(found))
    if found.stops:
        shown += [threshold_table(found), thresholds(found), thresholds(found, "second")]
    return shown


def steadiness(found: Studied, metric: str = "validation_accuracy") -> Display:
    """Spread over seeds by epoch."""
    runs = {}
    for arm, config in drawn(found):
        read = [_epochs(found, row) for row in found.of(config) if row.result]
        records = [one[0] for one in read if one is not None]
        _check(metric, records[0] if records else [])
        lines = [[record[metric] for record in one] for one in records]
        runs[arm] = [line for line in lines if None not in line]
    picture = spread_curves(runs, y_title=metric.replace("_", " "), percent=is_share(metric))
    return _titled(found, picture)


def factors(found: Studied) -> list[Display]:
    """What each factor of a grid does: means of its levels, shares of the variance, pairs, and all lines at once."""
    study = found.study
    if len(study.factors) < 2 or not found.summaries:
        return []
    configs = study.configs()
    metric = metric_of_effects(found)
    grid = np.full((*(len(one.levels) for one in study.factors), len(study.seeds)), np.nan)
    for at, config in zip(np.ndindex(*grid.shape[:-1]), configs, strict=True):
        by_seed = found.values(config, metric, beside=configs)
        grid[at] = [np.nan if value is None else value for value in by_seed]
    shown: list[Display] = [main_effects(found, grid)]
    names = [one.name for one in study.factors]
    whole = np.isfinite(grid).reshape(-1, len(study.seeds)).all(0)  # seeds of which all trials have a result
    if whole.sum() > 1:  # one seed cannot tell an interaction from chance
        rows = [(name, f"{100 * share:.1f} %") for name, share in variance_shares(grid[..., whole], names).items()]
        less = f"{(~whole).sum()} of {whole.size} seeds left out, of which a trial has no result"
        out = "" if whole.all() else f"; {less}"
        title = f"What makes the difference in {metric.replace('_', ' ')}, chance included{out}"
        shown.append(Table(("source", "share of the variance"), rows, title=title))
    # a seed that failed is left out; a level of another factor is not, or cells would be of different levels
    by_level = np.ma.masked_invalid(grid).mean(-1).filled(np.nan)
    words = [[label({one.name: level}).partition("=")[2] for level in one.levels] for one in study.factors]
    for i, j in itertools.combinations(range(len(names)), 2):
        shown.append(
            interaction(
                by_level.mean(axis=tuple(axis for axis in range(by_level.ndim) if axis not in (i, j))),
                rows=words[i],
                columns=words[j],
                row_title=names[i],
                column_title=names[j],
                percent=is_share(metric),
            )
        )
    scores = [[value for value in found.values(one, "validation_accuracy") if value is not None] for one in configs]
    values = [float(np.mean(one)) if one else float("nan") for one in scores]
    return [*shown, parallel_coordinates(configs, values=values, value_title="validation")]


def metric_of_effects(found: Studied) -> str:
    """What the factors of a grid are shown by: where some are tuned, what chooses, since no test image does."""
    return found.chooser if found.study.tuned else found.study.metric


def main_effects(found: Studied, grid: NDArray[np.float64]) -> Display:
    """Mean of each level over the other factors; a seed counts once, where all of its trials are known.

    grid: levels of each factor x seeds, NaN for a trial that failed.
    """
    arms: dict[str, Summary] = {}
    metric = metric_of_effects(found)
    for axis, factor in enumerate(found.study.factors):
        for k, level in enumerate(factor.levels):
            by_seed = np.take(grid, k, axis).reshape(-1, grid.shape[-1]).mean(0)
            known = by_seed[np.isfinite(by_seed)].tolist()
            if known:
                arms[label({factor.name: level})] = summary(known, within=limits(metric))
    return means(
        {name: one.mean for name, one in arms.items()},
        low=[one.low for one in arms.values()],
        high=[one.high for one in arms.values()],
        count=[one.n for one in arms.values()],
        value_title=metric.replace("_", " "),
        title="Main effects: mean of each level over the other factors",
        percent=is_share(metric),
    )


def thresholds(found: Studied, unit: str = "epoch") -> Curves:
    """Share of runs not at the threshold by each "epoch" or "second", of those that are over (`waiting`)."""
    known = {arm: waiting(found, config, f"{unit}s") for arm, config in drawn(found)}
    lines = {arm: (one.times.tolist(), one.share.tolist()) for arm, one in known.items() if one}
    return _titled(found, time_to_threshold(lines, unit=unit))


def evidence(found: Studied, first: str, second: str, *, n: int = 20) -> ImageGrid:
    """The test images that most more seeds of one arm get right than of the other, where that is so.

    Raises UsageError for an arm that is not there, DataError where answers or images are missing or differ.
    """
    for arm in (first, second):
        if arm not in found.chosen:
            raise unknown_name("arm", arm, list(found.chosen))
    both = found.answers(first, second)
    if both is None:
        raise DataError(
            f"{first}, {second}: expected answers to the same test images, found none or others. Choose two arms of "
            "one data set with runs that are over."
        )
    ours, theirs, labels = both
    lead = ours.mean(0) - theirs.mean(0)
    order = np.argsort(-lead, kind="stable")[:n]
    chosen = order[lead[order] > 0]
    tested = next(row for row in found.of(found.chosen[first]) if row.result)
    images = Run.open(found.root, tested.run).images("test")
    captions = [f"{images.class_names[labels[k]]} {int(ours[:, k].sum())}:{int(theirs[:, k].sum())}" for k in chosen]
    return ImageGrid(
        images.pixels[chosen],
        captions=captions,
        columns=min(10, max(len(chosen), 1)),
        title=f"Right in more seeds of {first} ({len(ours)}) than of {second} ({len(theirs)})",
    )


def largest(found: Studied, most: int = 2) -> list[tuple[str, str]]:
    """The pairs that differ most, each both ways."""
    told = [pair for pair in found.pairs if pair.verdict in ("better", "worse")]
    pairs = sorted(told, key=lambda one: -abs(one.difference))[:most]
    return [two for pair in pairs for two in ((pair.first, pair.second), (pair.second, pair.first))]


def all_evidence(found: Studied) -> list[Display]:
    """The images behind the `largest` differences, but for those that are gone."""
    shown: list[Display] = []
    for first, second in largest(found):
        with suppress(DataError, StorageError):
            shown.append(evidence(found, first, second))
    return shown

"""What every channel does over a whole split: strength, silence, likeness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.displays.curves import Curves, Series
from pellucid.displays.display import Display
from pellucid.displays.page import Page
from pellucid.displays.table import Table
from pellucid.inspection._layers import IDLE, layer_of
from pellucid.inspection._statistics import QUANTILES, ChannelStatistics, channel_statistics
from pellucid.inspection._subject import Subject


@dataclass(frozen=True)
class StatisticsPage(Page):
    """The table and the distributions; statistics: the numbers behind them, layer by layer."""

    statistics: Sequence[ChannelStatistics] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "quantiles": QUANTILES,
            "layers": [
                {
                    "layer": one.layer.name,
                    "shape": list(one.layer.shape),
                    "count": one.count,
                    "exact_quantiles": one.exact_quantiles,
                    **{
                        name: getattr(one, name)
                        for name in ("mean", "std", "low", "high", "quantiles", "zeros", "saturated", "dead")
                    },
                    "duplicates": one.duplicates(),
                }
                for one in self.statistics
            ],
        }


def activation_statistics(
    model: Any, images: Any, *, layers: Sequence[str] = (), likeness: float = 0.95
) -> StatisticsPage:
    """Mean, spread, quantiles and silence of every channel over all images, in one pass.

    One row a layer in the table: mean and standard deviation over all values, share of exact zeros, dead channels
    (one value on all images), values at the bounds of a tanh or sigmoid, pairs of channels whose correlation over
    images and places is at least `likeness`. Below it each layer's channels, sorted by mean, with their median,
    quartiles and extremes of 90 %. layers: only these. Quantiles are read from every value, or from 20,000 of each
    channel spread evenly over images and places.

    Raises UsageError for a layer that is not there.
    """
    subject = Subject.of(model)
    first = next(subject.batches(images, 1))[1]
    for name in layers:
        layer_of(subject, first, name)
    found = channel_statistics(subject, images, layers)
    rows = []
    for one in found:
        pairs = one.duplicates(likeness)
        # of all values: the variance within channels and that of their means
        std = float(np.sqrt((one.std**2).mean() + one.mean.var()))
        rows.append(
            (
                one.layer.name,
                one.layer.shape_text,
                float(one.mean.mean()),
                std,
                float(one.low.min()),
                float(one.high.max()),
                f"{100 * one.zeros.mean():.1f} %",
                int(one.dead.sum()),
                None if np.isnan(one.saturated).all() else f"{100 * one.saturated.mean():.1f} %",
                len(pairs),
            )
        )
    columns = ("layer", "shape", "mean", "std", "lowest", "highest", "zeros", "dead channels", "at bounds", "alike")
    table = Table(columns, rows, title=f"Activations over {len(images):,} images")
    drawn = [_distribution(one) for one in found if one.layer.kind not in IDLE]
    displays: list[Display] = [table, Page(drawn, columns=2)]
    return StatisticsPage(displays, title=table.title, statistics=found)


def _distribution(one: ChannelStatistics) -> Curves:
    """The channels of a layer, sorted by mean."""
    order = np.argsort(one.mean, kind="stable")
    x = list(range(1, len(order) + 1))
    at = {q: one.quantiles[order, k].tolist() for k, q in enumerate(QUANTILES)}
    return Curves(
        [
            Series("median, 5 % to 95 %", x, at[0.5], at[0.05], at[0.95]),
            Series("mean", x, one.mean[order].tolist(), at[0.25], at[0.75]),
        ],
        x_title="channels, sorted by mean",
        y_title="activation (dark band: quartiles)",
        title=f"{one.layer.name} ({one.layer.shape_text})",
        width=420,
        height=150,
    )

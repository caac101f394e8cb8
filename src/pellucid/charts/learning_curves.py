"""Loss and accuracy by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.displays.curves import Curves, Series
from pellucid.displays.display import Display
from pellucid.displays.page import Page

_SPLITS = ("train", "validation", "test")


def learning_curves(
    records: Sequence[Mapping[str, Any]], *, best_epoch: int | None = None, title: str = ""
) -> Display:
    """Loss and accuracy of training, validation and test images by epoch, the best epoch marked.

    records: one mapping an epoch with "epoch", ``<split>_loss`` and ``<split>_accuracy``, None for an empty split.
    """

    def one(value: str, *, percent: bool) -> Curves:
        series = [
            Series(
                split,
                [record["epoch"] for record in records],
                [record.get(f"{split}_{value}") for record in records],
                dashed=split == "train",
            )
            for split in _SPLITS
            if any(record.get(f"{split}_{value}") is not None for record in records)
        ]
        mark = (float(best_epoch), f"best, epoch {best_epoch}") if best_epoch is not None else None
        return Curves(series, "epoch", value, title=title or value.capitalize(), percent=percent, mark=mark)

    return Page(
        [one("loss", percent=False), one("accuracy", percent=True)], title=title or "Learning curves", columns=2
    )

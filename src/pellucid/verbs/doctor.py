"""A look at a data set before anyone trains on it."""

from __future__ import annotations

import textwrap
from typing import Any

from pellucid.datasets._load import grouped, load, open_dataset
from pellucid.displays.table import Table
from pellucid.preflight.examine import Findings, examine
from pellucid.verbs.options import data_spec

_SIGNS = {"error": "!!", "warning": "! ", "note": "- ", "ok": "  "}


def doctor(name: Any, **options: Any) -> Findings:
    """Duplicates, leaks, broken files, and what the sizes allow to conclude, of a data set or a folder of images.

    options: fields of `DataSpec`. Files that cannot be read are counted and left out. Raises UsageError, DataError.
    """
    given = {key: value for key, value in options.items() if value is not None}
    spec = data_spec(name, given)
    if spec.name == "image_folder":
        spec = data_spec(name, {"unreadable": "skip", **given})
    dataset = grouped(open_dataset(spec), spec.group)
    return examine(str(name), load(spec), skipped=dataset.skipped, ignored=dataset.ignored)


def report(found: Findings) -> str:
    """The findings for a terminal, worst first."""
    height, width, channels = found.shape
    table = Table(
        title=f"{found.name}: {height}x{width}x{channels}",
        columns=("class", *found.counts),
        rows=list(zip(found.class_names, *found.counts.values(), strict=True)),
    )
    lines = [table.text(), ""]
    for finding in found.findings:
        words = f"{finding.topic}: {finding.message} {finding.advice}".strip()
        lines += textwrap.wrap(words, 100, initial_indent=_SIGNS[finding.severity] + " ", subsequent_indent="   ")
    return "\n".join(lines)

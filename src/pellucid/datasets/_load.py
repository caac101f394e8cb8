"""From a `DataSpec` to the splits of a run."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from inspect import signature
from typing import Any

from pellucid import catalog
from pellucid.datasets._splits import split, subset
from pellucid.errors import UsageError
from pellucid.images import Dataset, Images, Scaling, Splits
from pellucid.spec.data import DataSpec
from pellucid.views._parse import viewed

#: Fields of a spec that are options of the data set's own function, where it has them.
_OPTIONS = ("path", "size", "channels", "unreadable")


def load(spec: DataSpec) -> Splits:
    """The splits of `spec`: read, grouped, split, cut to a subset, seen through its views in order.

    Raises UsageError for an unknown name or option, DataError where images cannot be read or sizes not be met.
    """
    dataset = grouped(open_dataset(spec), spec.group)
    train, validation, test = split(
        dataset, validation_size=spec.validation_size, test_size=spec.test_size, seed=spec.split_seed
    )
    if spec.subset is not None:
        train = subset(train, spec.subset, spec.split_seed)
    splits = Splits(train, validation, test, Scaling.unit(train.shape[2]))
    for expression in spec.views:
        splits = viewed(splits, expression)
    return splits


def open_dataset(spec: DataSpec) -> Dataset:
    """The data set of `spec` as published, with the options that it has.

    Raises UsageError for an option that the set does not have.
    """
    build = catalog.load("datasets", spec.name)
    known = signature(build).parameters
    defaults = {item.name: item.default for item in fields(DataSpec)}
    options: dict[str, Any] = {}
    for name in _OPTIONS:
        value = getattr(spec, name)
        if name in known:
            options[name] = value
        elif value != defaults[name]:
            hint = f" Use the view resize={value}." if name == "size" else ""
            has = ", ".join(option for option in _OPTIONS if option in known) or "none of these"
            raise UsageError(f"data set {spec.name}, option {name}: expected {has}, found {name}={value!r}.{hint}")
    opened: Dataset = build(**options)
    return opened


def grouped(dataset: Dataset, pattern: str | None) -> Dataset:
    """`dataset` with what the parentheses of `pattern` catch in a file's name (without any: its match) as the group.

    A file that does not match is a group of its own. Raises UsageError where no file matches.
    """
    if pattern is None:
        return dataset
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"group: expected a regular expression, found {pattern!r} ({error}).") from None
    if not dataset.train.sources:
        raise UsageError(f"group: expected a data set of files, found {dataset.name}, whose images have no names.")
    matches = [compiled.search(source) for source in dataset.train.sources]
    if not any(matches):
        raise UsageError(
            f"group: expected {pattern!r} to match some file names, found no match among {len(matches):,}; the first "
            f"is {dataset.train.sources[0]!r}. Mend the expression."
        )
    return replace(
        dataset,
        train=_grouped(dataset.train, compiled),
        validation=dataset.validation and _grouped(dataset.validation, compiled),
        test=dataset.test and _grouped(dataset.test, compiled),
    )


def _grouped(images: Images, pattern: re.Pattern[str]) -> Images:
    groups = []
    for source in images.sources:
        match = pattern.search(source)
        caught = (match.groups() or (match[0],)) if match else ()
        groups.append(" ".join(part for part in caught if part) or source)
    return replace(images, groups=tuple(groups))

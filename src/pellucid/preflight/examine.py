"""Everything that can be said of a data set before training, worst first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.images import Images, Splits
from pellucid.preflight.duplicates import FLAT, Pair, exact_duplicates, near_duplicates
from pellucid.preflight.groups import divided, stem_groups
from pellucid.preflight.power import detectable_difference, half_width, images_needed

#: From worst to best.
SEVERITIES = ("error", "warning", "note", "ok")
#: Comparing all images with all takes long beyond this many; a random part is taken then, and said.
NEAR_LIMIT = 20_000


@dataclass(frozen=True)
class Finding:
    """One thing to know: a sentence, and what to do about it ("" for nothing)."""

    severity: str
    topic: str
    message: str
    advice: str = ""


@dataclass(frozen=True)
class Place:
    """Where an image stands: its split, its index there, its class, its file ("" for sets without files)."""

    split: str
    index: int
    label: str
    source: str


@dataclass(frozen=True)
class Twins:
    """Two images that are the same, or nearly."""

    first: Place
    second: Place
    exact: bool
    similarity: float

    @property
    def crosses_splits(self) -> bool:
        return self.first.split != self.second.split

    @property
    def crosses_labels(self) -> bool:
        return self.first.label != self.second.label


@dataclass(frozen=True)
class Findings:
    """What the doctor found. counts: images by split and class."""

    name: str
    shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]
    twins: tuple[Twins, ...]
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        twins = [
            {**asdict(pair), "crosses_splits": pair.crosses_splits, "crosses_labels": pair.crosses_labels}
            for pair in self.twins
        ]
        return {**asdict(self), "twins": twins}


def examine(name: str, splits: Splits, *, skipped: Iterable[str] = (), ignored: int = 0) -> Findings:
    """Counts, broken files, constant images, duplicates, groups and power of a data set in its splits.

    skipped: files that could not be read, each with its reason. ignored: files that are no images.
    """
    named = [(split, images) for split, images in splits if len(images)]
    twins, looked_at = _twins(named)
    found = [
        *_files(list(skipped), ignored),
        *_classes(splits.train),
        *_constant(named),
        *_copies(twins, sum(len(images) for _, images in named), looked_at),
        *_sources(named),
        *_power(splits),
    ]
    return Findings(
        name=name,
        shape=splits.shape,
        class_names=splits.class_names,
        counts={split: tuple(images.class_counts().tolist()) for split, images in splits},
        twins=tuple(twins),
        findings=tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))),
    )


def _files(skipped: list[str], ignored: int) -> Iterable[Finding]:
    if skipped:
        shown = "; ".join(skipped[:5]) + ("; ..." if len(skipped) > 5 else "")
        yield Finding("warning", "files", f"{len(skipped):,} files cannot be read: {shown}.", "Mend or remove them.")
    if ignored:
        yield Finding("note", "files", f"{ignored:,} files are no images and are left alone.")


def _classes(train: Images) -> Iterable[Finding]:
    counts = train.class_counts()
    least, most = int(counts.argmin()), int(counts.argmax())
    names = train.class_names
    text = f"{len(counts)} classes with {counts[least]:,} ({names[least]}) to {counts[most]:,} ({names[most]}) images"
    if counts[least] == 0:
        yield Finding("error", "classes", f"{text} for training: a class has none.", "Add images, or drop the class.")
    elif counts[most] > 5 * counts[least]:
        yield Finding(
            "warning",
            "classes",
            f"{text} for training: always saying {names[most]} would be right in "
            f"{counts[most] / counts.sum():.0%} of cases.",
            "Judge by the accuracy of each class, or train on a balanced part with --subset.",
        )
    else:
        yield Finding("ok", "classes", f"{text} for training.")


def _constant(named: list[tuple[str, Images]]) -> Iterable[Finding]:
    flat = sum(
        int((images.pixels.reshape(len(images), -1).std(axis=1, dtype=np.float32) < FLAT).sum())
        for _, images in named
    )
    if flat:
        yield Finding("warning", "pixels", f"{flat:,} images are of one tone and show nothing.", "Remove them.")


def _twins(named: list[tuple[str, Images]]) -> tuple[list[Twins], int]:
    """Pairs over all splits together, and how many images were compared for near ones."""
    pixels = np.concatenate([images.pixels for _, images in named])
    places = [(split, index) for split, images in named for index in range(len(images))]
    by_split = dict(named)
    exact = exact_duplicates(pixels)
    chosen: NDArray[np.intp] = np.arange(len(pixels))
    if len(chosen) > NEAR_LIMIT:
        chosen = np.sort(np.random.default_rng(0).permutation(chosen)[:NEAR_LIMIT])
    near = [
        Pair(int(chosen[pair.first]), int(chosen[pair.second]), False, pair.similarity)
        for pair in near_duplicates(pixels[chosen])
    ]

    def place(at: int) -> Place:
        split, index = places[at]
        images = by_split[split]
        source = images.sources[index] if images.sources else ""
        return Place(split, index, images.class_names[images.labels[index]], source)

    found = [Twins(place(pair.first), place(pair.second), pair.exact, pair.similarity) for pair in [*exact, *near]]
    return found, len(chosen)


def _copies(twins: list[Twins], total: int, looked_at: int) -> Iterable[Finding]:
    for exact, what in ((True, "exact copies"), (False, "near copies")):
        pairs = [pair for pair in twins if pair.exact == exact]
        across = sum(pair.crosses_splits for pair in pairs)
        against = sum(pair.crosses_labels for pair in pairs)
        seen = "" if exact or looked_at == total else f" (among {looked_at:,} of {total:,} images, drawn at random)"
        if not pairs:
            yield Finding("ok", "duplicates", f"No {what}{seen}.")
            continue
        yield Finding(
            "warning" if across or against else "note",
            "duplicates",
            f"{len(pairs):,} {what}{seen}: {across:,} of them between two splits, {against:,} between two classes.",
            "Keep one of each; a copy in the test images makes the accuracy too good. --json lists them all."
            + ("" if exact else " Look at some first: very like images of simple things count as near."),
        )


def _sources(named: list[tuple[str, Images]]) -> Iterable[Finding]:
    if any(images.groups for _, images in named):
        parted = divided({split: images.groups for split, images in named})
        if parted:
            some = ", ".join(f"{group} ({' and '.join(splits)})" for group, splits in list(parted.items())[:5])
            yield Finding(
                "warning",
                "groups",
                f"{len(parted):,} groups stand in more than one split: {some}.",
                "Give each source to one folder, or let the splits be drawn with --group.",
            )
        else:
            yield Finding("ok", "groups", "No group stands in more than one split.")
        return
    by_split = {split: list(stem_groups(images.sources)) for split, images in named if images.sources}
    parted = divided(by_split)
    if parted:
        some = ", ".join(list(parted)[:5])
        yield Finding(
            "warning",
            "groups",
            f"Files of {len(parted):,} sources seem to stand in more than one split, by their names: {some}.",
            r"If they are frames or parts of one thing, keep them together: --group '([^/]+?)[ _-]*\d+\.\w+$'.",
        )


def _power(splits: Splits) -> Iterable[Finding]:
    for split, images in (("validation", splits.validation), ("test", splits.test)):
        n = len(images)
        if not n:
            yield Finding("warning", "power", f"There are no {split} images.", f"Give --{split}-size.")
            continue
        width, difference = half_width(n), detectable_difference(n)
        differ = (
            f"cannot be told apart: that takes {images_needed(0.1):,}, with one of them right on every such image"
            if difference is None
            else f"differ visibly from {100 * difference:.1f} points on"
        )
        yield Finding(
            "warning" if width > 0.05 else "note",
            "power",
            f"With {n:,} {split} images an accuracy carries up to {100 * width:.1f} points either way; two networks "
            f"that disagree on a tenth of them {differ}.",
            f"For a difference of 1 point about {images_needed(0.01):,} images are needed."
            if difference is None or difference > 0.01
            else "",
        )

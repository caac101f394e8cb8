"""Training, validation and test images drawn from a data set, as a pure function of a seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import DataError
from pellucid.images import Dataset, Images
from pellucid.views._balanced import balanced

#: Names of the independent streams of one seed.
_VALIDATION, _TEST = 104, 105


def split(
    dataset: Dataset, *, validation_size: int | None = None, test_size: int | None = None, seed: int
) -> tuple[Images, Images, Images]:
    """Training, validation and test images, each in the order of the data set.

    A split that the set has is taken whole, or drawn from with the same number of each class if a smaller size is
    asked for. A split that it lacks is drawn from the training images with the shares of the classes kept (largest
    remainder, each class at least once). Groups are never divided; sizes are then met as nearly as the groups allow.

    Raises DataError where the sizes leave a class without an image in one of the three.
    """
    train = dataset.train
    test, train = _part("test_size", train, dataset.test, test_size, dataset.test_size, [seed, _TEST])
    validation, train = _part(
        "validation_size", train, dataset.validation, validation_size, dataset.validation_size, [seed, _VALIDATION]
    )
    return train, validation, test


def subset(images: Images, n: int, seed: int) -> Images:
    """`n` of the images, the same number of each class, those that remain spread over the classes.

    Raises DataError where a class has too few, saying how many there are.
    """
    return balanced(images, n, seed=seed)


def _part(
    what: str, train: Images, official: Images | None, size: int | None, own_size: int, stream: list[int]
) -> tuple[Images, Images]:
    """The split, and what is left for training."""
    if official is not None:
        if size is None or size == len(official):
            return official, train
        if size > len(official):
            raise DataError(
                f"{what}: expected at most the {len(official):,} images of the set's own split, found {size:,}. "
                f"Ask for {len(official):,} or fewer."
            )
        return balanced(official, size, seed=stream[0]), train
    targets = _shares(what, train, own_size if size is None else size)
    generator = np.random.default_rng(stream)
    drawn = _drawn_groups(what, train, targets, generator) if train.groups else _drawn(train, targets, generator)
    return train.take(np.flatnonzero(drawn)), train.take(np.flatnonzero(~drawn))


def _shares(what: str, images: Images, size: int) -> NDArray[np.int64]:
    """Images of each class in a draw of `size`: in proportion, at least one, and at least one left behind."""
    counts = images.class_counts()
    present = counts > 0
    least, most = present.astype(np.int64), counts - present
    single = np.flatnonzero(counts == 1)
    if single.size:
        raise DataError(
            f"{what}: expected at least 2 images of each class to divide, found 1 left of class "
            f"{images.class_names[single[0]]!r}. Add images of it, or leave the class out."
        )
    if not least.sum() <= size <= most.sum():
        raise DataError(
            f"{what}: expected {least.sum():,} to {most.sum():,}, so that each of {present.sum()} classes has an "
            f"image here and one is left of the {len(images):,} for training, found {size:,}. "
            "Choose a size in between."
        )
    shares = counts * size / len(images)
    targets = np.clip(np.floor(shares).astype(np.int64), least, most)
    while targets.sum() != size:
        step = 1 if targets.sum() < size else -1
        free = targets < most if step > 0 else targets > least
        lack = np.where(free, step * (shares - targets), -np.inf)
        targets[int(np.argmax(lack))] += step
    return targets


def _drawn(images: Images, targets: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.bool_]:
    drawn = np.zeros(len(images), bool)
    for label, target in enumerate(targets):
        drawn[generator.permutation(np.flatnonzero(images.labels == label))[:target]] = True
    return drawn


def _drawn_groups(
    what: str, images: Images, targets: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.bool_]:
    """Whole groups, the largest first and equals in random order, each taken if that comes nearer to `targets`.

    A class that was left out on either side is then given the smallest group that helps.
    """
    names, member = np.unique(np.asarray(images.groups), return_inverse=True)
    holds = np.zeros((len(names), len(targets)), np.int64)
    np.add.at(holds, (member, images.labels), 1)
    order = generator.permutation(len(names))
    order = order[np.argsort(-holds[order].sum(1), kind="stable")]
    taken = np.zeros(len(names), bool)
    lack = targets.copy()
    for group in order:
        taken[group] = np.abs(lack - holds[group]).sum() < np.abs(lack).sum()
        lack -= holds[group] * taken[group]
    for label in np.flatnonzero(targets):
        for side in (True, False):
            if holds[taken == side][:, label].any():
                continue
            movable = [group for group in order[::-1] if holds[group, label] and _spares(holds, taken, group)]
            if not movable:
                raise DataError(
                    f"{what}: expected class {images.class_names[label]!r} in at least 2 groups that can be parted, "
                    f"found {np.count_nonzero(holds[:, label])} with it. Group the files more finely, or add sources."
                )
            taken[movable[0]] = side
    return taken[member]


def _spares(holds: NDArray[np.int64], taken: NDArray[np.bool_], group: int) -> bool:
    """Whether the group's side keeps all of its classes without it."""
    side = taken == taken[group]
    side[group] = False
    return bool(((holds[side].sum(0) > 0) | (holds[group] == 0)).all())

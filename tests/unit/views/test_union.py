"""Unions and subsets: which images, in which order, of which shapes."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from pellucid.errors import DataError, UsageError
from pellucid.images import Splits
from pellucid.views._parse import parse, parts, viewed

MakeSplits = Callable[..., Splits]


def test_every_split_holds_one_view_after_the_other(make_splits: MakeSplits) -> None:
    splits = make_splits()
    seen = viewed(splits, "union=none+negative")
    assert [len(images) for _, images in seen] == [80, 24, 16]
    assert (seen.test.pixels == np.concatenate([splits.test.pixels, 255 - splits.test.pixels])).all()
    assert (seen.train.labels == np.tile(splits.train.labels, 2)).all()
    assert seen.validation.sources == splits.validation.sources * 2
    assert seen.validation.groups == splits.validation.groups * 2


def test_three_views_and_unions_inside_unions(make_splits: MakeSplits) -> None:
    splits = make_splits()
    assert len(viewed(splits, "union=none+negative+none").test) == 24
    nested = viewed(splits, "union=resize=4+(union=resize=4+resize=4)")
    assert (len(nested.test), nested.shape) == (24, (4, 4, 3))


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("union", "expected two views or more with + between them, found none. Write union=none+negative or so."),
        ("union=none", "found none. Write"),
        ("union=none+", "expected two views or more with + between them, found none+"),
        ("union=none+(negative", "expected a closing parenthesis for each opening one, found 'none+(negative'"),
        ("union=none)+negative", "expected a closing parenthesis for each opening one"),
        ("union=none+negatif", "unknown view 'negatif'. Did you mean negative"),
        ("union=none+grayscale", "expected images of one shape, found 6x9x3 from none and 6x9x1 from grayscale"),
        (
            "union=none+standardise",
            "found different ones from none and standardise. Put min_max or standardise after",
        ),
    ],
)
def test_views_that_cannot_be_united_are_refused(make_splits: MakeSplits, expression: str, text: str) -> None:
    with pytest.raises(UsageError, match=re.escape(text)):
        viewed(make_splits(), expression)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("negative", ("negative", None)),
        (" resize = 16 ", ("resize", "16")),
        ("centre-crop=24", ("centre_crop", "24")),
        ("union=none+resize=8", ("union", "none+resize=8")),
    ],
)
def test_an_expression_is_a_name_and_a_value(expression: str, found: tuple[str, str | None]) -> None:
    assert parse(expression) == found


@pytest.mark.parametrize("name", ["", "=3", "_parse", "__init__", "../negative", "negativ", "os.path"])
def test_only_names_of_the_catalogue_are_views(name: str) -> None:
    with pytest.raises(UsageError, match="unknown view"):
        parse(name)


def test_parentheses_keep_a_union_together() -> None:
    assert parts("a+(union=b+(union=c+d))+e=1") == ["a", "union=b+(union=c+d)", "e=1"]


def test_a_subset_is_balanced_and_of_the_training_split_alone(make_splits: MakeSplits) -> None:
    splits = make_splits()
    seen = viewed(splits, "subset=10")
    assert seen.train.class_counts().tolist() == [5, 5]
    assert set(seen.train.sources) <= set(splits.train.sources)
    assert seen.test is splits.test
    with pytest.raises(DataError, match="subset of 41 images: expected 21 of class"):
        viewed(splits, "subset=41")

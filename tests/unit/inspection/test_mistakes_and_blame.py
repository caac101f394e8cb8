"""Mistakes by confidence, labels that are likely wrong, and the channels behind a mistake."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from strangers import ResNet, built
from torch import nn

from pellucid import catalog
from pellucid.errors import DataError, UsageError
from pellucid.images import Images
from pellucid.inspection._subject import Subject, probabilities_of
from pellucid.inspection.blame import _shares
from pellucid.inspection.mistakes import likely_label_errors

blame, mistakes = catalog.load("inspection", "blame"), catalog.load("inspection", "mistakes")
NAMES = ("a", "b", "c", "d", "e")


def some(count: int = 60) -> Images:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    return Images(pixels, np.arange(count, dtype=np.int64) % 5, NAMES)


def test_rows_of_mistakes_are_sorted_by_confidence() -> None:
    module, images = built(ResNet, dtype=torch.float32), some()
    page = mistakes(module, images, n=6)
    probabilities = probabilities_of(module, images)
    guess, sure = probabilities.argmax(1), probabilities.max(1)
    wrong = np.flatnonzero(guess != images.labels)
    expected = wrong[np.argsort(-sure[wrong], kind="stable")][:6]
    assert np.array_equal(page.displays[0].images, images.pixels[expected])
    assert page.displays[0].marks == ["wrong"] * 6
    assert all(mark == "right" for mark in page.displays[3].marks)
    assert f"{len(wrong)} of 60" in page.title
    accuracies = [float(row[1][:-2]) for row in page.displays[4].rows]
    assert accuracies == sorted(accuracies)


def test_two_networks_are_compared_image_by_image() -> None:
    images = some()
    one, other = built(ResNet, dtype=torch.float32), built(ResNet, dtype=torch.float32, seed=1)
    page = mistakes(one, images, other=other)
    mine, theirs = (probabilities_of(net, images).argmax(1) == images.labels for net in (one, other))
    assert page.displays[8].title.startswith(f"{(theirs & ~mine).sum()} images right in the other")
    assert page.displays[9].title.startswith(f"{(mine & ~theirs).sum()} images right in this")


def test_swapped_labels_are_the_likely_errors() -> None:
    generator = np.random.default_rng(0)
    true = np.arange(500) % 5
    probabilities = np.full((500, 5), 0.02)
    probabilities[np.arange(500), true] = 0.92
    probabilities += generator.uniform(0, 0.01, probabilities.shape)
    probabilities /= probabilities.sum(1, keepdims=True)
    labels = true.copy()
    swapped = generator.choice(500, 20, replace=False)
    labels[swapped] = (true[swapped] + 1) % 5
    rows, margin = likely_label_errors(probabilities, labels)
    # only images about as sure as their class's mean are counted: at least nine in ten of the swapped ones here
    assert set(rows) <= set(swapped) and len(rows) > 0
    assert np.all(np.diff(margin) <= 0)
    assert len(likely_label_errors(probabilities, true)[0]) == 0


def test_shares_of_a_linear_end_add_up_to_the_difference_of_logits() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(
            nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 900, 5, bias=False)
        ).double()
    x = torch.rand(1, 3, 32, 32, dtype=torch.float64)
    shares = _shares(Subject.of(module), x, "1", 2, 0)
    with torch.no_grad():
        logits = module(x)[0]
    assert shares.sum() == pytest.approx(float(logits[2] - logits[0]))


def test_blame_names_the_surest_mistake_and_draws_its_channels() -> None:
    module, images = built(ResNet, dtype=torch.float32), some()
    probabilities = probabilities_of(module, images)
    guess = probabilities.argmax(1)
    wrong = np.flatnonzero(guess != images.labels)
    surest = int(wrong[probabilities[wrong, guess[wrong]].argmax()])
    page = blame(module, images, n=2, k=3)
    assert page.displays[0].captions == [f"image {surest}"]
    assert len(page.displays[2].channels) == 2
    assert page.displays[1].values == sorted(page.displays[1].values, reverse=True)
    right = int(np.flatnonzero(guess == images.labels)[0])
    with pytest.raises(UsageError, match=f"expected a mistake, found image {right}"):
        blame(module, images, image=right)
    with pytest.raises(UsageError, match="image: expected a number from 0 to 59"):
        blame(module, images, image=60)
    perfect = Images(images.pixels, guess.astype(np.int64), NAMES)
    with pytest.raises(DataError, match="expected a mistake among 60, found none"):
        blame(module, perfect)


@pytest.mark.parametrize("way", [blame, mistakes])
def test_labels_are_needed(way: object) -> None:
    with pytest.raises(DataError, match="expected Images with labels"):
        way(built(ResNet), torch.rand(2, 3, 32, 32))  # type: ignore[operator]

"""Evaluations against scikit-learn and against fixtures made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss, top_k_accuracy_score

from pellucid.errors import DataError
from pellucid.evaluation.calibration import calibration
from pellucid.evaluation.evaluate import evaluate

NAMES = ("a", "b", "c", "d")


def test_numbers_are_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    logits = generator.standard_normal((200, 4)).astype(np.float32)
    labels = generator.integers(0, 4, 200)
    found = evaluate(logits, labels, NAMES)
    p = np.exp(logits.astype(np.float64))
    p /= p.sum(axis=1, keepdims=True)
    assert found.loss == pytest.approx(log_loss(labels, p), rel=1e-12)
    assert found.top2_accuracy == top_k_accuracy_score(labels, logits, k=2)
    assert found.accuracy == (logits.argmax(1) == labels).mean()
    assert found.confusion.sum() == 200
    assert found.confusion[1, 2] == ((labels == 1) & (logits.argmax(1) == 2)).sum()


def test_a_class_without_images_has_zeros_and_ties_go_to_the_smaller_class() -> None:
    logits = np.array([[1, 1, 0, 0], [1, 1, 1, 0]], np.float32)
    found = evaluate(logits, np.array([1, 2]), NAMES)
    assert found.accuracy == 0
    assert found.top2_accuracy == 0.5
    assert found.support == (0, 1, 1, 0)
    assert found.recall[3] == 0


def test_huge_logits_neither_overflow_nor_lose_the_loss() -> None:
    logits = np.array([[1000.0, 0.0, 0.0, 0.0]], np.float32)
    assert evaluate(logits, np.array([1]), NAMES).loss == 1000.0


def test_calibration_error_of_a_set_made_by_hand() -> None:
    # five images at confidence 0.9, three right; five at 0.6, all right
    p = np.array([[0.9, 0.1]] * 5 + [[0.6, 0.4]] * 5)
    labels = np.array([0, 0, 0, 1, 1] + [0] * 5)
    found = calibration(p, labels, bins=10)
    assert found.error == pytest.approx(0.5 * abs(0.6 - 0.9) + 0.5 * abs(1.0 - 0.6))
    assert sum(found.count) == 10


def test_an_empty_split_is_refused() -> None:
    with pytest.raises(DataError, match="found an empty split"):
        evaluate(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), NAMES)

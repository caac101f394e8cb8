"""Evaluations against scikit-learn and against fixtures made by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
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
    assert found.images == 200
    predicted = logits.argmax(1)
    for true in range(4):
        for said in range(4):
            assert found.confusion[true, said] == ((labels == true) & (predicted == said)).sum()
        right = ((labels == true) & (predicted == true)).sum()
        assert found.support[true] == (labels == true).sum()
        assert found.recall[true] == pytest.approx(right / (labels == true).sum())
        assert found.precision[true] == pytest.approx(right / (predicted == true).sum())
        both = 2 * found.precision[true] * found.recall[true] / (found.precision[true] + found.recall[true])
        assert found.f1[true] == pytest.approx(both)


@given(st.data())
def test_probabilities_are_binned_as_a_loop_over_images_bins_them(data: st.DataObject) -> None:
    count, bins = data.draw(st.integers(1, 30)), data.draw(st.integers(1, 20))
    first = data.draw(st.lists(st.integers(0, 20), min_size=count, max_size=count))
    p = np.array([[k / 20, 1 - k / 20] for k in first])  # many of them on the edges of bins
    labels = np.array(data.draw(st.lists(st.integers(0, 1), min_size=count, max_size=count)))
    found = calibration(p, labels, bins=bins)
    edges = np.linspace(0, 1, bins + 1)
    error, total = 0.0, 0
    for b in range(bins):
        inside = [i for i in range(count) if edges[b] < p[i].max() <= edges[b + 1]]
        total += len(inside)
        assert found.count[b] == len(inside)
        if inside:
            confidence = sum(p[i].max() for i in inside) / len(inside)
            accuracy = sum(p[i].argmax() == labels[i] for i in inside) / len(inside)
            assert found.confidence[b] == pytest.approx(confidence)
            assert found.accuracy[b] == pytest.approx(accuracy)
            error += len(inside) / count * abs(accuracy - confidence)
        else:
            assert found.confidence[b] == found.accuracy[b] == 0
    assert total == count
    assert found.error == pytest.approx(error)
    assert found.edges == tuple(edges)


def test_a_model_that_is_sure_and_right_is_calibrated_and_one_that_is_sure_and_wrong_is_not() -> None:
    p = np.eye(4)[[0, 1, 2, 3]]
    assert calibration(p, np.array([0, 1, 2, 3])).error == 0
    assert calibration(p, np.array([1, 2, 3, 0])).error == 1


@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(1, 12))
def test_ties_are_broken_as_argmax_breaks_them(seed: int, classes: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    logits = generator.integers(0, 3, (count, classes)).astype(np.float32)
    labels = generator.integers(0, classes, count)
    found = evaluate(logits, labels, tuple("abcde"[:classes]))
    best = np.argsort(-logits, axis=1, kind="stable")
    assert found.accuracy == (best[:, 0] == labels).mean()
    assert found.top2_accuracy == (best[:, :2] == labels[:, None]).any(1).mean()


def test_plain_data_hold_every_class_and_can_be_written_as_json() -> None:
    logits = np.array([[2, 1, 0, 0], [0, 2, 1, 0], [0, 2, 1, 0]], np.float32)
    found = json.loads(json.dumps(evaluate(logits, np.array([0, 1, 2]), NAMES).to_dict()))
    assert found["per_class"] == [
        {"class": "a", "precision": 1.0, "recall": 1.0, "f1": 1.0, "images": 1},
        {"class": "b", "precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "images": 1},
        {"class": "c", "precision": 0.0, "recall": 0.0, "f1": 0.0, "images": 1},
        {"class": "d", "precision": 0.0, "recall": 0.0, "f1": 0.0, "images": 0},
    ]
    assert found["confusion"] == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    assert (found["images"], found["accuracy"], found["top2_accuracy"]) == (3, pytest.approx(2 / 3), 1.0)


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

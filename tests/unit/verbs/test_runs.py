"""Runs told to people: one of them, and two beside each other."""

from __future__ import annotations

from pellucid.verbs.runs import difference_table, layer_words


def test_two_runs_differ_layer_by_layer_in_percent_and_without_brackets() -> None:
    conv = {"layer": "conv", "filters": 6, "kernel_size": 5}
    found = difference_table(
        [
            {"key": "spec.network.layers", "first": [conv, {"layer": "dense"}], "second": [conv]},
            {"key": "spec.data.views", "first": ["grayscale", "negative"], "second": []},
            {"key": "result.test_accuracy", "first": 0.98765, "second": None},
            {"key": "result.test_loss", "first": 0.5, "second": 0.25},
            {"key": "result.train_accuracy", "first": 0.981234, "second": 0.981239},
            {"key": "spec.data.subset", "first": None, "second": 3},
        ]
    )
    assert list(found.rows) == [
        ("layer 2", "dense", None),
        ("spec.data.views", "grayscale, negative", None),
        ("result.test_accuracy", "98.77 %", None),
        ("result.test_loss", 0.5, 0.25),
        ("result.train_accuracy", "0.981234", "0.981239"),
        ("spec.data.subset", None, 3),
    ]


def test_the_layers_of_a_branch_are_in_parentheses() -> None:
    inner = {"layer": "conv", "filters": 4, "kernel_size": [3, 1]}
    words = layer_words({"layer": "residual", "name": "r1", "body": [inner, {"layer": "activation"}], "shortcut": []})
    assert words == "residual name=r1 body=(conv filters=4 kernel_size=(3, 1), activation) shortcut=()"

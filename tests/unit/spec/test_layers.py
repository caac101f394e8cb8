"""Layers as data: their names, what they refuse and in which words, and that they come back from plain data."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.errors import PellucidError, SpecError, UsageError
from pellucid.spec import (
    GRU,
    LSTM,
    RNN,
    Activation,
    AvgPool,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalPool,
    Layer,
    MaxPool,
    Network,
    Residual,
    Scale,
    trace,
)
from pellucid.spec.layers import ACTIVATIONS, LAYERS, layer_from_dict, layer_to_dict
from pellucid.spec.shapes import check

one_or_two = st.one_of(st.integers(1, 5), st.tuples(st.integers(1, 5), st.integers(1, 5)))
names = st.one_of(st.none(), st.sampled_from(["first", "second", "third"]))
leaves: st.SearchStrategy[Layer] = st.one_of(
    st.builds(
        Conv,
        st.integers(1, 9),
        one_or_two,
        one_or_two,
        st.one_of(st.integers(0, 3), st.just("valid")),
        one_or_two,
        st.integers(1, 3),
        st.booleans(),
        names,
    ),
    st.builds(MaxPool, one_or_two, st.one_of(st.none(), one_or_two), st.just(0), names),
    st.builds(AvgPool, one_or_two, st.one_of(st.none(), one_or_two), st.just(0), names),
    st.builds(GlobalPool, st.sampled_from(["avg", "max"]), names),
    st.builds(BatchNorm, st.floats(0, 1), st.floats(0, 1), st.booleans(), names),
    st.builds(Scale, st.floats(-2, -0.1), names),
    st.builds(Dropout, st.floats(0, 0.9), names),
    st.builds(Activation, st.sampled_from(ACTIVATIONS), names),
    st.builds(Flatten, names),
    st.builds(Dense, st.integers(1, 9), st.booleans(), names),
    *(st.builds(kind, st.integers(1, 9), st.booleans(), names) for kind in (RNN, LSTM, GRU)),
)
layers = st.recursive(
    leaves,
    lambda inner: st.builds(Residual, st.lists(inner, max_size=3).map(tuple), st.lists(inner, max_size=2).map(tuple)),
    max_leaves=6,
)


@given(layers)
def test_any_layer_comes_back_from_json(layer: Layer) -> None:
    assert layer_from_dict(json.loads(json.dumps(layer_to_dict(layer)))) == layer


def test_plain_data_hold_what_is_not_at_its_default() -> None:
    assert layer_to_dict(Conv(6, 5)) == {"layer": "conv", "filters": 6, "kernel_size": 5}
    assert layer_to_dict(Residual((Flatten(),))) == {"layer": "residual", "body": [{"layer": "flatten"}]}


plain = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-2, 9), st.floats(), st.sampled_from(["same", "relu", "x y", ""])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["layer", "units"]), inner)),
    max_leaves=4,
)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_whatever_a_file_holds_is_a_layer_or_an_error_that_says_why(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(LAYERS)))
    keys = [item.name for item in fields(LAYERS[kind])]
    values = data.draw(st.dictionaries(st.sampled_from(keys), plain, max_size=3))
    try:
        network = Network.from_dict({"layers": [{"layer": kind, **values}]})
        trace(network, (9, 9, 4))
    except PellucidError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (
            {"layer": "conv", "filters": 6.5},
            "conv layer, filters: expected a whole number, found 6.5.",
        ),
        (
            {"layer": "conv", "filters": 6, "kernel_size": [3]},
            "conv layer, kernel_size: expected a whole number or two whole numbers, found [3].",
        ),
        (
            {"layer": "conv", "filters": 6, "padding": True},
            "conv layer, padding: expected a whole number or two whole numbers or a word, found True.",
        ),
        ({"layer": "conv"}, "conv layer: expected a value for filters, found none."),
        ({"layer": "dense", "bias": 1}, "dense layer, bias: expected true or false, found 1."),
        ({"layer": "dropout", "rate": "half"}, "dropout layer, rate: expected a number, found 'half'."),
        ({"layer": "activation", "function": 5}, "activation layer, function: expected a word, found 5."),
        ({"layer": "residual", "body": [1]}, "residual layer, body: expected a list of layers, found [1]."),
        ({"layer": "flatten", "name": 5}, "flatten layer, name: expected a word, found 5."),
    ],
)
def test_a_field_of_another_type_is_named_with_what_it_should_be(table: dict[str, Any], text: str) -> None:
    with pytest.raises(SpecError) as caught:
        layer_from_dict(table)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Conv(0), "conv layer: expected filters of 1 or more, found 0."),
        (lambda: Conv(1, 0), "conv layer: expected kernel_size of 1 or more, found 0."),
        (lambda: Conv(1, (3, 0)), "conv layer: expected kernel_size of 1 or more, found 0."),
        (lambda: Conv(1, stride=0), "conv layer: expected stride of 1 or more, found 0."),
        (lambda: Conv(1, dilation=0), "conv layer: expected dilation of 1 or more, found 0."),
        (lambda: Conv(1, groups=0), "conv layer: expected groups of 1 or more, found 0."),
        (lambda: Conv(1, padding=-1), "conv layer: expected padding of 0 or more, found -1."),
        (lambda: Conv(1, padding=(0, -2)), "conv layer: expected padding of 0 or more, found -2."),
        (lambda: Conv(1, padding="some"), "unknown padding 'some'. Did you mean same? Valid: same, valid, a number"),
        (
            lambda: Conv(1, 4, padding="same"),
            "conv layer: padding 'same' needs an odd kernel_size and stride 1, found kernel_size 4 and stride 1. "
            "Give the padding in pixels.",
        ),
        (lambda: Conv(1, 3, 2, "same"), "found kernel_size 3 and stride 2."),
        (lambda: MaxPool(0), "max_pool layer: expected kernel_size of 1 or more, found 0."),
        (lambda: MaxPool(2, 0), "max_pool layer: expected stride of 1 or more, found 0."),
        (lambda: AvgPool(2, padding=-1), "avg_pool layer: expected padding of 0 or more, found -1."),
        (
            lambda: AvgPool(3, padding=2),
            "avg_pool layer: expected a padding of at most half the kernel_size 3, found 2.",
        ),
        (lambda: GlobalPool("mean"), "unknown pool 'mean'. Did you mean max? Valid: avg, max."),
        (lambda: BatchNorm(eps=-1.0), "batch_norm layer: expected eps of 0 or more, found -1.0."),
        (lambda: BatchNorm(momentum=float("nan")), "batch_norm layer: expected momentum of 0 or more, found nan."),
        (lambda: Dropout(1.0), "dropout layer: expected a rate from 0 to below 1, found 1.0."),
        (lambda: Dropout(float("nan")), "dropout layer: expected a rate from 0 to below 1, found nan."),
        (lambda: Activation("rely"), "unknown activation 'rely'. Did you mean relu"),
        (lambda: Scale(0.0), "scale layer: expected a factor other than 0, found 0.0."),
        (lambda: Scale(float("nan")), "scale layer: expected a factor other than 0, found nan."),
        (lambda: Dense(0), "dense layer: expected units of 1 or more, found 0."),
        (lambda: GRU(0), "gru layer: expected units of 1 or more, found 0."),
    ],
)
def test_a_value_outside_its_range_is_refused(make: Callable[[], Layer], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("made", "shape", "text"),
    [
        (
            (Conv(4, 3, groups=2),),
            (8, 8, 3),
            "net, layer conv1: expects channels and filters that 2 groups divide, receives 3 channels for 4 filters "
            "(the image: 8x8x3). Change groups or filters.",
        ),
        (
            (Flatten(), Conv(4)),
            (8, 8, 1),
            "net, layer conv1: expects an image (height x width x channels), receives 64 (flatten1: 64 from 8x8x1). "
            "Move the conv layer before flatten, dense and recurrent layers.",
        ),
        (
            (Conv(4, 3, name="eyes"), Dense(3)),
            (8, 8, 1),
            "net, layer fc1: expects a vector, receives 6x6x4 (eyes: 6x6x4 from 8x8x1). Put flatten or global_pool "
            "before it, or return_sequences=false on a recurrent layer.",
        ),
        (
            (Flatten(), LSTM(4)),
            (8, 8, 1),
            "net, layer lstm1: expects an image or a sequence, receives the vector 64 (flatten1: 64 from 8x8x1). Put "
            "the recurrent layer before flatten and dense layers, or set return_sequences=true on the recurrent "
            "layer before it.",
        ),
        (
            (RNN(4, return_sequences=True), BatchNorm()),
            (8, 8, 1),
            "net, layer bn1: expects an image or a vector, receives the sequence 8x4 (rnn1: 8x4 from 8x8x1). Put "
            "batch_norm after the last recurrent layer, or before the first.",
        ),
        (
            (Residual((Conv(2, 3, padding=1),)),),
            (8, 8, 1),
            "net, layer res1: expects one shape from both branches, receives 8x8x2 from the body and 8x8x1 from the "
            "shortcut (the image: 8x8x1). Give the shortcut a 1x1 conv with the body's filters and stride.",
        ),
        (
            (Residual((Conv(2, 9),)),),
            (8, 8, 1),
            "net, layer res1: inside, layer conv1: expects at least 9x9 pixels, receives 8x8x1 (the image: 8x8x1). "
            "Use larger images (for instance --view resize=28), set padding=1, or a kernel_size of at most 8.",
        ),
        (
            (Residual((Conv(1, 1, 2),), (Conv(1, 3),)),),
            (4, 4, 1),
            "net, layer res1: expects one stride from both branches, receives 2 and 1 input pixels (the image: "
            "4x4x1). Give the shortcut's layers the stride of the body's.",
        ),
        (
            (Conv(1, (3, 5), dilation=(1, 2), padding=(1, 0)),),
            (1, 8, 1),
            "net, layer conv1: expects at least 1x9 pixels, receives 1x8x1 (the image: 1x8x1). Use larger images "
            "(for instance --view resize=28), set padding=1, or a kernel_size of at most 3, dilation included.",
        ),
    ],
)
def test_a_shape_that_does_not_fit_is_told_with_its_layer_and_what_to_do(
    made: tuple[Layer, ...], shape: tuple[int, ...], text: str
) -> None:
    with pytest.raises(SpecError) as caught:
        trace(Network("net", made), shape)
    assert str(caught.value) == text


@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
)
def test_the_padding_and_the_kernel_that_an_error_names_do_fit(
    height: int, width: int, kernel: tuple[int, int], padding: tuple[int, int]
) -> None:
    shape = (height, width, 1)
    try:
        trace(Network("net", (Conv(1, kernel, padding=padding),)), shape)
    except SpecError as error:
        text = str(error)
        advised = int(text.partition("padding=")[2].partition(",")[0])
        largest = int(text.partition("kernel_size of at most ")[2].partition(".")[0])
        trace(Network("net", (Conv(1, kernel, padding=advised),)), shape)
        trace(Network("net", (Conv(1, largest, padding=padding),)), shape)
        with pytest.raises(SpecError):
            trace(Network("net", (Conv(1, kernel, padding=padding), Conv(1))), shape)


def test_layers_without_a_name_are_counted_by_kind() -> None:
    network = Network(
        "net",
        (Conv(1), Activation("relu"), MaxPool(), Conv(1), Activation("relu"), AvgPool(), Flatten(), Dense(), Dense()),
    )
    assert [name for name, _ in network.named()] == [
        "conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "flatten1", "fc1", "fc2",
    ]  # fmt: skip


def test_names_stand_once_and_are_words() -> None:
    with pytest.raises(SpecError) as caught:
        Network("net", (Conv(1), Conv(1, name="conv1")))
    assert str(caught.value) == "layer conv1: this name stands twice (second: a conv layer). Name them apart."
    for name in ("two words", "a.b", "1st", "a/b"):
        with pytest.raises(SpecError, match="expected letters, digits and _ alone, not beginning with a digit"):
            Network("net", (Conv(1, name=name),))


def test_a_network_has_layers_an_image_and_one_logit_for_each_class() -> None:
    with pytest.raises(SpecError, match="empty: expected at least one layer, found none"):
        Network("empty", ())
    with pytest.raises(UsageError, match=r"unknown initialisation 'xavie'\. Did you mean xavier"):
        Network("net", (Flatten(),), "xavie")
    with pytest.raises(SpecError, match="net: expected an input of height x width x channels, found 784"):
        trace(Network("net", (Flatten(),)), (784,))
    network = Network("net", (Flatten(), Dense(4)))
    assert check(network, (2, 2, 1), 4)[-1].output == (4,)
    with pytest.raises(SpecError) as caught:
        check(network, (2, 2, 1), 10)
    assert str(caught.value) == (
        "net, layer fc1: expected 10 logits, one for each class, found an output of 4. End the network with a dense "
        "layer of 10 units."
    )


def test_a_network_file_without_layers_says_so() -> None:
    with pytest.raises(SpecError, match="expected 'layers', a list of tables each with its 'layer', found NoneType"):
        Network.from_dict({"name": "net"})
    with pytest.raises(UsageError, match=r"unknown field of a network 'layer'\. Did you mean layers"):
        Network.from_dict({"layer": []})

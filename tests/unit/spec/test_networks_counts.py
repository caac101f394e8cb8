"""The parameter counts of the five reports, exactly."""

from __future__ import annotations

import pytest

from pellucid import catalog
from pellucid.spec import Conv, Dense, trace
from pellucid.spec.layer import Shape

COUNTS = [
    ("lenet5_28", (28, 28, 1), {}, [832, 51_264, 1_049_600, 10_250], 0, 1_111_946),
    ("lenet5", (28, 28, 1), {}, [156, 2_416, 48_120, 10_164, 850], 0, 61_706),
    ("lenet5", (32, 32, 3), {}, [456, 2_416, 48_120, 10_164, 850], 0, 62_006),
    (
        "vgg_small",
        (32, 32, 3),
        {},
        [1_792, 73_856, 295_168, 590_080, 4_195_328, 1_049_600, 10_250, 20],
        20,
        6_216_094,
    ),
    ("one_conv", (28, 28, 1), {}, [280, 605_824, 1_290], 0, 607_394),
    ("row_lstm", (28, 28, 1), {}, [80_896, 1_290], 0, 82_186),
    ("row_gru", (28, 28, 1), {}, [60_672, 1_290], 0, 61_962),
    ("row_rnn", (28, 28, 1), {"hidden_size": 64}, [6_016, 650], 0, 6_666),
]


@pytest.mark.parametrize(("name", "shape", "options", "layers", "fixed", "trainable"), COUNTS)
def test_a_network_has_exactly_the_reported_parameters(
    name: str, shape: Shape, options: dict[str, int], layers: list[int], fixed: int, trainable: int
) -> None:
    rows = trace(catalog.load("networks", name)(input_shape=shape, classes=10, **options), shape)
    assert [row.trainable for row in rows if row.trainable] == layers
    assert sum(row.not_trainable for row in rows) == fixed
    assert sum(row.trainable for row in rows) == trainable == sum(layers)


def test_vgg_small_splits_its_parameters_and_neurons_as_report_003_does() -> None:
    shape = (32, 32, 3)
    rows = trace(catalog.load("networks", "vgg_small")(input_shape=shape, classes=10), shape)
    conv = [row for row in rows if isinstance(row.layer, Conv)]
    dense = [row for row in rows if isinstance(row.layer, Dense)]
    assert sum(row.trainable for row in conv) == 960_896
    assert sum(row.neurons for row in conv) == 131_072
    assert sum(row.neurons for row in dense) == 2_058
    # the report's 5,255,218 of its dense layers are theirs and the 40 of batch norm on the logits
    norm = rows[-1].trainable + rows[-1].not_trainable
    assert sum(row.trainable for row in dense) + norm == 5_255_218


def test_multiply_adds_of_a_convolution_are_places_times_weights() -> None:
    rows = trace(catalog.load("networks", "one_conv")(input_shape=(28, 28, 1), classes=10), (28, 28, 1))
    assert rows[0].multiply_adds == 26 * 26 * 28 * 9
    assert rows[3].multiply_adds == 4732 * 128

"""Images made for a channel excite it more than gray, more than real ones do, and are the same for one seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from strangers import VGG, ResNet, built
from torch import nn

from pellucid import catalog
from pellucid.errors import UsageError
from pellucid.images import Images
from pellucid.inspection._subject import Subject, output_at

maximise = catalog.load("inspection", "maximise")


def some(count: int = 20) -> Images:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    return Images(pixels, np.zeros(count, np.int64), ("a",))


@pytest.mark.parametrize("make", [VGG, ResNet])
def test_the_channel_answers_more_than_to_real_images(make: type[nn.Module]) -> None:
    module = built(make, dtype=torch.float32)
    name = "conv2" if make is VGG else "layer2.conv2"
    found = maximise(module, some(), layer=name, channels=(0, 3), steps=120, smoothness=0.1)
    with torch.no_grad():
        real = output_at(Subject.of(module), Subject.of(module).floats(some()), name).mean((2, 3))
        made = output_at(Subject.of(module), torch.from_numpy(found.array), name).mean((2, 3))
    for row, channel in enumerate((0, 3)):
        assert made[row, channel] == pytest.approx(found.values[row][0], abs=1e-5)
        assert made[row, channel] > real[:, channel].max()
        assert found.values[row][0] > found.values[row][1]
    assert found.array.min() >= 0 and found.array.max() <= 1


def test_one_seed_is_one_image_and_channels_do_not_meet() -> None:
    module = built(VGG)
    both = maximise(module, some(), layer="conv1", channels=(1, 2), steps=5)
    again = maximise(module, some(), layer="conv1", channels=(1, 2), steps=5)
    assert np.array_equal(both.array, again.array)
    assert not np.array_equal(
        both.array, maximise(module, some(), layer="conv1", channels=(1, 2), steps=5, seed=1).array
    )


def test_bad_options_are_refused() -> None:
    with pytest.raises(UsageError, match="maximise: expected steps and rate above 0"):
        maximise(built(VGG), some(), steps=0)
    with pytest.raises(UsageError, match="channel: expected 0 to 5"):
        maximise(built(VGG), some(), layer="conv1", channels=(6,))

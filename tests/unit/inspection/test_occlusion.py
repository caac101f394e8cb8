"""Occlusion is that of a slow loop; every pixel is hidden at least once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from strangers import ResNet, built, pictures

from pellucid import catalog
from pellucid.errors import UsageError
from pellucid.images import Images

occlusion = catalog.load("inspection", "occlusion")


def some(count: int = 3) -> Images:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    return Images(pixels, np.arange(count, dtype=np.int64) % 5, ("a", "b", "c", "d", "e"))


def test_probabilities_classes_and_activity_are_those_of_a_slow_loop() -> None:
    module, images = built(ResNet), some()
    found = occlusion(module, images, layer="layer2.conv2", channel=3, size=9, stride=10, fill=0.25)
    assert list(found.tops) == [0, 10, 20, 23] == list(found.lefts)
    for row in range(3):
        for i, top in enumerate(found.tops):
            for j, left in enumerate(found.lefts):
                pixels = images.pixels[row] / np.float32(255)
                pixels[top : top + 9, left : left + 9] = 0.25
                x = torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float64))
                activity: list[float] = []
                handle = module.layer2.conv2.register_forward_hook(  # type: ignore[union-attr, operator]
                    lambda _, __, out, activity=activity: activity.append(float(out[0, 3].sum()))
                )
                with torch.no_grad():
                    probabilities = module(x)[0].softmax(0).numpy()
                handle.remove()
                assert found.array[row, 0, i, j] == pytest.approx(probabilities[images.labels[row]], abs=1e-6)
                assert found.taken[row, i, j] == probabilities.argmax()
                assert found.activity[row, 0, i, j] == pytest.approx(activity[0], abs=1e-4)
    assert found.render("png") and found.render("json")


def test_floats_are_followed_by_the_class_they_are_taken_for_or_the_target() -> None:
    module, x = built(ResNet), pictures(2)
    with torch.no_grad():
        guess = module(x).argmax(1).tolist()
    assert np.allclose(occlusion(module, x).array, occlusion(module, x, target=guess).array)
    assert occlusion(module, x, size=32).array.shape == (2, 1, 1, 1)


def test_bad_questions_are_refused() -> None:
    module, x = built(ResNet), pictures(1)
    with pytest.raises(UsageError, match="expected a size of 1 to 32"):
        occlusion(module, x, size=33)
    with pytest.raises(UsageError, match="expected layer and channel together"):
        occlusion(module, x, layer="conv1")
    with pytest.raises(UsageError, match="channel: expected 0 to 5"):
        occlusion(module, x, layer="conv1", channel=6)
    with pytest.raises(UsageError, match="target: expected a class from 0 to 4, found 7"):
        occlusion(module, x, target=7)

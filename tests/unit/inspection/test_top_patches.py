"""The strongest neurons are those of brute force, whatever the batches; patches are the pixels that they see."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from strangers import AlexNet, BiLSTM, DenseNet, ResNet, built
from torch import Tensor, nn

from pellucid import catalog
from pellucid.errors import UsageError
from pellucid.images import Images
from pellucid.inspection._layers import layer_of
from pellucid.inspection._strongest import strongest
from pellucid.inspection._subject import Subject, by_channel, watched
from pellucid.inspection.top_patches import patch

top_patches = catalog.load("inspection", "top_patches")
CLASSES = ("a", "b", "c")


def some(count: int = 40) -> Images:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    pixels[count // 2 :] = pixels[: count - count // 2]  # every image twice: ties everywhere
    return Images(pixels, np.arange(count, dtype=np.int64) % 3, CLASSES)


def brute_force(module: nn.Module, images: Images, k: int) -> dict[str, list[list[tuple[float, int, int, int]]]]:
    """For each layer and channel the first k of all images' strongest, by value, image, row, column."""
    maps: dict[str, Tensor] = {}
    x = Subject.of(module).floats(images)
    with torch.no_grad(), watched(module, lambda name, value: maps.__setitem__(name, by_channel(value).clone())):
        module(x)
    found = {}
    for name, values in maps.items():
        found[name] = []
        for channel in range(values.shape[1]):
            rows = []
            for image, one in enumerate(values[:, channel].numpy()):
                i, j = np.unravel_index(one.argmax(), one.shape)
                rows.append((-np.float32(one.max()), image, int(i), int(j)))
            found[name].append([(-v, n, i, j) for v, n, i, j in sorted(rows)[:k]])
    return found


@pytest.mark.parametrize("make", [AlexNet, ResNet, DenseNet, BiLSTM])
def test_the_strongest_are_those_of_brute_force_whatever_the_batches(make: type[nn.Module]) -> None:
    module, images = built(make), some()
    expected = brute_force(module, images, 5)
    for batch in (1, 7, 64):
        for one in strongest(Subject.of(module), images, k=5, batch=batch):
            for channel, rows in enumerate(expected[one.layer.name]):
                assert one.image[channel].tolist() == [row[1] for row in rows]
                assert one.place[channel].tolist() == [[row[2], row[3]] for row in rows]
                assert np.allclose(one.value[channel], [row[0] for row in rows])


def test_selectivity_is_that_of_class_means() -> None:
    module, images = built(ResNet, dtype=torch.float32), some()
    (found,) = strongest(Subject.of(module), images, k=2, wanted=("relu",))
    with torch.no_grad():
        peaks = torch.relu(module.conv1(Subject.of(module).floats(images))).amax((2, 3)).numpy()  # type: ignore[operator]
    means = np.stack([peaks[images.labels == label].mean(0) for label in range(3)])
    best = means.max(0)
    others = (means.sum(0) - best) / 2
    assert np.allclose(found.selectivity, (best - others) / (best + others), atol=1e-5)
    assert np.array_equal(found.best_class, means.argmax(0))


def test_a_patch_is_what_the_neuron_sees_and_padding_is_striped() -> None:
    module, images = built(ResNet), some()
    layer = layer_of(module, images, "layer1.conv1")
    image = images.pixels[0]
    middle = patch(image, layer, np.array([10, 12]))
    assert np.array_equal(middle, image[8:13, 10:15])
    corner = patch(image, layer, np.array([0, 31]))
    assert np.array_equal(corner[2:, :3], image[:3, 29:])
    assert set(np.unique(corner[:2])) == {200, 232} and set(np.unique(corner[:, 3:])) == {200, 232}
    assert patch(image, layer_of(module, images, "fc"), np.array([0, 0])) is image


def test_the_picture_names_channel_class_and_value_and_says_silent() -> None:
    module, images = built(ResNet, dtype=torch.float32), some()
    with torch.no_grad():
        module.layer2.conv2.weight[3] = 0  # type: ignore[union-attr, index, operator]
        module.layer2.bn2.bias[3] = -1  # type: ignore[union-attr, index, operator]
        module.layer2.bn2.weight[3] = 0  # type: ignore[union-attr, index, operator]
    found = top_patches(module, images, layer="layer2.bn2", channels=(1, 3), k=4)
    grid, heat = found.displays
    assert grid.row_names[1] == "3  silent"
    assert len(grid.images) == 8 and (grid.images[4:] == 255).all()
    told = found.to_dict()["channels"][0]
    assert told["channel"] == 1 and told["classes_of_images"].sum() == 4
    assert (told["classes_of_images"] == np.bincount(images.labels[told["images"]], minlength=3)).all()
    assert heat.values.shape == (2, len(images.class_names)) and heat.values[0].max() == 1
    for format in ("png", "svg", "json"):
        assert found.render(format)
    assert top_patches(module, images.pixels[:5].transpose(0, 3, 1, 2) / np.float32(255), k=2).render("png")


def test_bad_questions_are_refused() -> None:
    module, images = built(ResNet), some()
    with pytest.raises(UsageError, match=r"k: expected 1 to 40, the number of images, found 41"):
        top_patches(module, images, k=41)
    with pytest.raises(UsageError, match="channel: expected 0 to 7"):
        top_patches(module, images, layer="layer2.conv2", channels=(8,))
    with pytest.raises(UsageError, match="expected a network with convolutional layers"):
        top_patches(nn.Sequential(nn.Flatten(), nn.Linear(3072, 3)), images)

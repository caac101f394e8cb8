"""The atlas is what brute force and the single ways give, whatever the batches, and survives being interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from strangers import VGG, AlexNet, BiLSTM, ConvNeXt, DenseNet, Inception, MobileNet, ResNet, ViT, built
from torch import nn

from pellucid import catalog
from pellucid.errors import UsageError
from pellucid.images import Images
from pellucid.inspection import _atlas
from pellucid.inspection._atlas import Keeper, atlas
from pellucid.inspection._statistics import channel_statistics
from pellucid.inspection._strongest import strongest
from pellucid.inspection._subject import Subject
from pellucid.verbs.atlas import atlas as verb
from pellucid.verbs.atlas import kept_atlas
from pellucid.verbs.run import Run
from pellucid.verbs.train import train


def some(count: int = 40) -> Images:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    pixels[count // 2 :] = pixels[: count - count // 2]  # ties
    return Images(pixels, np.arange(count, dtype=np.int64) % 3, ("a", "b", "c"))


@pytest.mark.parametrize("batch", [1, 7, 64])
@pytest.mark.parametrize("make", [AlexNet, ResNet])
def test_strongest_neurons_and_moments_are_those_of_the_single_ways(make: type[nn.Module], batch: int) -> None:
    subject, images = Subject.of(built(make)), some()
    expected = {one.layer.name: one for one in strongest(subject, images, k=5)}
    moments = {one.layer.name: one for one in channel_statistics(subject, images)}
    for one in atlas(subject, images, k=5, batch=batch):
        other, told = expected[one.layer.name], moments[one.layer.name]
        assert np.array_equal(one.image, other.image) and np.array_equal(one.place, other.place)
        assert np.allclose(one.value, other.value)
        assert np.allclose(one.selectivity, other.selectivity, equal_nan=True) and np.array_equal(
            one.best_class, other.best_class
        )
        assert np.allclose(one.mean, told.mean, atol=1e-9) and np.allclose(one.std, told.std, atol=1e-9)
        assert np.allclose(one.low, told.low) and np.allclose(one.high, told.high)
        assert np.array_equal(one.dead, told.dead)


@pytest.mark.parametrize("make", [AlexNet, VGG, ResNet, Inception, DenseNet])
def test_projections_are_those_of_the_single_ways_within_the_field(make: type[nn.Module]) -> None:
    module, images = built(make), some(12)
    for one in atlas(Subject.of(module), images, k=2):
        field = one.layer.field
        for channel in (0, one.layer.shape[0] - 1):
            for rank in range(2):
                chosen = images.take(one.image[channel, rank : rank + 1])
                place = tuple(int(v) for v in one.place[channel, rank])
                for rule, way in (("deconvnet", "deconvnet"), ("guided", "guided_backprop")):
                    whole = catalog.load("inspection", way)(
                        module, chosen, layer=one.layer.name, channel=channel, place=place
                    ).array[0]
                    found = one.projection(rule, channel, rank)
                    step = np.abs(whole).max() / 127
                    if field is not None and found.shape[1:] != (32, 32):
                        top, left = field.height.pixels(place[0])[0], field.width.pixels(place[1])[0]
                        rest = whole.copy()
                        for i in range(found.shape[1]):
                            for j in range(found.shape[2]):
                                y, x = top + i, left + j
                                if 0 <= y < 32 and 0 <= x < 32:
                                    assert np.abs(found[:, i, j] - whole[:, y, x]).max() <= step
                                    rest[:, y, x] = 0
                        assert not rest.any(), "what comes back lies in the receptive field"
                    else:
                        assert np.abs(found - whole).max() <= step


def test_peaks_give_weakest_middle_and_nearest_channels() -> None:
    conv = nn.Conv2d(3, 4, 3)
    with torch.no_grad():
        conv.weight[2] = conv.weight[0] * 3  # goes with channel 0
        conv.weight[3] = 0  # tells nothing
    images = some(30)
    (one,) = atlas(Subject.of(nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.Dropout())), images, k=3)
    with torch.no_grad():
        peaks = conv(Subject.of(conv).floats(images)).amax((2, 3)).numpy()
    assert np.array_equal(one.low_value[:3], np.sort(peaks, axis=0)[:3, :3].T)
    order = np.sort(peaks[:, 0])
    assert np.allclose(peaks[one.at_quantile[0], 0], order[np.rint(np.array(_atlas.QUANTILES) * 29).astype(int)])
    assert one.nearest[0, 0] == 2 and one.likeness[0, 0] == pytest.approx(1)
    assert one.dead.tolist() == [False, False, False, True]
    assert -1 in one.nearest[3] and not one.likeness[3][one.nearest[3] < 0].any()


@pytest.mark.parametrize("make", [MobileNet, ConvNeXt, ViT, BiLSTM])
def test_networks_of_other_activations_have_an_atlas_too(make: type[nn.Module]) -> None:
    found = atlas(Subject.of(built(make)), some(8), k=2)
    assert found and all(np.isfinite(one.value).all() for one in found)


class Stopped(Exception):  # noqa: N818
    """In place of a kill."""


@pytest.mark.parametrize("stop_at", ["pass 1", "pass 2", "layer 1", "layer 3"])
def test_an_interrupted_atlas_goes_on_to_the_same_arrays(stop_at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_atlas, "STATE_EVERY", 10)
    subject, images = Subject.of(built(ResNet)), some()
    whole = atlas(subject, images, k=3, batch=4)
    kept: dict[str, Any] = {}
    passes = layers = 0

    def keep(name: str, arrays: Any) -> None:
        nonlocal passes, layers
        kept[name] = {key: array.copy() for key, array in arrays.items()}
        passes, layers = passes + (name == "pass"), layers + (name != "pass")
        if stop_at in (f"pass {passes}", f"layer {layers}"):
            raise Stopped

    with pytest.raises(Stopped):
        atlas(subject, images, k=3, batch=4, keeper=Keeper(keep, kept.get))
    before = set(kept)
    again = atlas(subject, images, k=3, batch=4, keeper=Keeper(lambda name, arrays: None, kept.get))
    assert before
    for one, other in zip(whole, again, strict=True):
        assert one.arrays.keys() == other.arrays.keys()
        for name, array in one.arrays.items():
            assert np.array_equal(array, other.arrays[name], equal_nan=True), name


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(
        "one_conv", "digits", size=16, epochs=1, subset=200, precision="fp32", threads=1, pictures=False,
        runs=tmp_path_factory.mktemp("runs"),
    )  # fmt: skip


def test_the_atlas_of_a_run_is_kept_and_opened_at_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = verb(run, split="test", k=4)
    assert list(found.layers) == ["conv1", "fc1", "fc2"]
    (folder,) = (run.path / "atlas").iterdir()
    assert {path.name for path in folder.iterdir()} == {f"{name}.safetensors" for name in found.layers}
    monkeypatch.setattr(_atlas, "_projected", lambda *_: pytest.fail("computed again"))
    again = verb(run, split="test", k=4)
    assert np.array_equal(again.layers["conv1"].guided, found.layers["conv1"].guided)
    assert again.table().rows[0][:3] == ("conv1", "28x14x14", "3x3")
    picture = again.channels("conv1", (0, 5))
    assert picture.images.shape[0] == 2 * 3 * 4 and picture.render("png")
    with pytest.raises(UsageError, match="channel: expected 0 to 27"):
        again.channels("conv1", (28,))
    with pytest.raises(UsageError, match="unknown layer 'conv2'"):
        again.channels("conv2")
    opened = kept_atlas(run, split="test", k=4)
    assert opened is not None and np.array_equal(opened.layers["conv1"].guided, found.layers["conv1"].guided)
    assert kept_atlas(run, split="test", k=5) is None and kept_atlas(run) is None
    monkeypatch.undo()
    damaged = folder / "conv1.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-50])
    assert kept_atlas(run, split="test", k=4) is None
    assert np.array_equal(verb(run, split="test", k=4).layers["conv1"].guided, found.layers["conv1"].guided)


def test_bad_questions_are_refused(run: Run) -> None:
    with pytest.raises(UsageError, match="k: expected 1 to 300"):
        verb(run, split="test", k=301)
    with pytest.raises(UsageError, match="unknown split 'tests'"):
        verb(run, split="tests")


def test_the_command_prints_the_layers_and_draws_them(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pellucid.cli import run as command

    words = ["pellucid", "atlas", run.id, "--split", "test", "-k", "2", "--channel", "3"]
    monkeypatch.setattr("sys.argv", [*words, "--runs", str(run.path.parent)])
    assert command() == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("layer") and Path(out[-1]).name == "atlas-test-conv1-3.png" and Path(out[-1]).is_file()

"""Order and augmentation: purity, and every byte against a slow version written from the definition."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pellucid.datasets._batches import Draw, apply, batch_indices, draw, permutation
from pellucid.errors import UsageError
from pellucid.spec.augmentation import Augmentation

#: Places of a batch of four among the training images.
PLACES = np.array([7, 0, 312, 8])
ALL = Augmentation(horizontal_flip=True, shift=2, crop_padding=3, cutout=4, brightness=0.3, contrast=0.5)


def _pixels(count: int, shape: tuple[int, int, int], seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def _slow(pixels: NDArray[np.uint8], changes: Augmentation, *, seed: int, epoch: int, step: int) -> NDArray[np.uint8]:
    """One image, one change, one pixel at a time, in the order of the fields, from the nine numbers of an image."""
    count, height, width, _ = pixels.shape
    u = np.random.default_rng([seed, 102, epoch, step]).random((count, 9))
    result = []
    for place, image, numbers in zip(PLACES, pixels, u, strict=True):
        mean = np.float32(image.sum(dtype=np.int64)) / np.float32(image.size)
        inside = np.ones((height, width), bool)
        now = image.copy()
        mirrored = changes.horizontal_flip and numbers[0] < 0.5
        if changes.alternating_flip:
            alternating = np.random.default_rng([seed, 103]).random(1000)[place] < 0.5
            mirrored = alternating if epoch % 2 else not alternating
        if mirrored:
            now = np.array([[row[width - 1 - x] for x in range(width)] for row in now])
        for reach, down, right in ((changes.shift, *numbers[1:3]), (changes.crop_padding, *numbers[3:5])):
            dy, dx = (math.floor(v * (2 * reach + 1)) - reach for v in (down, right))
            moved, moved_inside = np.zeros_like(now), np.zeros_like(inside)
            for y in range(height):
                for x in range(width):
                    if 0 <= y - dy < height and 0 <= x - dx < width:
                        moved[y, x], moved_inside[y, x] = now[y - dy, x - dx], inside[y - dy, x - dx]
            now, inside = moved, moved_inside
        if changes.reflect_padding:
            reach = changes.reflect_padding
            around = [(reach, reach), (reach, reach)]
            dy, dx = (math.floor(v * (2 * reach + 1)) for v in numbers[3:5])
            window = np.s_[2 * reach - dy : 2 * reach - dy + height, 2 * reach - dx : 2 * reach - dx + width]
            now = np.pad(now, [*around, (0, 0)], mode="reflect")[window]
            inside = np.pad(inside, around, mode="reflect")[window]
        if changes.brightness or changes.contrast:
            gain = np.float32(1 + changes.contrast * (2 * numbers[6] - 1))
            offset = np.float32(255 * changes.brightness * (2 * numbers[5] - 1))
            for place in np.ndindex(now.shape):
                value = np.float32(now[place]) * gain + (mean * (np.float32(1) - gain) + offset + np.float32(0.5))
                now[place] = math.floor(min(max(float(value), 0.0), 255.0))
        top, left = (math.floor(v * n) - changes.cutout // 2 for v, n in ((numbers[7], height), (numbers[8], width)))
        for y in range(height):
            for x in range(width):
                if top <= y < top + changes.cutout and left <= x < left + changes.cutout:
                    inside[y, x] = False
        now[~inside] = 0
        result.append(now)
    return np.array(result)


flips = st.sampled_from([{}, {"horizontal_flip": True}, {"alternating_flip": True}])
paddings = st.one_of(
    st.builds(dict, crop_padding=st.integers(0, 9)), st.builds(dict, reflect_padding=st.integers(0, 9))
)
augmentations = st.builds(
    lambda flip, padding, **others: Augmentation(**flip, **padding, **others),
    flips,
    paddings,
    shift=st.integers(0, 9),
    cutout=st.integers(0, 9),
    brightness=st.sampled_from([0.0, 0.2, 1.0]),
    contrast=st.sampled_from([0.0, 0.5, 1.0]),
)


@settings(max_examples=60, deadline=None)
@given(
    changes=augmentations,
    shape=st.sampled_from([(5, 7, 1), (6, 6, 3), (1, 4, 1)]),
    seed=st.integers(0, 2**62),
    epoch=st.integers(1, 300),
    step=st.integers(0, 900),
)
def test_every_byte_is_that_of_the_slow_version(
    changes: Augmentation, shape: tuple[int, int, int], seed: int, epoch: int, step: int
) -> None:
    pixels = _pixels(4, shape)
    drawn = draw(changes, images=PLACES, shape=shape, seed=seed, epoch=epoch, step=step)
    changed = apply(pixels, drawn)
    assert changed.dtype == np.uint8
    assert (changed == _slow(pixels, changes, seed=seed, epoch=epoch, step=step)).all()


@pytest.mark.parametrize("shape", [(8, 6, 3), (6, 8, 1)])
def test_a_tensor_gets_the_same_bytes_as_an_array(shape: tuple[int, int, int]) -> None:
    torch = pytest.importorskip("torch")
    pixels = _pixels(200, shape)
    drawn = draw(ALL, images=np.arange(200), shape=shape, seed=1, epoch=2, step=3)
    changed = apply(torch.from_numpy(pixels), drawn)
    assert changed.dtype == torch.uint8
    assert (changed.numpy() == apply(pixels, drawn)).all()


def test_the_pixels_given_are_not_touched() -> None:
    pixels = _pixels(8, (6, 6, 3))
    before = pixels.copy()
    apply(pixels, draw(ALL, images=np.arange(8), shape=(6, 6, 3), seed=0, epoch=1, step=0))
    assert (pixels == before).all()


def test_nothing_changes_where_all_is_off() -> None:
    pixels = _pixels(8, (6, 6, 3))
    assert (
        apply(pixels, draw(Augmentation(), images=np.arange(8), shape=(6, 6, 3), seed=0, epoch=1, step=0)) == pixels
    ).all()


def _same(first: Draw, second: Draw) -> bool:
    pairs = [(getattr(first, name), getattr(second, name)) for name in ("rows", "columns", "keep", "gain", "offset")]
    return all(np.array_equal(a, b) for a, b in pairs)


def test_draws_depend_on_seed_epoch_and_step_alone() -> None:
    def drawn(seed: int = 0, epoch: int = 1, step: int = 2) -> Draw:
        return draw(ALL, images=np.arange(16), shape=(9, 9, 1), seed=seed, epoch=epoch, step=step)

    assert _same(drawn(), drawn())
    for other in (drawn(seed=1), drawn(epoch=2), drawn(step=3)):
        assert not _same(drawn(), other)


def test_one_change_does_not_alter_the_draw_of_another() -> None:
    options = {"images": np.arange(50), "shape": (9, 9, 1), "seed": 0, "epoch": 1, "step": 2}
    alone = draw(Augmentation(shift=2), **options)  # type: ignore[arg-type]
    beside = draw(Augmentation(shift=2, brightness=0.5, cutout=3), **options)  # type: ignore[arg-type]
    assert (alone.rows == beside.rows).all()
    assert (alone.columns == beside.columns).all()


def test_alternating_flips_show_each_image_both_ways_in_two_epochs() -> None:
    def mirrored(epoch: int, images: NDArray[np.int64], step: int = 0) -> NDArray[np.bool_]:
        changes = Augmentation(alternating_flip=True)
        drawn = draw(changes, images=images, shape=(3, 3, 1), seed=0, epoch=epoch, step=step)
        found: NDArray[np.bool_] = drawn.columns[:, 0] == 2
        return found

    images = np.arange(20_000)
    first = mirrored(1, images)
    assert abs(first.mean() - 0.5) < 0.02
    assert (mirrored(2, images) == ~first).all() and (mirrored(3, images) == first).all()
    # wherever an image comes in an epoch's order
    some = np.array([17, 3, 9_000])
    assert (mirrored(1, some, step=40) == first[some]).all()


def test_half_of_the_images_are_flipped_and_all_shifts_come_equally_often() -> None:
    drawn = draw(
        Augmentation(horizontal_flip=True), images=np.arange(20_000), shape=(3, 3, 1), seed=0, epoch=1, step=0
    )
    assert abs((drawn.columns[:, 0] == 2).mean() - 0.5) < 0.02
    for changes in (Augmentation(shift=2), Augmentation(crop_padding=2), Augmentation(reflect_padding=2)):
        drawn = draw(changes, images=np.arange(20_000), shape=(7, 7, 1), seed=0, epoch=1, step=0)
        moved = 3 - drawn.rows[:, 3]
        assert sorted(set(moved.tolist())) == [-2, -1, 0, 1, 2]
        assert (np.abs(np.bincount(moved + 2) / 20_000 - 0.2) < 0.02).all()


@given(n=st.integers(1, 500), size=st.integers(1, 64), seed=st.integers(0, 2**62), epoch=st.integers(1, 1000))
def test_batches_hold_every_image_once_and_only_the_last_is_short(n: int, size: int, seed: int, epoch: int) -> None:
    batches = list(batch_indices(n, size, seed=seed, epoch=epoch))
    assert sorted(np.concatenate(batches).tolist()) == list(range(n))
    assert all(len(batch) == size for batch in batches[:-1])
    assert 1 <= len(batches[-1]) <= size
    assert (np.concatenate(batches) == permutation(n, seed=seed, epoch=epoch)).all()
    assert batches[0].dtype == np.int64


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    np.random.seed(0)
    first = permutation(100, seed=0, epoch=1).tolist()
    assert permutation(100, seed=0, epoch=1).tolist() == first
    assert permutation(100, seed=0, epoch=2).tolist() != first
    assert permutation(100, seed=1, epoch=1).tolist() != first


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"shift": -1}, "shift: expected a whole number of pixels, 0 or more, found -1"),
        ({"cutout": 1.5}, "cutout: expected a whole number of pixels, 0 or more, found 1.5"),
        ({"crop_padding": True}, "crop_padding: expected a whole number of pixels"),
        ({"brightness": 1.1}, "brightness: expected a number from 0 to 1, found 1.1"),
        ({"contrast": float("nan")}, "contrast: expected a number from 0 to 1, found nan"),
        (
            {"horizontal_flip": True, "alternating_flip": True},
            "alternating_flip: expected it without horizontal_flip",
        ),
        ({"crop_padding": 1, "reflect_padding": 2}, "reflect_padding: expected it without crop_padding, found both"),
    ],
)
def test_values_out_of_range_are_refused(options: dict[str, float], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        Augmentation(**options)  # type: ignore[arg-type]


def test_an_augmentation_is_active_when_anything_is_on() -> None:
    assert not Augmentation().active
    for one in fields(Augmentation):
        assert Augmentation(**{one.name: type(one.default)(1)}).active


@pytest.mark.parametrize("what", ["shift", "crop_padding", "reflect_padding", "cutout"])
def test_an_image_is_never_moved_out_of_sight(what: str) -> None:
    Augmentation(**{what: 27}).suits((28, 40, 1))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=f"{what}: expected fewer pixels than the images' 28 a side, found 28"):
        Augmentation(**{what: 28}).suits((28, 40, 1))  # type: ignore[arg-type]

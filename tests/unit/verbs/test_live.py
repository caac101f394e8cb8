"""A picture's answer is what the run says of it elsewhere, and drawings become what the network was taught on."""

from __future__ import annotations

import json
import struct
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.special import softmax

from pellucid.errors import DataError, UsageError
from pellucid.inspection.feature_maps import feature_maps
from pellucid.verbs import live as module
from pellucid.verbs.live import FINE, Live, averaged, centred, packed
from pellucid.verbs.run import Run
from pellucid.verbs.train import train


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(
        "lenet5", "digits", size=28, epochs=1, subset=200, precision="fp32", threads=1, pictures=False,
        runs=tmp_path_factory.mktemp("runs"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def live(run: Run) -> Live:
    return Live(run)


def test_probabilities_are_those_of_the_run(run: Run, live: Live) -> None:
    images = run.images("test")
    expected = softmax(run.model().logits(images.take(np.arange(5))).astype(np.float64), axis=1)
    for row in range(5):
        assert np.allclose(live.answer(images.pixels[row]).probabilities, expected[row], atol=1e-6)


def test_maps_are_those_of_feature_maps_to_within_half_a_step(run: Run, live: Live) -> None:
    images = run.images("test").take(np.array([3]))
    maps = {one.layer.name: one for one in live.answer(images.pixels[0]).maps}
    seen = feature_maps(run.inspected(), images, channels=1000).seen
    assert list(maps) == [one.layer.name for one in seen] and "flatten1" not in maps
    for one in seen:
        told = maps[one.layer.name]
        assert told.signed == one.both and told.bound == pytest.approx(one.bound, rel=1e-5)
        half = told.bound / (2 * (127 if told.signed else 255))
        assert np.abs(told.values() - one.values[0]).max() <= half * 1.001


def test_channels_are_spread_over_a_layer_unless_all_are_asked_for(live: Live) -> None:
    pixels = np.zeros((28, 28, 1), np.uint8)
    maps = {one.layer.name: one for one in live.answer(pixels, most=4, whole=("conv2",)).maps}
    assert maps["conv1"].channels.tolist() == [0, 2, 3, 5] and maps["conv1"].steps.shape == (4, 28, 28)
    assert len(maps["conv2"].steps) == 16 and len(maps["fc1"].steps) == 120
    whole = {one.layer.name: one for one in live.answer(pixels).maps}
    assert np.array_equal(whole["conv1"].steps[[0, 2, 3, 5]], maps["conv1"].steps)


def unpacked(data: bytes) -> tuple[dict[str, Any], int]:
    """The header, and where it ends."""
    (length,) = struct.unpack("<I", data[:4])
    return json.loads(data[4 : 4 + length]), 4 + length


def test_a_packed_answer_can_be_unpacked(live: Live) -> None:
    pixels, _ = live.image("test", 0)
    answer = live.answer(pixels, most=4)
    data = packed(answer, pixels, sequence=7)
    header, at = unpacked(data)
    assert (header["sequence"], header["shape"]) == (7, [28, 28, 1])
    assert header["probabilities"] == answer.probabilities.tolist()
    assert data[at : at + 784] == pixels.tobytes()
    at += 784
    for told, one in zip(header["layers"], answer.maps, strict=True):
        size = int(np.prod(told["shape"]))
        assert data[at : at + size] == one.steps.tobytes()
        assert (told["name"], told["bound"], told["signed"]) == (one.layer.name, one.bound, one.signed)
        at += size
    assert at == len(data)
    assert header["layers"][0]["channels"] == [0, 2, 3, 5] and header["layers"][-1]["channels"] is None


def test_answers_to_many_threads_are_not_mixed(live: Live) -> None:
    pixels = [live.image("test", row)[0] for row in range(24)]
    alone = [packed(live.answer(one), one) for one in pixels]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda k: packed(live.answer(pixels[k % 24]), pixels[k % 24]), range(240)))
    assert all(found == alone[k % 24] for k, found in enumerate(together))


def test_a_neuron_adds_up_and_names_its_receptive_field(live: Live) -> None:
    pixels, _ = live.image("test", 1)
    values = {one.layer.name: one for one in live.answer(pixels).maps}
    told = live.neuron(pixels, "relu2", 4, 3, 5)
    assert [step["layer"] for step in told["steps"]] == ["relu2", "conv2"]
    assert told["steps"][0]["value"] == pytest.approx(
        values["relu2"].values()[4, 3, 5], abs=values["relu2"].bound / 200
    )
    for step in told["steps"]:
        assert step["total"] == pytest.approx(step["value"], abs=1e-4)
    field = next(one.field for one in live.layers if one.name == "relu2")
    assert field is not None and told["field"] == [*field.height.pixels(3), *field.width.pixels(5)]
    assert live.neuron(pixels, "fc1", 0)["field"] is None
    json.dumps(told, allow_nan=False)


def test_occlusion_is_the_brute_force(live: Live) -> None:
    pixels, _ = live.image("test", 2)
    told = live.occlusion(pixels, size=7, stride=9)
    assert told["tops"] == told["lefts"] == [0, 9, 18, 21]
    whole = live.answer(pixels).probabilities
    assert told["target"] == int(whole.argmax()) and told["whole"] == whole.max()
    responder = live._responder
    x = responder.floats(pixels)
    x[0, 0, 9:16, 18:25] = 0.5
    with torch.no_grad():
        expected = responder.subject.module.eval()(x).softmax(1)[0, told["target"]]
    assert told["probability"][1][2] == pytest.approx(float(expected), abs=1e-5)


def test_whole_factors_are_averaged_exactly() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    fine = pixels.repeat(FINE, axis=0).repeat(FINE, axis=1)
    assert np.array_equal(averaged(fine, 28, 28), pixels)
    half = np.zeros((4, 4, 1), np.uint8)
    half[:2] = 200
    assert averaged(half, 1, 1).item() == 100


def stroke(side: int = 112, top: int = 4, left: int = 60) -> NDArray[np.uint8]:
    """A one, far from the middle."""
    drawn = np.zeros((side, side, 1), np.uint8)
    drawn[top : top + 60, left : left + 8] = 255
    return drawn


def test_a_digit_is_fitted_into_the_box_and_centred_by_its_mass() -> None:
    found = centred(stroke(), (28, 28))
    rows, columns = np.flatnonzero(found.any(axis=(1, 2))), np.flatnonzero(found.any(axis=(0, 2)))
    assert (rows[0], rows[-1]) == (4, 23) and len(columns) in (2, 3, 4)  # 20 rows of 28
    mass = found[..., 0] / found.sum()
    centre = (mass.sum(1) @ np.arange(28), mass.sum(0) @ np.arange(28))
    assert np.allclose(centre, 13.5, atol=0.5)
    assert np.array_equal(found, centred(stroke(top=40, left=10), (28, 28)))  # wherever it was drawn
    lopsided = stroke()
    lopsided[52:64, 20:100] = 255
    mass = centred(lopsided, (28, 28))[..., 0].astype(float)
    assert (mass.sum(1) @ np.arange(28)) / mass.sum() == pytest.approx(13.5, abs=0.51)


def test_white_paper_and_blank_paper_are_centred_too() -> None:
    assert np.array_equal(centred(255 - stroke(), (28, 28), paper=255), 255 - centred(stroke(), (28, 28)))
    assert not centred(np.zeros((112, 112, 1), np.uint8), (28, 28)).any()
    assert (centred(np.full((112, 112, 3), 255, np.uint8), (28, 28), paper=255) == 255).all()
    full = centred(stroke(), (28, 28), box=1.0)
    assert np.flatnonzero(full.any(axis=(1, 2))).tolist() == list(range(28))


def test_what_is_seen_follows_the_options_in_their_order(live: Live) -> None:
    drawn = stroke()
    plain = live.seen(drawn)
    assert np.array_equal(live.seen(drawn, invert=True), 255 - plain)
    noisy = live.seen(drawn, noise=20)
    assert np.array_equal(noisy, live.seen(drawn, noise=20)) and 5 < np.abs(noisy.astype(int) - plain).std() < 25
    assert np.array_equal(live.seen(drawn, centre=True, invert=True), 255 - live.seen(drawn, centre=True))
    assert live.seen(drawn.repeat(3, axis=2)).shape == (28, 28, 1)
    with pytest.raises(UsageError, match="expected 0 to 255 gray values, found -1"):
        live.seen(drawn, noise=-1)


def test_the_paper_is_what_surrounds_the_images(live: Live, run: Run) -> None:
    assert live.paper == 0
    other = Live(run)
    inverted = run.images("test")
    pixels = 255 - inverted.pixels
    object.__setattr__(run, "images", lambda split: type("Split", (), {"pixels": pixels})())
    try:
        assert other.paper == 255
    finally:
        del run.__dict__["images"]


def png(pixels: NDArray[np.uint8], format: str = "PNG") -> bytes:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, format)
    return stream.getvalue()


def test_the_next_image_of_a_class_is_found_both_ways(live: Live, run: Run) -> None:
    rows = [int(row) for row in np.flatnonzero(run.images("test").labels == 3)]
    assert live.find("test", rows[0], 3) == rows[1] and live.find("test", rows[-1], 3) == rows[0]
    assert live.find("test", rows[1], 3, step=-1) == rows[0] and live.find("test", rows[0], 3, step=-1) == rows[-1]
    assert live.find("test", rows[0] - 1, 3) == rows[0]
    with pytest.raises(UsageError, match="expected one of the 10 with images in the split test, found 10"):
        live.find("test", 0, 10)


def test_large_images_are_drawn_on_with_fewer_points(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Live(run).fine == FINE == 4
    for points, fine in ((112, 4), (100, 3), (20, 1)):
        monkeypatch.setattr(module, "POINTS", points)
        assert Live(run).fine == fine


def test_a_dropped_picture_is_read_as_the_run_reads(live: Live) -> None:
    pixels, _ = live.image("test", 5)
    assert np.array_equal(live.picture(png(pixels[..., 0])), pixels)
    colour = np.zeros((28, 28, 3), np.uint8)
    colour[..., 0] = 255
    assert (live.picture(png(colour)) == 76).all()


def huge(width: int, height: int) -> bytes:
    """The head of a PNG of that size: the pixels never come."""
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"not a picture at all", "found not an image"),
        (b"", "found empty file"),
        (huge(50_000, 50_000), "found more than 178,956,970 pixels"),
        (huge(8_000, 8_000), "at most 40,000,000 pixels, found 8,000 x 8,000"),
        (huge(30, 30), "found a damaged file"),
    ],
)
def test_what_is_no_picture_is_told_and_never_by_a_path(live: Live, data: bytes, words: str) -> None:
    with pytest.raises(DataError) as caught:
        live.picture(data)
    assert words in str(caught.value) and "/tmp" not in str(caught.value) and "pellucid-" not in str(caught.value)


def test_numbers_and_shapes_out_of_range_are_told(live: Live) -> None:
    with pytest.raises(UsageError, match=r"from 0 to 299 \(split test\), found 300"):
        live.image("test", 300)
    with pytest.raises(UsageError, match="unknown split 'tset'"):
        live.image("tset", 0)
    with pytest.raises(UsageError, match="expected uint8 of 28 x 28 x 1, found uint8 of 8 x 8 x 1"):
        live.answer(np.zeros((8, 8, 1), np.uint8))


def test_nothing_not_finite_reaches_the_page(live: Live) -> None:
    pixels, _ = live.image("test", 0)
    answer: Any = live.answer(pixels)
    answer.probabilities[:] = np.nan
    assert unpacked(packed(answer, pixels))[0]["probabilities"] == [0.0] * 10

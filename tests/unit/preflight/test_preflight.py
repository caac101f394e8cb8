"""What the doctor finds, and what it says a size allows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import binom, binomtest

from pellucid.errors import DataError
from pellucid.images import Images, Scaling, Splits
from pellucid.preflight.duplicates import exact_duplicates, near_duplicates
from pellucid.preflight.examine import examine
from pellucid.preflight.groups import divided, stem_groups
from pellucid.preflight.power import detectable_difference, half_width, images_needed
from pellucid.verbs.doctor import doctor, report


def photographs(count: int, side: int = 32) -> np.ndarray:
    """Smooth random images: noise of several scales added up."""
    generator = np.random.default_rng(0)
    total = np.zeros((count, side, side))
    for cells in (2, 4, 8, 16):
        noise = generator.standard_normal((count, cells, cells))
        total += np.kron(noise, np.ones((side // cells, side // cells))) * 30
    return (128 + total).clip(0, 255).astype(np.uint8)[..., None]


def changed(image: np.ndarray, kind: str) -> np.ndarray:
    picture = Image.fromarray(image[..., 0])
    if kind == "crop":
        return np.asarray(picture.resize((32, 32), Image.Resampling.BILINEAR, box=(1.5, 2.0, 30.5, 31.0)))[..., None]
    if kind == "resize":
        return np.asarray(picture.resize((24, 24)).resize((32, 32)))[..., None]
    return (image * 0.8 + 20).astype(np.uint8)


@pytest.mark.parametrize("kind", ["crop", "resize", "light"])
def test_near_copies_are_found_and_others_left(kind: str) -> None:
    pixels = photographs(300)
    pixels[200] = changed(pixels[10], kind)
    assert [(pair.first, pair.second, pair.exact) for pair in near_duplicates(pixels)] == [(10, 200, False)]


def test_exact_copies_are_paired_with_the_first() -> None:
    pixels = photographs(20)
    pixels[[7, 9]] = pixels[3]
    assert [(pair.first, pair.second) for pair in exact_duplicates(pixels)] == [(3, 7), (3, 9)]
    assert near_duplicates(pixels) == []


def test_images_of_one_tone_are_no_duplicates() -> None:
    assert near_duplicates(np.full((5, 8, 8, 1), 9, np.uint8)) == []


def test_injected_copies_and_crops_in_real_images_are_found(real_data: Path) -> None:
    from pellucid.datasets._load import load
    from pellucid.spec import DataSpec

    pixels = load(DataSpec(name="cifar10", subset=2000)).train.pixels.copy()
    generator = np.random.default_rng(0)
    chosen = generator.permutation(2000)[:80].reshape(4, 20)
    pixels[chosen[1]] = pixels[chosen[0]]
    for source, target in zip(chosen[2], chosen[3], strict=True):
        side = np.sqrt(generator.uniform(0.8, 0.95)) * 32
        left, top = generator.uniform(0, 32 - side, 2)
        part = Image.fromarray(pixels[source]).resize(
            (32, 32), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side)
        )
        pixels[target] = np.asarray(part)
    exact = {(pair.first, pair.second) for pair in exact_duplicates(pixels)}
    near = {(pair.first, pair.second) for pair in near_duplicates(pixels)}
    ordered = lambda one, two: {(min(p), max(p)) for p in zip(one, two, strict=True)}  # noqa: E731
    assert ordered(chosen[0], chosen[1]) <= exact
    assert len(ordered(chosen[2], chosen[3]) & near) >= 19


def test_half_width_is_half_of_wilsons_interval() -> None:
    interval = binomtest(80, 100).proportion_ci(method="wilson")
    assert half_width(100, 0.8) == pytest.approx((interval.high - interval.low) / 2, rel=1e-3)
    assert half_width(100) == pytest.approx(0.096, abs=0.001)
    with pytest.raises(DataError, match="expected 1 or more, found 0"):
        half_width(0)


def test_a_detectable_difference_is_detected_in_four_of_five_cases() -> None:
    n, disagreement = 2000, 0.1
    difference = detectable_difference(n, disagreement=disagreement)
    assert difference is not None
    assert images_needed(difference, disagreement=disagreement) == pytest.approx(n, rel=0.01)
    generator = np.random.default_rng(0)
    better = (disagreement + difference) / 2
    counts = generator.multinomial(n, [better, disagreement - better, 1 - disagreement], size=4000)
    p = [min(1.0, 2 * binom.sf(max(a, b) - 1, a + b, 0.5)) for a, b, _ in counts]
    found = np.mean(np.array(p) < 0.05)
    assert 0.74 < found < 0.86  # the exact test is a little more careful than the formula


def test_on_few_images_no_difference_can_be_detected() -> None:
    fewest = images_needed(0.1)
    assert fewest == 77
    assert [detectable_difference(n) for n in (1, 2, 3, 4, 20, fewest - 1)] == [None] * 6
    found = detectable_difference(fewest)
    assert found is not None and found <= 0.1
    few = Images(photographs(60)[:2], np.arange(2, dtype=np.int64), ("a", "b"))
    told = " ".join(one.message for one in examine("few", Splits(few, few, few, Scaling.unit(1))).findings)
    assert "cannot be told apart: that takes 77" in told


def test_groups_are_guessed_from_counters_and_found_in_two_splits() -> None:
    names = ["cat/film1_001.png", "cat/film1_002.png", "dog/film2 (3).jpg", "dog/film2 (4).jpg", "dog/alone.jpg"]
    assert stem_groups(names) == {"film1": 2, "film2": 2}
    assert stem_groups(["a/img_1.png", "a/img_2.png"]) == {}
    assert stem_groups([f"{name}/{name}_{k}.png" for name in ("red", "blue") for k in range(3)]) == {}
    assert divided({"train": ["a", "b"], "test": ["b", "c"]}) == {"b": ("train", "test")}


def test_copies_across_splits_and_labels_are_warned_of() -> None:
    pixels = photographs(60)
    labels = np.arange(60, dtype=np.int64) % 2
    pixels[41] = pixels[0]  # in test, of the other class
    whole = Images(pixels, labels, ("a", "b"))
    splits = Splits(
        whole.take(np.arange(40)), whole.take(np.arange(0)), whole.take(np.arange(40, 60)), Scaling.unit(1)
    )
    found = examine("x", splits, skipped=["bad.png: empty file"], ignored=2)
    by_topic = {(finding.topic, finding.severity) for finding in found.findings}
    assert {("duplicates", "warning"), ("files", "warning"), ("power", "warning")} <= by_topic
    (twins,) = found.twins
    assert (twins.first.split, twins.second.split, twins.crosses_labels) == ("train", "test", True)
    assert found.to_dict()["twins"][0]["crosses_splits"] is True


def test_the_report_of_a_folder_names_its_broken_file(tmp_path: Path) -> None:
    pixels = photographs(40)
    for index, image in enumerate(pixels):
        folder = tmp_path / ("cat" if index % 2 else "dog")
        folder.mkdir(exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / f"{index}.png")
    (tmp_path / "cat" / "broken.png").write_bytes(b"")
    text = report(doctor(tmp_path, validation_size=6, test_size=6))
    assert "1 files cannot be read: cat/broken.png" in text.replace("\n   ", " ")
    assert "With 6 test images an accuracy carries up to" in text.replace("\n   ", " ")

"""A zoo of image files: every mode and format, turned, transparent, damaged, misleading."""

from __future__ import annotations

import io
import os
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from pellucid.datasets import _decode
from pellucid.datasets._decode import UnreadableError, decoded, measured


def _png(width: int, height: int, bits: int, colour: int, rows: bytes) -> bytes:
    """A PNG from the definition: signature, IHDR, IDAT, IEND; each chunk with length, name, content, CRC-32."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _saved(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def _file(tmp_path: Path, data: bytes, name: str = "x.png") -> Path:
    (tmp_path / name).write_bytes(data)
    return tmp_path / name


GRAY = Image.fromarray(np.arange(0, 120, 10, np.uint8).reshape(3, 4))
COLOUR = Image.merge("RGB", [GRAY, ImageOps.invert(GRAY), GRAY.point(lambda v: v // 2)])


def test_gray_png_bytes_come_as_written(tmp_path: Path) -> None:
    path = _file(tmp_path, _png(2, 2, 8, 0, b"\x00\x05\xff\x00\x80\x01"))
    assert decoded(path, 2, 2)[..., 0].tolist() == [[5, 255], [128, 1]]
    assert measured(path) == (2, 2)


def test_sixteen_bit_gray_becomes_eight_by_rounding(tmp_path: Path) -> None:
    values = [0, 128, 129, 257, 65535, 32768]
    path = _file(tmp_path, _png(6, 1, 16, 0, b"\x00" + struct.pack(">6H", *values)))
    assert decoded(path, 1, 6).ravel().tolist() == [round(value / 257) for value in values] == [0, 0, 1, 1, 255, 128]


def test_sixteen_bit_netpbm_is_read(tmp_path: Path) -> None:
    path = _file(tmp_path, b"P5 2 1 65535\n" + struct.pack(">2H", 65535, 257), "x.pgm")
    assert decoded(path, 1, 2).ravel().tolist() == [255, 1]


@pytest.mark.parametrize("mode", ["I;16", "I;16B"])
def test_sixteen_bit_tiff_of_both_byte_orders_is_read(tmp_path: Path, mode: str) -> None:
    order = "<" if mode == "I;16" else ">"
    raw = struct.pack(f"{order}2H", 65535, 514)
    tags = [(256, 4, 2), (257, 4, 1), (258, 3, 16), (259, 3, 1), (262, 3, 1), (273, 4, 8), (278, 4, 1), (279, 4, 4)]
    head = (b"II*\x00" if order == "<" else b"MM\x00*") + struct.pack(f"{order}I", 12) + raw
    entries = b"".join(
        struct.pack(f"{order}HHI", tag, kind, 1)
        + (struct.pack(f"{order}I", value) if kind == 4 else struct.pack(f"{order}HH", value, 0))
        for tag, kind, value in tags
    )
    path = _file(tmp_path, head + struct.pack(f"{order}H", len(tags)) + entries + bytes(4), "x.tif")
    assert decoded(path, 1, 2).ravel().tolist() == [255, 2]


@pytest.mark.parametrize(
    ("make", "name", "exact"),
    [
        (lambda: _saved(GRAY.point(lambda v: 255 * (v > 50)).convert("1"), "PNG"), "x.png", False),
        (lambda: _saved(GRAY, "PNG"), "x.png", True),
        (lambda: _saved(GRAY.convert("LA"), "PNG"), "x.png", True),
        (lambda: _saved(COLOUR, "PNG"), "x.png", True),
        (lambda: _saved(COLOUR.convert("RGBA"), "PNG"), "x.png", True),
        (lambda: _saved(COLOUR.quantize(12), "PNG"), "x.png", True),
        (lambda: _saved(COLOUR, "JPEG", quality=95), "x.jpg", False),
        (lambda: _saved(GRAY, "JPEG", quality=95), "x.jpeg", False),
        (lambda: _saved(COLOUR, "JPEG", quality=95, progressive=True), "x.jpg", False),
        (lambda: _saved(COLOUR, "BMP"), "x.bmp", True),
        (lambda: _saved(COLOUR, "GIF"), "x.gif", True),
        (lambda: _saved(COLOUR, "TIFF", compression="tiff_lzw"), "x.tiff", True),
        (lambda: _saved(GRAY, "TIFF"), "x.tif", True),
        (lambda: _saved(COLOUR, "WEBP", lossless=True), "x.webp", True),
        (lambda: _saved(COLOUR, "PPM"), "x.ppm", True),
        (lambda: _saved(GRAY, "PPM"), "x.pgm", True),
        (lambda: _saved(COLOUR, "PNG"), "misnamed.jpg", True),
    ],
)
def test_every_mode_and_format_is_read(tmp_path: Path, make: Callable[[], bytes], name: str, exact: bool) -> None:
    path = _file(tmp_path, make(), name)
    assert measured(path) == (3, 4)
    pixels = decoded(path, 3, 4)
    expected = np.asarray(GRAY if pixels.shape[2] == 1 else COLOUR).reshape(pixels.shape).astype(int)
    if exact:
        assert (pixels == expected).all()
    else:
        assert np.corrcoef(pixels.ravel(), expected.ravel())[0, 1] > 0.8


def test_gray_modes_have_one_channel_and_the_others_three(tmp_path: Path) -> None:
    for image, channels in (
        (GRAY, 1),
        (GRAY.convert("1"), 1),
        (GRAY.convert("LA"), 1),
        (COLOUR, 3),
        (GRAY.quantize(9), 3),
    ):
        assert decoded(_file(tmp_path, _saved(image, "PNG")), 3, 4).shape == (3, 4, channels)


def test_cmyk_becomes_the_colour_that_it_prints(tmp_path: Path) -> None:
    cyan = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    for data, name in ((_saved(cyan, "TIFF"), "x.tif"), (_saved(cyan, "JPEG", quality=100), "x.jpg")):
        red, green, blue = decoded(_file(tmp_path, data, name), 8, 8)[4, 4].astype(int)
        assert (red < 10, green > 245, blue > 245) == (True, True, True)


def test_transparent_pixels_are_white(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (2, 1), (10, 20, 30, 255))
    clear.putpixel((1, 0), (0, 0, 0, 0))
    assert decoded(_file(tmp_path, _saved(clear, "PNG")), 1, 2)[0].tolist() == [[10, 20, 30], [255, 255, 255]]
    half = Image.new("LA", (1, 1), (0, 51))
    assert decoded(_file(tmp_path, _saved(half, "PNG")), 1, 1)[0].tolist() == [[204]]
    palette = COLOUR.quantize(4)
    palette.info["transparency"] = int(np.asarray(palette)[0, 0])
    assert decoded(_file(tmp_path, _saved(palette, "PNG")), 3, 4)[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("form", ["GIF", "WEBP", "TIFF", "PNG"])
def test_of_several_frames_the_first_is_read(tmp_path: Path, form: str) -> None:
    frames = [Image.new("RGB", (4, 3), colour) for colour in ((200, 10, 10), (10, 200, 10), (10, 10, 200))]
    options = {"lossless": True} if form == "WEBP" else {}
    path = _file(tmp_path, _saved(frames[0], form, save_all=True, append_images=frames[1:], **options))
    assert decoded(path, 3, 4)[1, 1].tolist() == [200, 10, 10]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_images_stand_upright_by_their_orientation(tmp_path: Path, orientation: int, form: str) -> None:
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:8, :16] = 255  # the top left quarter
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if form == "JPEG" else {"lossless": True} if form == "WEBP" else {}
    path = _file(tmp_path, _saved(Image.fromarray(pixels), form, exif=exif, **options))
    height, width = measured(path)
    assert (height, width) == ((32, 16) if orientation >= 5 else (16, 32))
    read = decoded(path, height, width)[..., 0] > 128
    # TIFF 6.0, tag 274: where row 0 and column 0 of the file are when the image stands upright.
    top = orientation in (1, 2, 5, 6)
    left = orientation in (1, 4, 5, 8)
    corner = read[0 if top else -1, 0 if left else -1]
    assert corner
    assert abs(read.mean() - 0.25) < 0.05


@pytest.mark.filterwarnings("ignore")  # Pillow remarks on it; image_folder does not listen
def test_broken_exif_turns_nothing(tmp_path: Path) -> None:
    path = _file(tmp_path, _saved(GRAY, "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff"), "x.jpg")
    assert decoded(path, 3, 4).shape == (3, 4, 1)


def test_another_size_is_a_bilinear_resize(tmp_path: Path) -> None:
    large = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8))
    path = _file(tmp_path, _saved(large, "PNG"))
    expected = np.asarray(large.resize((8, 8), Image.Resampling.BILINEAR))
    assert (decoded(path, 8, 8) == expected).all()


def test_a_large_jpeg_read_small_is_close_to_one_read_whole(tmp_path: Path) -> None:
    x = np.linspace(0, 6, 600)
    waves = (127 + 120 * np.sin(x)[:, None] * np.cos(x)[None, :]).astype(np.uint8)
    path = _file(tmp_path, _saved(Image.fromarray(waves), "JPEG", quality=95), "x.jpg")
    expected = np.asarray(Image.fromarray(waves).resize((16, 16), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(decoded(path, 16, 16)[..., 0] - expected).max() <= 3


WHOLE = _saved(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)), "PNG")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty file"),
        (b"hello", "not an image, or damaged at its head"),
        (b"<html></html>", "not an image, or damaged at its head"),
        (WHOLE[:20], "Truncated"),
        (WHOLE[: len(WHOLE) // 2], "truncated"),
        (WHOLE[:1000] + b"\xff" * 50 + WHOLE[1050:], "when reading image file"),
        (_saved(COLOUR.resize((64, 64)), "JPEG")[:400], ""),
        (_saved(COLOUR, "GIF")[:30], ""),
        (_png(20_000, 20_000, 8, 0, b""), "more than 178,956,970 pixels"),
        (b"P5 99999 99999 255\n", "more than 178,956,970 pixels"),
        (b"BM" + bytes(60), ""),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image, or damaged at its head"),
        (_saved(GRAY.resize((16, 16)), "ICO"), "not an image, or damaged at its head"),
        (b"Pf\n1 1\n-1.0\n" + struct.pack("<f", 0.5), "floating-point pixels"),
        (_saved(Image.fromarray(np.array([[70_000]], np.int32)), "TIFF"), "gray values from 70,000 to 70,000"),
    ],
    ids=lambda value: repr(value[:12]) if isinstance(value, bytes) else "",
)
@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_read_is_told_in_a_few_words(tmp_path: Path, data: bytes, words: str) -> None:
    path = _file(tmp_path, data)
    with pytest.raises(UnreadableError, match=re.escape(words)) as caught:
        decoded(path, 8, 8)
    assert str(caught.value)
    assert "\n" not in str(caught.value)


def test_links_folders_and_pipes_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(tmp_path / "nothing")
    (tmp_path / "ring.png").symlink_to(tmp_path / "ring.png")
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    for name, words in {
        "link.png": "broken link",
        "ring.png": "too many levels of symbolic links",
        "folder.png": "not a regular file",
        "pipe.png": "not a regular file",
    }.items():
        with pytest.raises(UnreadableError, match=words):
            decoded(tmp_path / name, 8, 8)


def test_the_cap_on_pixels_holds_without_pillows_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_decode, "LARGEST_PIXELS", 11)
    with pytest.raises(UnreadableError, match="more than 11 pixels"):
        measured(_file(tmp_path, _saved(GRAY, "PNG")))


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=150, deadline=None)
@given(form=st.sampled_from(["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM"]), data=st.data())
def test_a_damaged_file_is_read_or_refused_but_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, form: str, data: st.DataObject
) -> None:
    file = bytearray(_saved(COLOUR, form))
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    path = _file(tmp_path_factory.getbasetemp(), bytes(file), "damaged.png")
    try:
        assert decoded(path, 5, 6).shape[:2] == (5, 6)
    except UnreadableError as reason:
        assert str(reason)

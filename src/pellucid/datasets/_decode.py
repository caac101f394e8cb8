"""One image file as bytes of gray or colour, whatever its format and mode."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image as Pillow

#: The only formats that Pillow is asked to read, and the endings of their files.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
ENDINGS = frozenset((
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp",
    ".ppm", ".pgm", ".pbm", ".pnm",
))  # fmt: skip
#: More pixels than this are refused before any is read (Pillow's own limit).
LARGEST_PIXELS = 178_956_970

_ORIENTATION = 0x0112
#: EXIF orientations that turn the image by a quarter, so that height and width change places.
_QUARTER_TURNS = frozenset({5, 6, 7, 8})


class UnreadableError(Exception):
    """Why a file is no image that can be read, in a few words."""


def measured(path: Path) -> tuple[int, int]:
    """Height and width as shown, read from the head of the file. Raises UnreadableError."""
    with _opened(path) as image:
        # Pillow turns TIFF by itself when it loads, and tells the size after that.
        turned = image.format != "TIFF" and _orientation(image) in _QUARTER_TURNS
        width, height = image.size[::-1] if turned else image.size
        return height, width


def decoded(path: Path, height: int, width: int) -> NDArray[np.uint8]:
    """uint8 H W 1 for modes of gray, H W 3 for all others, at `height` x `width` (bilinear, averaged when shrunk).

    The first frame, upright by its EXIF orientation, on white where it is transparent; 16 bits of gray become 8 by
    ``round(v / 257)``. Raises UnreadableError.
    """
    from PIL import Image

    with _opened(path) as image:
        try:
            # Lets JPEG decode at a half, a quarter or an eighth where that is still four times what is asked for.
            image.draft(None, (4 * width, 4 * height))
            image.load()
            plain = _upright(_plain(image), _orientation(image))
            if plain.size != (width, height):
                plain = plain.resize((width, height), Image.Resampling.BILINEAR)
            return np.asarray(plain, np.uint8).reshape(height, width, -1)
        except UnreadableError:
            raise
        except Exception as error:
            raise UnreadableError(_words(error)) from None


def _opened(path: Path) -> Pillow.Image:
    """The file's image, head read, size checked."""
    from PIL import Image, UnidentifiedImageError

    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError("not a regular file")
        if not status.st_size:
            raise UnreadableError("empty file")
        image = Image.open(path, formats=FORMATS)
    except UnreadableError:
        raise
    except UnidentifiedImageError:
        raise UnreadableError("not an image, or damaged at its head") from None
    except Image.DecompressionBombError:
        raise UnreadableError(_too_large()) from None
    except FileNotFoundError:
        raise UnreadableError("broken link" if path.is_symlink() else "no such file") from None
    except Exception as error:  # Pillow's readers raise many kinds on files made to mislead them
        raise UnreadableError(_words(error)) from None
    if image.width * image.height > LARGEST_PIXELS:
        image.close()
        raise UnreadableError(_too_large())
    return image


def _too_large() -> str:
    return f"more than {LARGEST_PIXELS:,} pixels"


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return " ".join(str(error).split()) or type(error).__name__


def _plain(image: Pillow.Image) -> Pillow.Image:
    """Mode L or RGB."""
    from PIL import Image

    gray = image.mode in ("1", "L", "LA", "La") or image.mode.startswith("I")
    if image.mode.startswith("I"):
        return Image.fromarray(_eight_bits(np.asarray(image)))
    if image.mode == "F":
        raise UnreadableError("floating-point pixels, whose black and white are unknown")
    if image.has_transparency_data:
        colour = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", colour.size, "white"), colour)
    if gray:
        return image.convert("RGB").getchannel(0) if image.mode == "RGBA" else image.convert("L")
    return image.convert("RGB")


def _eight_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65_535:
        raise UnreadableError(f"gray values from {low:,} to {high:,}, expected 0 to 65,535")
    return ((values.astype(np.int64) + 128) // 257).astype(np.uint8)


def _orientation(image: Pillow.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # EXIF that cannot be read turns nothing
        return 1


def _upright(image: Pillow.Image, orientation: int) -> Pillow.Image:
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image.transpose(turns[orientation]) if orientation in turns else image

"""How a page stays light: what says nothing new goes first, then photographs lose what eyes miss least."""

from __future__ import annotations

import base64
import io
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

#: Bytes beyond which a page is made lighter, and those that no page should have.
HEAVY, LIMIT = 7_000_000, 8_000_000
#: Of a page beyond HEAVY: quality of its photographs as JPEG, pixels of their longer side, bytes that are worth it.
FIRST = (85, 100_000, 4_000)
#: The same of a page that is beyond LIMIT still, one after another until it is not.
STEPS = ((70, 512, 4_000), (60, 256, 4_000), (50, 128, 2_000), (40, 64, 1_000))
#: Sections that a note on a heavy page names.
NAMED = 3
_PNG = re.compile('(class="sprite" src=")?data:image/png;base64,([A-Za-z0-9+/=]+)')
_SECTION = re.compile('<section class="section" id="([^"]*)".*?</section>', re.DOTALL)
_SMALLER = {
    "run": "For a smaller file: --format md, whose pictures lie beside the text.",
    "runs": "For a smaller file name fewer runs, or --format md, whose pictures lie beside the text.",
    "study": "For a smaller file name some of the study's runs, or --format md, whose pictures lie beside the text.",
}


def lightened(page: str, *, printed: bool = False) -> str:
    """The page, where it is heavy without the drawings of its charts, then with its photographs as ever smaller JPEG.

    printed: it goes to paper, where photographs keep their size.
    """
    if _size(page) > HEAVY:
        # drawings for readers without scripts say nothing that the charts do not
        page = re.sub("<noscript>.*?</noscript>", "", page, flags=re.DOTALL)
    if _size(page) <= HEAVY:
        return page
    found = _PNG.sub(partial(_jpeg, *FIRST), page)
    for step in () if printed else STEPS:
        if _size(found) <= LIMIT:
            break
        found = _PNG.sub(partial(_jpeg, *step), page)
    return found


def note(path: Path, kind: str) -> str | None:
    """What to tell of a page that was written and is too large still; None of others. kind: see `Document`."""
    if path.suffix.lower() != ".html" or path.stat().st_size <= LIMIT:
        return None
    sizes = {one[1]: _size(one[0]) for one in _SECTION.finditer(path.read_text(encoding="utf-8"))}
    largest = sorted(sizes, key=lambda key: -sizes[key])[:NAMED]
    told = ", ".join(f"{key} ({sizes[key] / 1e6:.1f} MB)" for key in largest)
    return (
        f"{path}: expected at most {LIMIT / 1e6:g} MB, found {path.stat().st_size / 1e6:.1f} MB with its photographs "
        f"as small as they get; the largest sections are {told}. It is written and whole. {_SMALLER[kind]}"
    )


def _size(page: str) -> int:
    return len(page.encode())


def _jpeg(quality: int, side: int, least: int, found: re.Match[str]) -> str:
    """A photograph's PNG as JPEG; pictures of few bytes, and those that JPEG does not halve, keep every pixel.

    A sheet of many small images (the sprite behind a matrix) keeps its size: its tiles are cut out by their places.
    """
    from PIL.Image import open as opened

    data = base64.b64decode(found[2])
    if len(data) < least:
        return found[0]
    picture = opened(io.BytesIO(data), formats=["PNG"]).convert("RGB")
    made = _encoded(picture, quality)
    if len(made) > len(data) / 2:
        return found[0]
    if not found[1] and max(picture.size) > side:
        picture.thumbnail((side, side))
        made = _encoded(picture, quality)
    return f"{found[1] or ''}data:image/jpeg;base64,{base64.b64encode(made).decode()}"


def _encoded(picture: Image, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()

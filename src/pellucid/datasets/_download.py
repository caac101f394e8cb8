"""Published files from mirrors, verified by SHA-256 before anything else sees them.

A cut download stays beside its place as ``NAME.part`` and is continued; a mirror that fails, answers with a page or
with other bytes is passed over to the next. Nothing unverified ever carries the file's own name.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.datasets._progress import Progress
from pellucid.errors import DataError

#: Seconds to wait for a connection, and for the next bytes.
TIMEOUT_S = (10.0, 30.0)
#: How often one mirror may be asked to go on after a cut.
CONTINUATIONS = 3
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class Published:
    """A file of a public data set: its name, bytes, SHA-256, and the folders (URLs ending in /) that hold it."""

    name: str
    size: int
    sha256: str
    mirrors: tuple[str, ...]


class _RefusedError(Exception):
    """What a mirror gave is not the file, in a few words."""


class _CutError(Exception):
    """The connection ended before the file did."""


def fetch(published: Published, *, folder: Path) -> Path:
    """Downloads the file into `folder` from the first mirror that has it. Returns its path.

    Of several processes that ask at once one downloads, the others wait for it. Raises DataError, with what each
    mirror answered, if none has it, and at once if it cannot be written.
    """
    from filelock import FileLock

    by_hand = f"Or put the file in place yourself: PELLUCID_DATA=DIR with DIR/{folder.name}/{published.name}."
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{published.name}.lock"):
            path, answers = _from_mirrors(published, folder)
    except OSError as error:
        raise DataError(
            f"{folder}: expected to write {published.name} ({published.size:,} bytes) there, found "
            f"{error.strerror or error}. Make room or set another cache folder (XDG_CACHE_HOME). {by_hand}"
        ) from None
    if path is None:
        raise DataError(
            f"{published.name}: expected it at one of {len(published.mirrors)} mirrors, found it at none "
            f"({'; '.join(answers)}). Check the connection and try again. {by_hand}"
        )
    return path


def _from_mirrors(published: Published, folder: Path) -> tuple[Path | None, list[str]]:
    """The file's path, or None, and what the mirrors answered that do not have it."""
    import pooch

    pooch.get_logger().setLevel(logging.WARNING)
    download = _Download(published, folder / f"{published.name}.part")
    answers: list[str] = []
    for mirror in published.mirrors:
        url = mirror + published.name
        for resumed in (download.part.exists(), False):
            try:
                sha256 = f"sha256:{published.sha256}"
                return Path(pooch.retrieve(url, sha256, published.name, folder, downloader=download)), answers
            except (_RefusedError, _CutError) as problem:
                answers.append(f"{url}: {problem}")
            except ValueError:  # pooch's word for a wrong checksum; it has removed the file
                answers.append(f"{url}: other bytes than published (wrong SHA-256)")
                if resumed:  # what was there before may be to blame: once more, from the start
                    continue
            break
    return None, answers


class _Download:
    """What pooch calls to get a file: continues the part, and gives it up only whole."""

    def __init__(self, published: Published, part: Path) -> None:
        self._published, self.part = published, part

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        for attempt in range(1 + CONTINUATIONS):
            before = self._have()
            try:
                self._stream(url)
                break
            except _CutError:
                if not self._have():
                    self.part.unlink(missing_ok=True)
                if attempt == CONTINUATIONS or self._have() <= before:
                    raise
        self.part.replace(output_file)

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _stream(self, url: str) -> None:
        """Adds what is missing to the part. Raises _RefusedError or _CutError."""
        import requests

        have, size = self._have(), self._published.size
        if have == size:
            return
        if have > size:
            self.part.unlink()
            have = 0
        # As it is: a server that packs or unpacks .gz on the way would give other bytes than those published.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        try:
            response = requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S)
        except requests.RequestException as error:
            raise _RefusedError(_reason(error)) from None
        with response:
            have = self._checked(response, have)
            progress = Progress(self._published.name, size, "MB", scale=1_000_000)
            try:
                with self.part.open("ab" if have else "wb") as file:
                    for chunk in _chunks(response):
                        have += len(chunk)
                        if have > size:
                            break
                        file.write(chunk)
                        progress.update(have)
            finally:
                progress.close()
        if have > size:
            self.part.unlink()
            raise _RefusedError(f"more than the {size:,} bytes published")
        if have < size:
            raise _CutError(f"cut after {have:,} of {size:,} bytes")

    def _checked(self, response: Any, have: int) -> int:
        """Where the answer's bytes begin in the file. Raises _RefusedError for an answer that is not the file."""
        status, headers = response.status_code, response.headers
        if status not in (200, 206):
            raise _RefusedError(f"{status} {response.reason}")
        if headers.get("Content-Type", "").startswith("text/html"):
            raise _RefusedError("a page instead of the file")
        if status == 206 and not headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise _RefusedError("another part of the file than asked for")
        start = have if status == 206 else 0
        announced = headers.get("Content-Length", "")
        if announced.isdigit() and start + int(announced) != self._published.size:
            raise _RefusedError(f"{start + int(announced):,} bytes instead of {self._published.size:,}")
        return start


def _chunks(response: Any) -> Iterator[bytes]:
    """The answer's bytes as sent, until they end or the connection does."""
    from urllib3.exceptions import HTTPError

    stream = response.raw.stream(_CHUNK_BYTES, decode_content=False)
    while True:
        try:
            chunk = next(stream, None)
        except (HTTPError, OSError):
            return
        if chunk is None:
            return
        yield chunk


def _reason(error: Exception) -> str:
    """A few words for what requests raised."""
    import requests

    for kind, words in (
        (requests.Timeout, "no answer in time"),
        (requests.TooManyRedirects, "redirects without end"),
        (requests.exceptions.ProxyError, "the proxy refused"),
        (requests.exceptions.SSLError, "no valid certificate"),
        (requests.ConnectionError, "no connection"),
    ):
        if isinstance(error, kind):
            return words
    return type(error).__name__

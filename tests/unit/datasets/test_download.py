"""Downloads against a server on this machine that answers in every wrong way."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep
from typing import Any, ClassVar

import numpy as np
import pytest

from pellucid.datasets import _download
from pellucid.datasets._download import Published, fetch
from pellucid.errors import DataError

NAME = "x-ubyte.gz"
CONTENT = np.random.default_rng(0).bytes(300_000)
WRONG = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])


class Server:
    """A mirror a folder: what is asked of ``/NAME/...`` is answered by the way of that name."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.ways: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version: ClassVar[str] = "HTTP/1.1"

            def do_GET(self) -> None:
                mirror = self.path.split("/")[1]
                server.asked.append((mirror, self.headers.get("Range")))
                self.close_connection = True
                server.ways[mirror](self)

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def published(self, *mirrors: str, size: int = len(CONTENT)) -> Published:
        sha256 = hashlib.sha256(CONTENT).hexdigest()
        return Published(NAME, size, sha256, tuple(self.url(mirror) for mirror in mirrors))

    def url(self, mirror: str) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/{mirror}/"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


def names(folder: Path) -> list[str]:
    """Files in a folder but the lock, which is empty and hidden."""
    return [path.name for path in folder.iterdir() if path.suffix != ".lock"]


def send(
    request: BaseHTTPRequestHandler, body: bytes, *, status: int = 200, announced: int | None = None, **headers: str
) -> None:
    request.send_response(status)
    request.send_header("Content-Length", str(len(body) if announced is None else announced))
    for name, value in {"Connection": "close", **headers}.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)
    request.wfile.flush()


def whole(request: BaseHTTPRequestHandler) -> None:
    """The file, or the rest of it where a range is asked for."""
    wanted = request.headers.get("Range")
    start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
    if start:
        send(request, CONTENT[start:], status=206, Content_Range=f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
    else:
        send(request, CONTENT)


def cut(request: BaseHTTPRequestHandler) -> None:
    """At most 100,000 bytes of what is asked for, then the connection ends."""
    wanted = request.headers.get("Range")
    start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
    rest = CONTENT[start:]
    send(
        request,
        rest[:100_000],
        status=206 if start else 200,
        announced=len(rest),
        Content_Range=f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}",
    )


def cut_without_ranges(request: BaseHTTPRequestHandler) -> None:
    send(request, CONTENT[:100_000], announced=len(CONTENT))


def redirected_for_ever(request: BaseHTTPRequestHandler) -> None:
    send(request, b"", status=302, Location=request.path)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(variable, "127.0.0.1")
    made = Server()
    made.ways = {
        "good": whole,
        "cut": cut,
        "cut_without_ranges": cut_without_ranges,
        "forbidden": lambda request: send(request, b"no", status=403),
        "gone": lambda request: send(request, b"no", status=404),
        "broken": lambda request: send(request, b"no", status=500),
        "page": lambda request: send(request, b"<html>Log in", Content_Type="text/html; charset=utf-8"),
        "plain_page": lambda request: send(request, b"<html>Log in", Content_Type="text/plain"),
        "wrong": lambda request: send(request, WRONG),
        "wrong_range": lambda request: send(
            request, CONTENT[5:], status=206, announced=len(CONTENT) - 5, Content_Range="bytes 5-299999/300000"
        ),
        "loop": redirected_for_ever,
        "elsewhere": lambda request: send(request, b"", status=302, Location=made.url("good") + NAME),
    }
    yield made
    made.close()


def test_a_file_comes_whole_and_under_its_name(server: Server, tmp_path: Path) -> None:
    path = fetch(server.published("good"), folder=tmp_path / "mnist")
    assert path == tmp_path / "mnist" / NAME
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == [NAME]


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("forbidden", "403 Forbidden"),
        ("gone", "404 Not Found"),
        ("broken", "500 Internal Server Error"),
        ("page", "a page instead of the file"),
        ("plain_page", "12 bytes instead of 300,000"),
        ("wrong", "other bytes than published (wrong SHA-256)"),
        ("wrong_range", "another part of the file than asked for"),
        ("loop", "redirects without end"),
        ("cut_without_ranges", "cut after 100,000 of 300,000 bytes"),
    ],
)
def test_a_mirror_that_fails_is_passed_over(server: Server, tmp_path: Path, way: str, words: str) -> None:
    assert fetch(server.published(way, "good"), folder=tmp_path / "a").read_bytes() == CONTENT
    assert names(tmp_path / "a") == [NAME]
    with pytest.raises(DataError) as caught:
        fetch(server.published(way), folder=tmp_path / "b")
    assert f"{server.url(way)}{NAME}: {words}" in str(caught.value)
    left = names(tmp_path / "b")
    assert left == ([f"{NAME}.part"] if way.startswith("cut") else []), "only a part to continue may stay"


def test_a_cut_download_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    assert fetch(server.published("cut"), folder=tmp_path).read_bytes() == CONTENT
    assert server.asked == [("cut", None), ("cut", "bytes=100000-"), ("cut", "bytes=200000-")]


def test_the_next_mirror_goes_on_with_the_part_of_the_last(server: Server, tmp_path: Path) -> None:
    fetch(server.published("cut_without_ranges", "good"), folder=tmp_path)
    assert server.asked[-1] == ("good", "bytes=100000-")


def test_the_part_of_an_earlier_command_is_continued(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:299_999])
    assert fetch(server.published("good"), folder=tmp_path).read_bytes() == CONTENT
    assert server.asked == [("good", "bytes=299999-")]


def test_a_part_that_was_whole_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT)
    assert fetch(server.published("good"), folder=tmp_path).read_bytes() == CONTENT
    assert server.asked == []


@pytest.mark.parametrize("part", [b"\x00" * 1000, WRONG, CONTENT + b"\x00"], ids=["other", "whole", "longer"])
def test_a_part_of_something_else_is_thrown_away_once(server: Server, tmp_path: Path, part: bytes) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(part)
    assert fetch(server.published("good"), folder=tmp_path).read_bytes() == CONTENT
    assert server.asked[-1] == ("good", None)
    assert len(server.asked) <= 2
    assert names(tmp_path) == [NAME]


def test_a_redirect_is_followed(server: Server, tmp_path: Path) -> None:
    assert fetch(server.published("elsewhere"), folder=tmp_path).read_bytes() == CONTENT


def test_a_server_that_stops_sending_is_given_up(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_download, "TIMEOUT_S", (0.3, 0.3))
    released = threading.Event()

    def stalled(request: BaseHTTPRequestHandler) -> None:
        send(request, CONTENT[:1000], announced=len(CONTENT))
        released.wait(10)

    server.ways["stalled"] = stalled
    server.ways["silent"] = lambda request: released.wait(10) and None  # type: ignore[func-returns-value]
    start = monotonic()
    try:
        assert fetch(server.published("silent", "stalled", "good"), folder=tmp_path).read_bytes() == CONTENT
        with pytest.raises(DataError, match="no answer in time"):
            fetch(server.published("silent"), folder=tmp_path / "b")
        assert monotonic() - start < 4
    finally:
        released.set()


def test_a_server_that_sends_without_end_is_stopped(server: Server, tmp_path: Path) -> None:
    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            for _ in range(10_000):
                request.wfile.write(bytes(100_000))
        except OSError:
            pass

    server.ways["endless"] = endless
    with pytest.raises(DataError, match="more than the 300,000 bytes published"):
        fetch(server.published("endless"), folder=tmp_path)
    assert not names(tmp_path)


def test_a_file_packed_on_the_way_is_not_unpacked(server: Server, tmp_path: Path) -> None:
    def packed(request: BaseHTTPRequestHandler) -> None:
        assert request.headers["Accept-Encoding"] == "identity"
        send(request, CONTENT, Content_Encoding="gzip")

    server.ways["packed"] = packed
    assert fetch(server.published("packed"), folder=tmp_path).read_bytes() == CONTENT


def test_without_a_connection_one_paragraph_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(variable, "127.0.0.1")
    published = Published(NAME, 3, "0" * 64, ("http://127.0.0.1:9/a/", "http://127.0.0.1:9/b/"))
    with pytest.raises(DataError) as caught:
        fetch(published, folder=tmp_path / "mnist")
    text = str(caught.value)
    assert "\n" not in text
    assert "found it at none (http://127.0.0.1:9/a/x-ubyte.gz: no connection; http://127.0.0.1:9/b/" in text
    assert "Check the connection and try again." in text
    assert f"PELLUCID_DATA=DIR with DIR/mnist/{NAME}" in text
    assert not names(tmp_path / "mnist")


def test_a_folder_that_cannot_be_written_stops_at_once(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="expected to write x-ubyte"):
        fetch(server.published("good", "good"), folder=tmp_path / "file" / "mnist")
    assert server.asked == []


def test_a_full_disk_stops_at_once(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, done: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_download.Progress, "update", full)
    with pytest.raises(DataError, match="300,000 bytes\\) there, found No space left on device"):
        fetch(server.published("good", "good"), folder=tmp_path)
    assert len(server.asked) == 1


def test_published_sums_are_sha256_and_sizes_positive() -> None:
    from pellucid.datasets import cifar10, fashion_mnist, mnist

    published = [*mnist._FILES, *fashion_mnist._FILES, cifar10._ARCHIVE]
    assert len({file.sha256 for file in published}) == 9
    for file in published:
        assert len(bytes.fromhex(file.sha256)) == 32
        assert file.size > 4000
        assert all(mirror.endswith("/") for mirror in file.mirrors)


def test_of_several_that_ask_at_once_one_downloads(server: Server, tmp_path: Path) -> None:
    def slow(request: BaseHTTPRequestHandler) -> None:
        sleep(0.2)
        whole(request)

    server.ways["slow"] = slow
    published = server.published("slow")
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: fetch(published, folder=tmp_path), range(4)))
    assert {path.read_bytes() for path in paths} == {CONTENT}
    assert len(server.asked) == 1

"""The port and the address."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pellucid.app.server import Server
from pellucid.errors import UsageError


def test_a_busy_port_is_told_and_without_one_the_next_is_taken() -> None:
    with Server(port=0) as first, pytest.raises(UsageError, match=rf"port {first.port}: expected a free one"):
        Server(port=first.port)
    with Server() as one, Server() as two:
        assert one.port != two.port


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"host": "192.0.2.1"}, "expected an address of this machine"),
        ({"host": "no such host"}, "cannot"),
        ({"token": "short"}, "expected 16 characters"),
    ],
)
def test_what_cannot_be_served_is_told(options: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Server(port=0, **options)  # type: ignore[arg-type]


def test_a_file_is_no_folder_of_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="found a file"):
        Server(tmp_path / "file", port=0)


def test_the_address_holds_a_fresh_token_and_only_this_machine_is_local() -> None:
    with Server(port=0) as one, Server(port=0) as two:
        assert one.address.startswith(f"http://127.0.0.1:{one.port}/enter?token=")
        assert one.address.partition("=")[2] != two.address.partition("=")[2] and one.local
    with Server(port=0, host="0.0.0.0", token="a/b c" * 5) as wide:
        assert not wide.local and "a%2Fb%20c" in wide.address
        assert socket.gethostname().lower() in wide._names()


def test_ctrl_c_ends_the_server_with_its_stream_open(tmp_path: Path) -> None:
    import http.client

    process = subprocess.Popen(
        [sys.executable, "-m", "pellucid", "serve", str(tmp_path), "--port", "0", "--no-open", "--token", "t" * 20],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )
    assert process.stderr is not None
    lines = [process.stderr.readline() for _ in range(3)]
    port = int(lines[1].partition("127.0.0.1:")[2].partition("/")[0])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)  # the port is there, the app soon
    connection.request("GET", f"/enter?token={'t' * 20}")
    cookie = connection.getresponse().getheader("set-cookie")
    stream = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    stream.request("GET", "/events?list=1", headers={"cookie": str(cookie).partition(";")[0]})
    assert stream.getresponse().status == 200
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    rest = process.stderr.read()
    for one in (process.stderr, stream, connection):
        one.close()
    assert "Traceback" not in rest

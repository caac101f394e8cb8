"""The port and the address."""

from __future__ import annotations

import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import pytest
from serving import serving
from waiting import until

from pellucid.app.library import BusyError, Library
from pellucid.app.server import Server
from pellucid.errors import UsageError
from pellucid.storage.run_folder import RunFolder


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
        assert {socket.gethostname().lower(), "0.0.0.0"} <= wide._names()


def test_a_server_at_every_address_answers_under_the_one_that_was_asked(tmp_path: Path) -> None:
    from pellucid.app.safety import Safety

    def answer(host: str, came_in_at: str, listening: str) -> int | None:
        headers = [(b"host", host.encode())]
        scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers,
                 "scheme": "http", "server": (came_in_at, 8000)}  # fmt: skip
        found = Safety(lambda *_: None, door=None, hosts={listening})._answer(scope)  # type: ignore[arg-type]
        return found.status_code if found is not None else None

    assert answer("192.168.1.5:8000", "192.168.1.5", "0.0.0.0") is None
    assert answer("192.168.1.5:8000", "::ffff:192.168.1.5", "::") is None
    assert answer("[fe80::1]:8000", "fe80::1", "::") is None
    assert answer("evil.example:8000", "192.168.1.5", "0.0.0.0") == 421
    assert answer("192.168.1.5:8000", "192.168.1.5", "127.0.0.1") == 421


@pytest.mark.parametrize("how", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM,), (signal.SIGHUP,)])
def test_however_the_server_is_ended_the_training_saves_its_state_and_the_waiting_are_told(
    tmp_path: Path, how: tuple[signal.Signals, ...]
) -> None:
    with serving(tmp_path) as app:
        process = app.process
        assert process.stderr is not None
        with httpx.Client(base_url=app.address, headers={"origin": app.address}, timeout=60) as client:
            client.get(app.door)
            for seed in (0, 1):
                form = {"network": "mlp", "data": "digits", "epochs": "100000", "seed": str(seed)}
                assert client.post("/train", data=form).status_code == 303
            with client.stream("GET", "/events?list=1") as stream:  # keeps the server's grace running
                assert stream.status_code == 200
                until(lambda: any(tmp_path.glob("mlp-*/metrics.jsonl")))
                for one in how:
                    process.send_signal(one)
                    time.sleep(0.3)
                told = process.stderr.read()
        process.wait(60)
    (run,) = tmp_path.glob("mlp-*")
    assert [event["event"] for event in RunFolder.open(tmp_path, run.name).events()][-1] == "interrupted"
    assert "--seed 1" in told and "Traceback" not in told


def test_what_is_computed_waits_for_what_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import anyio

    done: list[str] = []
    monkeypatch.setattr(Library, "warm", lambda self: done.append("imported"))
    with ThreadPoolExecutor(1) as pool:  # in this thread the browser of other tests may have its own loop
        pool.submit(anyio.run, Library(tmp_path).compute, done.append, "computed").result()
    assert done == ["imported", "computed"]


def test_what_nobody_waits_for_leaves_the_line(tmp_path: Path) -> None:
    import anyio

    done: list[int] = []
    go = threading.Event()

    def work(number: int) -> None:
        done.append(number)
        assert go.wait(60)

    def refuse() -> None:
        raise UsageError("as it is")

    async def all_of_them() -> None:
        library, left = Library(tmp_path), anyio.Event()

        class Asking:
            """A request whose browser leaves when it is told to, or never."""

            def __init__(self, *, leaves: bool) -> None:
                self.leaves = leaves

            async def receive(self) -> dict[str, str]:
                await (left.wait() if self.leaves else anyio.sleep_forever())
                return {"type": "http.disconnect"}

        async def one(number: int, *, leaves: bool) -> None:
            with suppress(BusyError):
                await library.draw(Asking(leaves=leaves), work, number)  # type: ignore[arg-type]

        async def waiting(count: int) -> None:
            with anyio.fail_after(60):
                while library._waiting != count:
                    await anyio.sleep(0.01)

        async with anyio.create_task_group() as group:
            for number in range(41):
                group.start_soon(partial(one, number, leaves=1 < number < 40))
                await waiting(number + 1)
            left.set()
            await waiting(3)
            go.set()
        with pytest.raises(UsageError, match="as it is"):
            await library.draw(Asking(leaves=False), refuse)  # type: ignore[arg-type]

    with ThreadPoolExecutor(1) as pool:  # in this thread the browser of other tests may have its own loop
        pool.submit(anyio.run, all_of_them).result()
    assert sorted(done) == [0, 1, 40]


def test_ctrl_c_ends_the_server_with_its_stream_open(tmp_path: Path) -> None:
    with serving(tmp_path) as app, httpx.Client(base_url=app.address, timeout=60) as client:
        client.get(app.door)
        with client.stream("GET", "/events?list=1") as stream:
            assert stream.status_code == 200
            assert "Traceback" not in app.stop()

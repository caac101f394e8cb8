"""The app on a port of this machine."""

from __future__ import annotations

import errno
import ipaddress
import secrets
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final

from pellucid.app.safety import EVERY_ADDRESS, LOCAL_HOSTS
from pellucid.errors import UsageError
from pellucid.storage.runs_root import runs_root

#: The port that is tried first, and how many after it.
FIRST_PORT: Final = 8000
PORTS: Final = 20
#: Characters of a token of the user's own, at least.
TOKEN_LENGTH: Final = 16
#: Seconds that open requests have to end when the server is stopped.
GRACE_SECONDS: Final = 1


class Server:
    """A port that is taken, and the app that answers on it; use it as a context.

    folder: of runs, as `runs_root` has it. port: None takes the first free one from 8000 on, 0 any. token: opens as
    often as it is shown; None makes one that opens once.

    Raises UsageError for a port that is busy, a host that is not this machine's and a token that is too short.
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        *,
        host: str = "127.0.0.1",
        port: int | None = None,
        token: str | None = None,
    ) -> None:
        if token is not None and len(token) < TOKEN_LENGTH:
            raise UsageError(
                f"token: expected {TOKEN_LENGTH} characters or more, found {len(token)}. Leave it out for a new one."
            )
        self.root = runs_root(folder)
        if self.root.exists() and not self.root.is_dir():
            raise UsageError(f"{self.root}: expected a folder of runs, found a file.")
        self._token, self._lasting = token or secrets.token_urlsafe(24), token is not None
        self._socket = _listening(host, port)
        self.host, self.port = host, int(self._socket.getsockname()[1])
        self.local = _is_local(host)

    @property
    def address(self) -> str:
        """What opens the app in a browser."""
        from urllib.parse import quote

        name = f"[{self.host}]" if ":" in self.host else self.host
        if self.host in EVERY_ADDRESS:
            name = _outward() or socket.gethostname()
        return f"http://{name}:{self.port}/enter?token={quote(self._token, safe='')}"

    def run(self, *, browse: bool = False) -> list[str]:
        """Answers until Ctrl-C; the commands of trainings that still waited then. browse: opens the browser.

        Trainings that run are stopped as by Ctrl-C: their states are saved.
        """
        import uvicorn

        from pellucid.app.application import application

        app = application(self.root, token=self._token, lasting=self._lasting, hosts=self._names())
        config = uvicorn.Config(
            app,
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            ws="none",
        )
        if browse:
            threading.Timer(0.5, webbrowser.open, (self.address,)).start()
        server = uvicorn.Server(config)
        try:
            # Ctrl-C is handed on when all is over
            with suppress(KeyboardInterrupt), _told_to_end(server.handle_exit):
                server.run(sockets=[self._socket])
        finally:  # a second Ctrl-C leaves without the app's own end
            unbegun = [*getattr(app.state, "unbegun", ()), *app.state.trainings.close()]
        return unbegun

    def _names(self) -> set[str]:
        """What the Host header may say."""
        own = {f"[{self.host}]" if ":" in self.host else self.host.lower()}
        if self.host in EVERY_ADDRESS:
            name = socket.gethostname().lower()
            own = {self.host, name, f"{name}.local", socket.getfqdn().lower()}
        return {*LOCAL_HOSTS, *own}

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()


@contextmanager
def _told_to_end(end: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """While open, a closed terminal and a SIGTERM are as Ctrl-C: the end is orderly, and what comes after it too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handed_on(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, handed_on)}
    if hasattr(signal, "SIGHUP"):
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, end)
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _listening(host: str, port: int | None) -> socket.socket:
    """A socket bound to the first port of those wanted that is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    wanted = range(FIRST_PORT, FIRST_PORT + PORTS) if port is None else (port,)
    for one in wanted:
        # named as TCP, asyncio sends small packets at once; else an answer's body waits 40 ms for the head's receipt
        found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, one))
            found.listen()  # only then is the port this one's alone
        except (PermissionError, socket.gaierror) as error:
            found.close()
            raise UsageError(
                f"{host}:{one}: expected to listen here, found that I cannot ({error.strerror})."
            ) from None
        except OSError as error:
            found.close()
            if error.errno != errno.EADDRINUSE:
                raise UsageError(
                    f"{host}: expected an address of this machine, found none ({error.strerror})."
                ) from None
            continue
        return found
    told = f"{wanted[0]} to {wanted[-1]}" if len(wanted) > 1 else str(wanted[0])
    raise UsageError(
        f"port {told}: expected a free one, found it busy. Give another with --port, or --port 0 for any."
    )


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _outward() -> str:
    """This machine's address towards other networks; "" where there is none. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        try:
            found.connect(("192.0.2.1", 9))  # of a range that is for documentation alone
        except OSError:
            return ""
        return str(found.getsockname()[0])

"""Who may ask, and what an answer may do in the browser.

Any web page can send requests to 127.0.0.1, so being local is no protection. Four checks stand before every page: the
Host header must be a name this server was started under (against DNS rebinding), a change must come from one of its
own pages (Origin), whoever asks must hold the session's cookie, and a body must be small. The cookie is given for the
token that `pellucid serve` prints.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Collection, MutableMapping
from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pellucid.app.render import failure, notice
from pellucid.datasets._source import here_only

#: Bytes of a request's body, at most.
BODY_LIMIT: Final = 16 * 2**20
#: Characters of a request's path and query, at most.
ADDRESS_LIMIT: Final = 16_384
#: Names under which a server on this machine alone is asked.
LOCAL_HOSTS: Final = ("127.0.0.1", "localhost", "[::1]")
#: Seconds that the cookie lives: browsers are closed while something is trained. Its secret dies with the server.
COOKIE_SECONDS: Final = 30 * 86_400
#: What a server listens at that others reach by any of its addresses.
EVERY_ADDRESS: Final = ("0.0.0.0", "::")
METHODS: Final = ("GET", "HEAD", "POST")

#: Only what this server serves runs or is shown; nothing inline, no plug-ins, no frames, no other addresses.
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # "no-referrer" would take the Origin from our own forms
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


_log = logging.getLogger("pellucid.app")


class Door:
    """The token that opens a session, and the secret that its cookie carries.

    lasting: the token opens as often as it is shown; otherwise once, so that an address left in a log opens nothing.
    """

    def __init__(self, token: str, *, lasting: bool = False) -> None:
        self._token, self._lasting = token, lasting
        self._secret = secrets.token_urlsafe(32)

    def enter(self, token: str) -> str | None:
        """The cookie's value for a token that fits; None for another, or for one that was used."""
        if not self._token or not compare_digest(token.encode(), self._token.encode()):
            return None
        if not self._lasting:
            self._token = ""
        return self._secret

    def holds(self, cookie: str) -> bool:
        """Whether a cookie's value is this session's."""
        return compare_digest(cookie.encode(), self._secret.encode())


class Safety:
    """The checks, around the application. door: None asks for no cookie, for tests alone.

    hosts: names that may be asked for; with one of `EVERY_ADDRESS` among them also the address, in numbers, at which
    a request came in, which no other site's name can stand for.
    """

    def __init__(self, app: ASGIApp, *, door: Door | None, hosts: Collection[str] = LOCAL_HOSTS) -> None:
        self.app, self.door, self.hosts = app, door, frozenset(hosts)
        self.everywhere = not self.hosts.isdisjoint(EVERY_ADDRESS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # no web sockets: nothing here speaks them
            return
        guarded = _with_headers(scope, send)
        answer = self._answer(scope)
        if answer is not None:
            await answer(scope, receive, guarded)
        else:
            with here_only():  # no page makes this machine ask another
                await _kept_whole(self.app, scope, receive, guarded)

    def _answer(self, scope: Scope) -> Response | None:
        """What is said in place of the page; None where the page may answer."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name, port = _split(host)
        if name not in self.hosts and not (self.everywhere and name.strip("[]") == _own_address(scope)):
            return notice(421, "Another name", "This server was not started under the name you asked for.")
        if scope["method"] not in METHODS:
            return notice(405, "Not here", f"Expected one of {', '.join(METHODS)}.")
        if len(scope["path"]) + len(scope["query_string"]) > ADDRESS_LIMIT:
            return notice(414, "Too long", f"Expected an address of at most {ADDRESS_LIMIT:,} characters.")
        if scope["method"] == "POST" and not _same_origin(headers, scope["scheme"], host):
            return notice(403, "From elsewhere", "A change is only taken from this server's own pages.")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > BODY_LIMIT:
            return _too_large()
        if self.door is None or scope["path"].startswith("/static/"):
            return None
        cookie = f"pellucid-{port or 80}"  # cookies know no ports: two servers on one machine keep apart by name
        if scope["path"] == "/enter":
            return self._enter(scope, cookie)
        if self.door.holds(_cookie(headers, cookie)):
            return None
        return notice(
            401,
            "Not entered",
            "If you have entered already in this browser, press Try again: it keeps its cookie back where a page of "
            "another site led here. Otherwise open the address that pellucid serve printed when it started. It opens "
            "one browser, once; if it was used elsewhere, stop the server with Ctrl-C and start it again.",
            link=(_asked(scope), "Try again"),
        )

    def _enter(self, scope: Scope, cookie: str) -> Response:
        assert self.door is not None
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if self.door.holds(_cookie(Headers(scope=scope), cookie)):
            return RedirectResponse("/", 303)
        secret = self.door.enter(token)
        if secret is None:
            return notice(
                401,
                "This address does not open",
                "Its token is wrong, or was used. Stop pellucid serve with Ctrl-C, start it again, and open the new "
                "address.",
            )
        answer = RedirectResponse("/", 303)
        answer.set_cookie(cookie, secret, max_age=COOKIE_SECONDS, httponly=True, samesite="strict",
                          secure=scope["scheme"] == "https")  # fmt: skip
        return answer


def _asked(scope: Scope) -> str:
    """The address that was asked for, on this server whatever it says: one slash, then nothing that ends a path."""
    if scope["method"] == "POST":  # a link asks for a page
        return "/"
    path = "/" + quote(scope["path"].lstrip("/\\"))
    query = quote(scope["query_string"], safe="%&=+/:;,@!$'()*?")
    return f"{path}?{query}" if query else path


def _own_address(scope: Scope) -> str:
    """The address at which the request came in; of one that IPv6 wraps, the IPv4 address."""
    return str((scope.get("server") or ("",))[0]).lower().removeprefix("::ffff:")


def _split(host: str) -> tuple[str, str]:
    """``127.0.0.1:8000`` as its name and port."""
    name, colon, port = host.rpartition(":")
    if not colon or "]" in port:
        return host.lower(), ""
    return name.lower(), port


def _same_origin(headers: Headers, scheme: str, host: str) -> bool:
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    origin = urlsplit(headers.get("origin", ""))
    return (origin.scheme, origin.netloc.lower()) == (scheme, host.lower())


def _cookie(headers: Headers, name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _too_large() -> Response:
    return notice(413, "Too large", f"Expected at most {BODY_LIMIT // 2**20} MB, found more. Send less.")


def _with_headers(scope: Scope, send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-cache" if scope["path"].startswith("/static/") else "no-store")
        await send(message)

    return guarded


class _TooLargeError(Exception):
    """A body longer than it said."""


async def _kept_whole(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """`app`, with an end put to a body that goes on and on, and words in place of an error that nobody foresaw."""
    seen, begun = 0, False

    async def counted() -> MutableMapping[str, Any]:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > BODY_LIMIT:
            raise _TooLargeError
        return message

    async def noted(message: Message) -> None:
        nonlocal begun
        begun = True
        await send(message)

    try:
        await app(scope, counted, noted)
    except _TooLargeError:
        if not begun:
            await _too_large()(scope, receive, send)
    except Exception as error:
        _log.exception("%s", scope["path"])
        if not begun:
            words = "This is a mistake in pellucid, not in your input; what is on disk is as it was. Please report it"
            told = f"{words} ({type(error).__name__})."
            await failure(Request(scope), 500, "Something broke", told)(scope, receive, send)

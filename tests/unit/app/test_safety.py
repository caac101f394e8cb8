"""Who is let in, and under what rules an answer is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from starlette.testclient import TestClient

from pellucid.app import safety
from pellucid.app.application import application

HOME = "http://127.0.0.1:8000"
TOKEN = "t" * 24


def entrance(root: Path, **more: bool) -> TestClient:
    return TestClient(application(root, token=TOKEN, **more), base_url=HOME, follow_redirects=False)


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[TestClient]:
    with entrance(tmp_path) as found:
        yield found


@pytest.fixture
def guest(stranger: TestClient) -> TestClient:
    """Somebody who holds the cookie."""
    assert stranger.get(f"/enter?token={TOKEN}").status_code == 303
    return stranger


def test_nobody_is_let_in_without_the_cookie(stranger: TestClient) -> None:
    for path in ("/", "/runs", "/run/x", "/train", "/nothing"):
        answer = stranger.get(path)
        assert answer.status_code == 401 and "pellucid serve" in answer.text


@pytest.mark.parametrize(
    ("asked", "link"),
    [
        ("/runs?run=a&run=c-b&q=lr%3C0.1%20%C3%A4", "/runs?run=a&run=c-b&q=lr%3C0.1%20%C3%A4"),
        ("/run/x/look?way=grad_cam#no", "/run/x/look?way=grad_cam"),
        ("/run/%22%3E%3Cb%3E%0a?%22%3E<b>'", "/run/%22%3E%3Cb%3E%0A?%22%3E%3Cb%3E'"),
        ("//evil.example/x", "/evil.example/x"),
        ("/%2Fevil.example/x?y", "/evil.example/x?y"),
        ("/%5Cevil.example", "/evil.example"),
        ("/%2F%5C/evil.example", "/evil.example"),
    ],
)
def test_who_comes_by_a_link_of_another_site_tries_again_at_the_page_that_was_asked_for(
    stranger: TestClient, asked: str, link: str
) -> None:
    answer = stranger.get(HOME + asked)
    (found,) = re.findall(r'<a href="([^"]*)">Try again</a>', answer.text)
    assert answer.status_code == 401 and unescape(found) == link
    address = urlsplit(urljoin(HOME, link))  # as a browser takes it
    assert f"{address.scheme}://{address.netloc}" == HOME
    words = answer.text.partition("<p>")[2]
    assert words.startswith("If you have entered already in this browser, press Try again")
    assert "<b>" not in answer.text


def test_a_change_that_is_not_let_in_leads_to_the_first_page(stranger: TestClient) -> None:
    assert '<a href="/">Try again</a>' in stranger.post("/run/x/stop", headers={"origin": HOME}).text


def test_the_token_gives_a_cookie_that_scripts_and_other_sites_do_not_get(stranger: TestClient) -> None:
    cookie = stranger.get(f"/enter?token={TOKEN}").headers["set-cookie"]
    assert cookie.startswith("pellucid-8000=") and TOKEN not in cookie
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    assert stranger.get("/runs").status_code == 200


def test_the_token_opens_once(guest: TestClient) -> None:
    guest.cookies.clear()
    assert guest.get(f"/enter?token={TOKEN}").status_code == 401


def test_a_token_of_ones_own_opens_as_often_as_it_is_shown(tmp_path: Path) -> None:
    with entrance(tmp_path, lasting=True) as client:
        for _ in range(2):
            client.cookies.clear()
            assert client.get(f"/enter?token={TOKEN}").status_code == 303


@pytest.mark.parametrize("token", ["", "x", TOKEN + "t", "%ff", "ä" * 24])
def test_another_token_opens_nothing(stranger: TestClient, token: str) -> None:
    answer = stranger.get("/enter", params={"token": token})
    assert answer.status_code == 401 and "set-cookie" not in answer.headers


@pytest.mark.parametrize("cookie", ["", "pellucid-8000=", "pellucid-8000=x", "pellucid-8000=ä", ";;==\x00"])
def test_another_cookie_opens_nothing(stranger: TestClient, cookie: str) -> None:
    assert stranger.get("/runs", headers={"cookie": cookie.encode()}).status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "[::1", "a:b:c"])
def test_a_name_that_was_not_given_is_refused(guest: TestClient, host: str) -> None:
    assert guest.get("/runs", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "LOCALHOST:8000", "[::1]:8000"])
def test_the_names_of_this_machine_are_taken(guest: TestClient, host: str) -> None:
    assert guest.get("/runs", headers={"host": host, "cookie": guest_cookie(guest)}).status_code == 200


def guest_cookie(guest: TestClient) -> str:
    return f"pellucid-8000={guest.cookies['pellucid-8000']}"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:8001"},
        {"origin": "https://127.0.0.1:8000"},
        {"origin": HOME, "sec-fetch-site": "cross-site"},
        {"origin": HOME, "sec-fetch-site": "same-site"},
    ],
)
def test_a_change_from_elsewhere_is_refused(guest: TestClient, headers: dict[str, str]) -> None:
    assert guest.post("/train", headers=headers).status_code == 403


def test_other_methods_are_refused(guest: TestClient) -> None:
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"):
        answer = guest.request(method, "/runs", headers={"origin": HOME})
        assert answer.status_code == 405
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_large_body_is_refused_also_where_it_does_not_say_its_length(
    guest: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safety, "BODY_LIMIT", 1_000)

    def pieces() -> Iterator[bytes]:
        for _ in range(20):
            yield b"a" * 100

    assert guest.post("/train", content=b"a" * 1_001, headers={"origin": HOME}).status_code == 413
    assert guest.post("/train", content=pieces(), headers={"origin": HOME}).status_code == 413
    lie = {"origin": HOME, "content-length": "-1"}
    assert guest.post("/train", content=b"", headers=lie).status_code == 413


def test_a_long_address_is_refused(guest: TestClient) -> None:
    assert guest.get("/runs", params={"q": "a" * 20_000}).status_code == 414


@pytest.mark.parametrize("path", ["/runs", "/nothing", "/static/app.css", "/enter?token=x"])
def test_every_answer_forbids_what_it_does_not_need(guest: TestClient, path: str) -> None:
    headers = guest.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'" and policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers


def test_no_static_file_lies_outside_of_its_folder(guest: TestClient) -> None:
    for path in ("/static/../application.py", "/static/%2e%2e/application.py", "/static//etc/passwd"):
        assert guest.get(path).status_code == 404


def test_an_unforeseen_error_is_told_in_words_under_the_same_rules(
    guest: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("pellucid.app.library.Library.rows", broken)
    answer = guest.get("/runs")
    assert answer.status_code == 500 and "mistake in pellucid" in answer.text and "secret" not in answer.text
    assert "content-security-policy" in answer.headers
    part = guest.get("/runs", headers={"sec-fetch-dest": "empty"})
    assert part.status_code == 500 and part.text.startswith("<p class=")

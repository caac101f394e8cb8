"""Templates to answers. Everything that is put into a template is escaped; only displays' own drawings are not."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from pellucid.displays.display import Display
from pellucid.displays.numbers import duration, percent
from pellucid.report.section import named

#: In place of a value that is not there.
NONE: Final = "–"
#: The way through the app: words and addresses, in the head of every page.
NAVIGATION: Final = (("Runs", "/runs"), ("Studies", "/studies"), ("Train", "/train"))
#: The pages of one run, as tabs; ``{}`` is its id.
RUN_TABS: Final = (
    ("Report", "/run/{}"),
    ("Look", "/run/{}/look"),
    ("Network", "/run/{}/network"),
    ("Atlas", "/run/{}/atlas"),
    ("Live", "/run/{}/live"),
)


def page(request: Request, template: str, *, code: int = 200, **values: Any) -> HTMLResponse:
    """A template of `app/templates` with its values. `title` should be among them: it names the browser's tab."""
    text = (
        environment()
        .get_template(template)
        .render(path=request.url.path, navigation=NAVIGATION, run_tabs=RUN_TABS, **values)
    )
    return HTMLResponse(text, code)


def failure(request: Request, code: int, title: str, words: str) -> HTMLResponse:
    """A page that says what went wrong; for a script, a piece of a page that does."""
    template = "parts/failure.html" if wants_part(request) else "failure.html"
    return page(request, template, code=code, title=title, words=words)


def notice(code: int, title: str, words: str, *, link: tuple[str, str] | None = None) -> HTMLResponse:
    """A page of a few words without the way through the app: for whoever is not let in, and for what went wrong.

    link: address and words of where to go on.
    """
    text = environment().get_template("notice.html").render(title=title, words=words, link=link)
    return HTMLResponse(text, code)


def wants_part(request: Request) -> bool:
    """Whether a script on a page asks, which puts the answer into that page, and not the browser for a page."""
    return request.headers.get("sec-fetch-dest", "document") == "empty"


def drawn(display: Display) -> Markup:
    """A display's fragment: its own texts are escaped where it is drawn."""
    return Markup(display.fragment())


@cache
def environment() -> Environment:
    """The templates with their filters."""
    found = Environment(
        loader=PackageLoader("pellucid.app"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "enumerated": lambda values: list(enumerate(values)),
        "percent": partial(percent, none=NONE),
        "short": named,
        "duration": partial(duration, none=NONE),
        "ago": ago,
        "drawn": drawn,
    }
    return found


def ago(time: str | None) -> str:
    """How long an ISO time lies back: ``3 min ago``; `NONE` for what is no time."""
    try:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(time or "")).total_seconds()
    except (ValueError, TypeError):
        return NONE
    for size, word in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {word} ago"
    return "just now"

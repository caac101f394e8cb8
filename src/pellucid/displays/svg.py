"""SVG by hand, for what is no chart."""

from __future__ import annotations

import html

from pellucid.displays.palette import PAPER


def element(name: str, content: str = "", **attributes: object) -> str:
    """One element; underscores in attribute names are dashes, values are escaped, `content` is not.

    >>> element("text", "a", x=1, font_size=12)
    '<text x="1" font-size="12">a</text>'
    """
    words = "".join(f' {key.replace("_", "-")}="{html.escape(str(value))}"' for key, value in attributes.items())
    return f"<{name}{words}>{content}</{name}>" if content else f"<{name}{words}/>"


def text(words: str, **attributes: object) -> str:
    """A line of text, escaped, control characters as spaces."""
    return element("text", html.escape(printable(words)), **attributes)


def document(width: float, height: float, content: str) -> str:
    """A document with a white ground."""
    ground = element("rect", width="100%", height="100%", fill=PAPER)
    return element(
        "svg",
        ground + content,
        xmlns="http://www.w3.org/2000/svg",
        width=round(width),
        height=round(height),
        viewBox=f"0 0 {round(width)} {round(height)}",
        font_family="DejaVu Sans, Verdana, sans-serif",
        font_size=11,
    )


def printable(words: str) -> str:
    """Without line breaks and other control characters, which could redraw a terminal or end a document."""
    return "".join(c if c.isprintable() else " " for c in words)

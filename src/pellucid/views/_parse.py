"""View expressions: ``name``, ``name=value``, and ``union=A+B`` of two or more of them."""

from __future__ import annotations

from pellucid import catalog
from pellucid.errors import UsageError
from pellucid.images import Splits


def parse(expression: str) -> tuple[str, str | None]:
    """Name (checked against the catalogue) and value of a view.

    Raises UsageError for an unknown name, with the nearest valid ones.

    >>> parse("centre-crop=24"), parse("negative")
    (('centre_crop', '24'), ('negative', None))
    """
    name, equals, value = expression.strip().partition("=")
    return catalog.check("views", name.strip()), value.strip() if equals else None


def parts(value: str) -> list[str]:
    """The expressions of a union, split at each ``+`` that stands in no parentheses; outer parentheses fall away.

    >>> parts("none+(union=negative+resize=8)")
    ['none', 'union=negative+resize=8']
    """
    found, depth = [""], 0
    for letter in value:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            break
        if letter == "+" and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    if depth:
        raise UsageError(f"view union: expected a closing parenthesis for each opening one, found {value!r}.")
    return [_bare(part.strip()) for part in found]


def _bare(part: str) -> str:
    return part[1:-1].strip() if part.startswith("(") and part.endswith(")") else part


def viewed(splits: Splits, expression: str) -> Splits:
    """`splits` seen through the view of `expression`."""
    name, value = parse(expression)
    result: Splits = catalog.load("views", name)(splits, value=value)
    return result

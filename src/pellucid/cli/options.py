"""Options of the command line from the fields of the specs: a new field is a new option without a line here."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field
from typing import Any, get_args, get_origin, get_type_hints

import typer

from pellucid.verbs.options import PARTS, option_fields

_PANELS = {"run": "Run", "recipe": "Recipe", "augmentation": "Augmentation of training images", "data": "Images"}
#: Options whose word is not the field's.
_WORDS = {"views": "--view", "lr": "--lr,--learning-rate"}


def with_spec_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`command` with one option for every field in `PARTS` put in place of its ``**options``."""
    signature, hints = inspect.signature(command), get_type_hints(command, include_extras=True)
    own = [
        value.replace(annotation=hints[name])
        for name, value in signature.parameters.items()
        if value.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in _options().items()
    ]
    command.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    command.__annotations__ = {**hints, **{value.name: value.annotation for value in added}}
    return command


def _options() -> dict[str, tuple[Any, Any]]:
    found = {}
    for name, (part, item) in option_fields().items():
        annotation = _annotation(get_type_hints(PARTS[part][0])[name])
        words = _WORDS.get(name, f"--{name.replace('_', '-')}").split(",")
        if annotation == bool | None:
            words = [f"{words[0]}/--no-{words[0][2:]}"]
        found[name] = (
            annotation,
            typer.Option(None, *words, help=_help(item), rich_help_panel=_PANELS[part], show_default=False),
        )
    return found


def _annotation(hint: Any) -> Any:
    """A field's type as an option that may be left out."""
    arguments = [argument for argument in get_args(hint) if argument is not type(None)]
    if get_origin(hint) is tuple:
        return list[str] | None if Ellipsis in arguments else hint | None
    return (arguments[0] if arguments else hint) | None


def _help(item: Field[Any]) -> str:
    text = str(item.metadata["help"])
    default = item.default
    if default is MISSING or default is None or default == () or default is False:
        return text
    shown = " ".join(map(str, default)) if isinstance(default, tuple) else default
    return f"{text} \\[{shown}]"  # unescaped, Rich would take a word in brackets for one of its tags

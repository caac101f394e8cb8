"""The form of a training, made from the definitions that the command line's options are made from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field
from functools import cache
from typing import Any, Final, get_args, get_origin, get_type_hints

from pellucid import catalog
from pellucid.errors import UsageError
from pellucid.spec.layers import ACTIVATIONS
from pellucid.spec.recipe import Recipe
from pellucid.verbs.options import PARTS, Request, option_fields, request

#: What is asked at once; the rest is behind a word.
FIRST: Final = ("epochs", "lr", "optimizer", "batch_size", "seed", "subset")
#: What folders of images alone have, which are for the command line: pages take no paths.
LEFT_OUT: Final = ("channels", "unreadable", "group")
#: Parts of a form in their order, with their titles; "network" are the options of the network that is chosen.
TITLES: Final = {
    "network": "Network",
    "recipe": "Recipe",
    "augmentation": "Augmentation of training images",
    "data": "Images",
    "run": "Run",
}
#: Before the name of an option of the network, in an address.
OWN: Final = "n."
_LONGEST = 200
#: The part of a help that a list to choose from says already.
_LISTED = re.compile(r"(: )?one of [\w, ]+(; )?")


@dataclass(frozen=True)
class Control:
    """One field of the form. kind: choice, flag, whole, number, words or text. default: what an empty one means."""

    name: str
    part: str
    kind: str
    help: str
    default: str
    choices: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return self.name.removeprefix(OWN).replace("_", " ")


@dataclass(frozen=True)
class Filled:
    """A form as it was filled in. texts: as typed, by name. complaints: by name, "" for those of no one field."""

    network: str
    data: str
    recipe: str
    texts: Mapping[str, str]
    options: Mapping[str, Any]
    network_options: Mapping[str, Any]
    asked: Request | None
    complaints: Mapping[str, str] = field(default_factory=dict)

    def controls(self) -> dict[str, list[Control]]:
        """The fields by part, with the defaults of the network and recipe that are chosen."""
        found: dict[str, list[Control]] = {name: [] for name in TITLES}
        for control in (*network_controls(self.network), *_controls(_recipe(self.recipe))):
            found[control.part].append(control)
        return found


def networks() -> dict[str, str]:
    """Every network by name, with what it is."""
    return {name: catalog.summary("networks", name) for name in catalog.names("networks")}


def datasets() -> dict[str, str]:
    """Every data set by name; folders of images are for the command line, since pages take no paths."""
    return {name: catalog.summary("datasets", name) for name in catalog.names("datasets") if name != "image_folder"}


def recipes() -> dict[str, str]:
    """Every recipe by name."""
    return {name: catalog.summary("recipes", name) for name in catalog.names("recipes")}


def network_controls(network: str) -> list[Control]:
    """The options of a network, from its signature."""
    if network not in catalog.names("networks"):
        return []
    defaults = catalog.load("networks", network).__kwdefaults__ or {}
    return [
        Control(f"{OWN}{name}", "network", "choice", "", _text(value), tuple(ACTIVATIONS))
        if name == "activation"
        else Control(f"{OWN}{name}", "network", _kind(type(value)), "", _text(value))
        for name, value in defaults.items()
        if name not in ("input_shape", "classes")
    ]


def filled(parameters: Iterable[tuple[str, str]]) -> Filled:
    """The form that an address or a body fills in. What has no field is left out, what does not fit complained of."""
    given = {name: value.strip()[:_LONGEST] for name, value in parameters}
    network = _known(given.get("network", ""), networks(), "lenet5")
    data = _known(given.get("data", ""), datasets(), "mnist")
    recipe = _known(given.get("recipe", ""), recipes(), "")
    hints = _hints()
    own = {control.name: control for control in network_controls(network)}
    texts: dict[str, str] = {}
    options: dict[str, Any] = {}
    network_options: dict[str, Any] = {}
    complaints: dict[str, str] = {}
    for name, text in given.items():
        if not text or (name not in hints and name not in own):
            continue
        texts[name] = text
        try:
            if name in own:
                default = (catalog.load("networks", network).__kwdefaults__ or {})[name.removeprefix(OWN)]
                network_options[name.removeprefix(OWN)] = value_of(text, type(default))
            else:
                options[name] = value_of(text, hints[name])
        except ValueError as error:
            complaints[name] = str(error)
    asked = None
    if not complaints:
        try:
            asked = request(network, data, recipe=recipe or None, network_options=network_options, options=options)
        except UsageError as error:
            name, _, words = str(error).partition(": ")
            complaints = {name: words} if name in hints else {"": str(error)}
    return Filled(network, data, recipe, texts, options, network_options, asked, complaints)


def value_of(text: str, hint: Any) -> Any:
    """A text as a value of a field's type. Raises ValueError saying what was expected.

    >>> value_of("0.9, 0.99", tuple[float, float]), value_of("yes", bool), value_of("3", int | None)
    ((0.9, 0.99), True, 3)
    """
    arguments = [one for one in get_args(hint) if one is not type(None)]
    if get_origin(hint) is tuple:
        words = text.replace(",", " ").split()
        if Ellipsis not in arguments and len(words) != len(arguments):
            raise ValueError(f"expected {len(arguments)} values, found {len(words)}")
        return tuple(value_of(word, arguments[0]) for word in words)
    kind = arguments[0] if arguments else hint
    if kind is bool:
        if text not in ("yes", "no"):
            raise ValueError(f"expected yes or no, found {text[:40]!r}")
        return text == "yes"
    if kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            what = "a whole number" if kind is int else "a number"
            raise ValueError(f"expected {what}, found {text[:40]!r}") from None
        if value != value or value in (float("inf"), -float("inf")):
            raise ValueError(f"expected a number, found {text[:40]!r}")
        return value
    return text


def _known(name: str, valid: Mapping[str, str], default: str) -> str:
    return name if name in valid else default


@cache
def _hints() -> dict[str, Any]:
    """The type of every option by name."""
    options = option_fields().items()
    return {name: get_type_hints(PARTS[part][0])[name] for name, (part, _) in options if name not in LEFT_OUT}


def _controls(recipe: Recipe) -> list[Control]:
    """Every option of a run. Those of a recipe have its values as defaults."""
    hints, found = _hints(), []
    owners: dict[str, Any] = {"recipe": recipe, "augmentation": recipe.augmentation}
    for name, (part, item) in option_fields().items():
        if name in LEFT_OUT:
            continue
        default = getattr(owners[part], name) if part in owners else item.default
        choices = tuple(item.metadata.get("choices", ()))
        kind = "choice" if choices else _kind(hints[name])
        words = _LISTED.sub("", item.metadata["help"]) if choices else item.metadata["help"]
        found.append(Control(name, part, kind, words, _text(default), choices))
    return found


def _kind(hint: Any) -> str:
    if get_origin(hint) is tuple:
        return "words"
    arguments = [one for one in get_args(hint) if one is not type(None)]
    return {bool: "flag", int: "whole", float: "number"}.get(arguments[0] if arguments else hint, "text")


def _text(value: Any) -> str:
    """A default as a form shows it; "" for none."""
    if value is None or value is MISSING:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (tuple, list)):
        return " ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


@cache
def _recipe(name: str) -> Recipe:
    found = catalog.load("recipes", name)() if name else Recipe()
    assert isinstance(found, Recipe)
    return found

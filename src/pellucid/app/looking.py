"""The form of a look: a way of the catalogue, and the options of its signature."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from pellucid import catalog
from pellucid.app.forms import Control
from pellucid.displays.display import Display
from pellucid.errors import UsageError, unknown_name
from pellucid.verbs.look import classes, look, read_options
from pellucid.verbs.run import Run

#: What a run brings by itself.
BROUGHT: Final = ("before", "snapshots")
#: Options that say where to look; the others are the way's own.
PLACES: Final = ("layer", "layers", "channel", "channels", "target")
#: A number of an option, at most: more is for the command line, where Ctrl-C ends it.
MOST: Final = 2_000
#: Images of one look, at most.
MOST_IMAGES: Final = 20
SPLITS: Final = ("test", "validation", "train")
FIRST: Final = "feature_maps"
_LONGEST: Final = 200


@dataclass(frozen=True)
class Asked:
    """A look as an address has it. texts: what was typed, by field, of the fields that the way has."""

    way: str
    texts: Mapping[str, str]

    @classmethod
    def read(cls, parameters: Iterable[tuple[str, str]]) -> Asked:
        """From an address's names and values.

        Raises UsageError for an unknown way.
        """
        given = {name: value.strip()[:_LONGEST] for name, value in parameters}
        way = given.get("way", "").replace("-", "_") or FIRST
        if way not in catalog.names("inspection"):
            raise unknown_name("way", way, catalog.names("inspection"))
        known = {control.name for control in (*controls(way), *IMAGES)}
        return cls(way, {name: text for name, text in given.items() if text and name in known})

    def command(self, run_id: str) -> str:
        """The same on the command line."""
        words = ["pellucid", "look", run_id, self.way]
        for name, text in self.texts.items():
            if name in ("split", "other"):
                words += [f"--{name}", text]
            elif name == "images":
                words += [word for number in _words(text) for word in ("--image", number)]
            elif name in PLACES:
                each = [text] if name == "target" else _words(text)
                words += [word for one in each for word in (f"--{name.removesuffix('s')}", one)]
            else:
                words += ["--option", f"{name}={_python(self.way, name, text)}"]
        return shlex.join(words)

    def display(self, run: Run, other: Run | None = None) -> Display:
        """The look itself. other: the run that `texts` names, for ways that compare two.

        Raises UsageError for what does not fit, DataError where the run's images are missing.
        """
        texts = dict(self.texts)
        split, numbers = texts.pop("split", SPLITS[0]), _words(texts.pop("images", ""))
        if split not in SPLITS:
            raise unknown_name("split", split, SPLITS)
        if len(numbers) > MOST_IMAGES or not all(one.isdecimal() for one in numbers):
            raise UsageError(f"images: expected up to {MOST_IMAGES} numbers, found {' '.join(numbers)[:60]!r}.")
        texts.pop("other", None)
        target = texts.pop("target", "")
        words: dict[str, Any] = {}
        for name, text in texts.items():
            if name in PLACES:
                words[name.removesuffix("s")] = _places(name, text)
            else:
                words[name] = _python(self.way, name, text)
        options = read_options(self.way, words)
        for name, value in options.items():
            if name not in PLACES and isinstance(value, (int, float)) and not abs(value) <= MOST:
                raise UsageError(f"{name}: expected up to {MOST:,} on this page, found {value:g}. Type the command.")
        if target:
            options["target"] = classes([target], run.class_names)
        images = [int(one) for one in numbers] or None
        return look(run, self.way, images=images, split=split, other=other, **options)


#: Which images, of every way.
IMAGES: Final = (
    Control("images", "images", "words", "numbers in the split, such as 3 14", "the way's own choice"),
    Control("split", "images", "choice", "", SPLITS[0], SPLITS[1:]),
)


def ways() -> dict[str, str]:
    """Every way of looking by name, with what it shows."""
    return {name: catalog.summary("inspection", name) for name in catalog.names("inspection")}


def controls(
    way: str, *, layers: tuple[str, ...] = (), class_names: tuple[str, ...] = (), others: tuple[str, ...] = ()
) -> list[Control]:
    """The options of a way, from its signature; a layer, a class and another run as lists to choose from."""
    function, found = catalog.load("inspection", way), []
    hints = get_type_hints(function)
    for name, one in inspect.signature(function).parameters.items():
        if one.kind is not inspect.Parameter.KEYWORD_ONLY or name in BROUGHT:
            continue
        default = one.default
        if name == "layer":
            found.append(Control(name, "place", "choice", "", "the way's own choice", layers))
        elif name == "target":
            found.append(Control(name, "place", "choice", "a class", "the network's answer", class_names))
        elif name in PLACES:
            told = "names, with a space between" if name == "layers" else "numbers, with a space between"
            found.append(Control(name, "place", "words", told, "the way's own choice"))
        elif name == "other":
            needed = default is inspect.Parameter.empty
            told = "the id of a second run to compare with"
            found.append(Control(name, "place", "text", told, "needed" if needed else "", others))
        elif choices := get_args(hints[name]) if get_origin(hints[name]) is Literal else ():
            found.append(Control(name, "way", "choice", "", default, tuple(one for one in choices if one != default)))
        elif isinstance(default, bool):
            found.append(Control(name, "way", "flag", "", "yes" if default else "no"))
        else:
            kind = {int: "whole", float: "number"}.get(type(default), "text")
            found.append(Control(name, "way", kind, "", "" if default is None or default == () else str(default)))
    return found


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _places(name: str, text: str) -> Any:
    """Names of layers as they stand, channels as numbers; one alone or a list of them."""
    found: list[Any] = [text] if name == "layer" else _words(text)
    if name in ("channel", "channels"):
        if not all(one.isdecimal() and len(one) < 8 for one in found):
            raise UsageError(f"{name}: expected numbers, found {text[:60]!r}.")
        found = [int(one) for one in found]
    return found


def _python(way: str, name: str, text: str) -> str:
    """A field's text as Python writes the value: a form says yes and no."""
    default = inspect.signature(catalog.load("inspection", way)).parameters[name].default
    return str(text == "yes") if isinstance(default, bool) else text

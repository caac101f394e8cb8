"""A kept run as the command that trains it again, and its network as the TOML file that such a command can name."""

from __future__ import annotations

import json
import shlex
from dataclasses import fields
from typing import Any

from pellucid import catalog
from pellucid.errors import PellucidError
from pellucid.spec.network import ForeignModule, Network
from pellucid.spec.run import RunSpec
from pellucid.verbs.networks import network as named
from pellucid.verbs.options import PARTS
from pellucid.verbs.run import Run


def command(run: Run) -> str | None:
    """The command that trains a run of the same spec, and so the same run; None for a module of the user's own.

    A network that is not as the catalogue makes it goes by a file NAME.toml, whose text `network_file` gives.
    """
    spec = run.spec
    if isinstance(spec.network, ForeignModule):
        return None
    network = spec.network.name if in_catalogue(run) else f"{spec.network.name}.toml"
    return shlex.join(["pellucid", "train", network, spec.data.path or spec.data.name, *options(spec)])


def options(spec: RunSpec) -> list[str]:
    """What of a spec is not as by default, as words of the command line."""
    owners = {"run": spec, "recipe": spec.recipe, "augmentation": spec.recipe.augmentation, "data": spec.data}
    words: list[str] = []
    for part, (kind, left_out) in PARTS.items():
        for item in fields(kind):
            value = getattr(owners[part], item.name)
            if item.name not in left_out and value != item.default:
                words += option(item.name, value)
    return words


def in_catalogue(run: Run) -> bool:
    """Whether the run's network is what the catalogue makes under its name for these images, without options."""
    network = run.spec.network
    if not isinstance(network, Network) or network.name not in catalog.names("networks"):
        return False
    try:
        made = named(network.name, input_shape=run.input_shape, classes=len(run.class_names))
    except PellucidError:
        return False
    return made.to_dict() == network.to_dict()


def network_file(network: Network) -> str:
    """The network as a TOML file; reading it back gives the same network."""
    plain = network.to_dict()
    lines = [f"initialisation = {_toml(plain['initialisation'])}"]
    for layer in plain["layers"]:
        lines += ["", "[[layers]]", *(f"{key} = {_toml(value)}" for key, value in layer.items() if value is not None)]
    return "\n".join(lines) + "\n"


def flat_spec(run: Run) -> dict[str, Any]:
    """The run's spec without its layers, and what was decided for it, flat: what a table lists."""
    from pellucid.verbs.runs import flatten

    plain = RunSpec.to_dict(run.spec)
    plain["network"] = run.spec.network.name
    return flatten({**plain, "decided": run.folder.manifest.get("decisions", {})})


def option(name: str, value: Any) -> list[str]:
    """A field's value as words of the command line; none of them can be taken for another option."""
    word = "--view" if name == "views" else f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return [word if value else f"--no-{word[2:]}"]
    if name == "views":
        return [part for view in value for part in _pair(word, str(view))]
    return [word, *map(str, value)] if isinstance(value, tuple) else _pair(word, str(value))


def _pair(word: str, value: str) -> list[str]:
    return [f"{word}={value}"] if value.startswith("-") else [word, value]


def _toml(value: Any) -> str:
    """A value as TOML writes it; layers within layers as tables on one line."""
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {_toml(one)}" for key, one in value.items() if one is not None)
        return f"{{ {inner} }}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)

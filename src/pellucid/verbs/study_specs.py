"""What a study's trials are: every configuration over what all share, as a run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from pellucid import catalog
from pellucid.datasets._load import load
from pellucid.errors import UsageError, unknown_name
from pellucid.images import Splits
from pellucid.spec.data import DataSpec
from pellucid.spec.run import RunSpec
from pellucid.spec.study import Config, Study, Trial, label
from pellucid.verbs.options import PARTS, option_fields, request, resolve, typed
from pellucid.verbs.train import EXACT

Read = Callable[[DataSpec], Splits]


def specs_of(asked: Study) -> list[tuple[Trial, RunSpec]]:
    """Every trial with its run.

    Raises UsageError or SpecError for what does not exist or fit, naming it, and for two configurations that are one
    run: an option that is left out and its default.
    """
    read = reader()
    found: dict[str, RunSpec] = {}
    owners: dict[str, str] = {}
    for config in asked.configs():
        spec, words = spec_of(asked.base, config, read=read), label(config)
        if owners.setdefault(spec.id, words) != words:
            raise UsageError(
                f"study {asked.name}: expected different configurations, found that {owners[spec.id]} and {words} "
                "are one training. Leave out one."
            )
        found[words] = spec
    return [(trial, replace(found[trial.label], seed=trial.seed)) for trial in asked.trials()]


def reader() -> Read:
    """Reads images, and remembers the last few sets: configurations differ in other things."""
    return lru_cache(maxsize=2)(load)


def spec_of(base: Mapping[str, Any], config: Config, *, read: Read = load) -> RunSpec:
    """One configuration over what all share, as a run of seed 0 that trains on one thread where nobody says."""
    values = {**EXACT, **base, **config}
    network, data = values.pop("network", None), values.pop("data", None)
    recipe, network_options = values.pop("recipe", None), dict(values.pop("network_options", {}) or {})
    if network is None or data is None:
        raise UsageError("study: expected a network and a data set, found one missing. Name both.")
    known, own = option_fields(), _options_of(network)
    of_network = options_of_network(network, values)
    network_options |= of_network
    values = {name: value for name, value in values.items() if name not in of_network}
    for name, value in values.items():
        if name not in known:
            raise unknown_name("factor", name, [*own, *known, "network", "data", "recipe"])
        if value is not None:
            words = name == "views" and isinstance(value, str)  # of a factor in one line: views=negative,grayscale
            values[name] = typed([value] if words else value, PARTS[known[name][0]][0], name, "study")
    asked = request(network, data, recipe=recipe, network_options=network_options, options=values)
    spec, images, _ = resolve(asked, read=read)
    found = RunSpec(network=spec, data=images, recipe=asked.recipe, **asked.rest)
    return found if found.threads else replace(found, threads=1)


def options_of_network(network: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values that are options of the network, and of nothing else."""
    known, own = option_fields(), _options_of(network)
    return {name: value for name, value in values.items() if name not in known and name in own}


def _options_of(network: Any) -> list[str]:
    """The options of a network of the catalogue by name."""
    if not isinstance(network, str) or network.replace("-", "_") not in catalog.names("networks"):
        return []
    parameters = inspect.signature(catalog.load("networks", network)).parameters
    return [name for name in parameters if name not in ("input_shape", "classes")]

"""From words and options to a run: the one place that knows which option belongs to which part of a spec."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, fields, replace
from pathlib import Path
from typing import Any

from pellucid import catalog
from pellucid.datasets._load import load, open_dataset
from pellucid.errors import DataError, SpecError, UsageError, unknown_name
from pellucid.images import Splits
from pellucid.spec.augmentation import Augmentation
from pellucid.spec.data import DataSpec
from pellucid.spec.layer import Shape
from pellucid.spec.network import Network
from pellucid.spec.progressive import check_progressive
from pellucid.spec.recipe import Recipe
from pellucid.spec.run import RunSpec
from pellucid.spec.shapes import check

#: The parts of a run whose fields are options, with the fields that are not.
PARTS: dict[str, tuple[type, frozenset[str]]] = {
    "run": (RunSpec, frozenset({"network", "data", "recipe"})),
    "recipe": (Recipe, frozenset({"augmentation"})),
    "augmentation": (Augmentation, frozenset()),
    "data": (DataSpec, frozenset({"name", "path"})),
}


def option_fields() -> dict[str, tuple[str, Field[Any]]]:
    """Every option by name, with its part and its field. Names are one family: no two parts share one."""
    found: dict[str, tuple[str, Field[Any]]] = {}
    for part, (owner, left_out) in PARTS.items():
        for item in fields(owner):
            if item.name not in left_out:
                assert item.name not in found, item.name
                found[item.name] = (part, item)
    return found


@dataclass(frozen=True)
class Request:
    """A run as asked for, before its images are read: the network may still be a name."""

    network: Any
    data: DataSpec
    recipe: Recipe
    rest: dict[str, Any]
    network_options: dict[str, Any]


def request(
    network: Any = None,
    data: Any = None,
    *,
    recipe: str | Recipe | None = None,
    config: str | Path | None = None,
    network_options: Mapping[str, Any] | None = None,
    options: Mapping[str, Any],
) -> Request:
    """Puts a run together: the recipe's values, over them the file's, over them the options.

    network: a name of the catalogue, a path of a network's TOML file, a `Network`, or a module of the user's own.
    data: a name, a folder of images, or a `DataSpec`. config: TOML file with any of network, data, recipe, seed, ...

    Raises UsageError for unknown names and values of a wrong type, with the file and key where there is one.
    """
    file = _read(Path(config)) if config else {}
    known = option_fields()
    values: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
    for name, value in options.items():
        if name not in known:
            raise unknown_name("option", name, known)
        if value is not None:
            values[known[name][0]][name] = value
    from_file = _parts(file, str(config))
    network_options = {**file.get("network_options", {}), **(network_options or {})}
    network = network if network is not None else file.get("network")
    if network is None:
        raise UsageError("train: expected a network, found none. Name one (pellucid networks list).")
    if isinstance(network, str) and not network.endswith((".toml", ")")):
        catalog.check("networks", network)  # before any image is read
    chosen = recipe if recipe is not None else file.get("recipe_name")
    base = catalog.load("recipes", chosen)() if isinstance(chosen, str) else chosen or Recipe()
    augmentation = replace(base.augmentation, **{**from_file["augmentation"], **values["augmentation"]})
    return Request(
        network=network,
        data=data_spec(data if data is not None else file.get("dataset"), {**from_file["data"], **values["data"]}),
        recipe=replace(base, **{**from_file["recipe"], **values["recipe"]}, augmentation=augmentation),
        rest={**from_file["run"], **values["run"]},
        network_options=network_options,
    )


def resolve(asked: Request, *, read: Callable[[DataSpec], Splits] = load) -> tuple[Network, DataSpec, Splits]:
    """Reads the images and builds the network for their shape.

    A set that comes in several sizes (digits) is read at the first one that the network can take. read: where many
    are resolved, one that remembers. Raises SpecError where no size fits, UsageError for an augmentation that is too
    much for the images.
    """
    spec = asked.data
    splits = read(spec)
    try:
        return _network(asked, splits), spec, splits
    except SpecError as too_small:
        for size in () if spec.size else open_dataset(spec).sizes:
            larger = replace(spec, size=size)
            splits = read(larger)
            try:
                return _network(asked, splits), larger, splits
            except SpecError:
                continue
        raise too_small


def _network(asked: Request, splits: Splits) -> Network:
    network = network_named(asked.network, asked.network_options, splits.shape, len(splits.class_names))
    check(network, splits.shape, len(splits.class_names))
    asked.recipe.augmentation.suits(splits.shape)
    check_progressive(asked.recipe, network, splits.shape)
    return network


def network_named(network: Any, options: Mapping[str, Any], shape: Shape, classes: int) -> Network:
    """A network of the catalogue, of a TOML file, or as given, for images of `shape`.

    Raises UsageError for an unknown name or option, SpecError where a layer does not fit.
    """
    if isinstance(network, Network):
        return network
    if not isinstance(network, str):
        raise UsageError(f"network: expected a name, a Network or a module, found {type(network).__name__}.")
    if network.endswith(".toml"):
        return Network.from_dict({"name": Path(network).stem, **_read(Path(network))})
    build = catalog.load("networks", network)
    valid = {
        name: value for name, value in (build.__kwdefaults__ or {}).items() if name not in ("input_shape", "classes")
    }
    for name, value in options.items():
        if name not in valid:
            raise unknown_name(f"option of {network}", name, valid)
        if type(value) is not type(valid[name]) and not (isinstance(valid[name], float) and isinstance(value, int)):
            raise UsageError(f"{network}, option {name}: expected a value like {valid[name]!r}, found {value!r}.")
    built = build(input_shape=shape, classes=classes, **options)
    assert isinstance(built, Network)
    return built


def data_spec(data: Any, values: dict[str, Any]) -> DataSpec:
    """A data set by name or folder, with further fields of `DataSpec`.

    Raises UsageError for an unknown name, DataError for a folder that is not there.
    """
    if isinstance(data, DataSpec):
        return replace(data, **values)
    if data is None:
        raise UsageError("train: expected a data set, found none. Name one (pellucid data list) or give a folder.")
    if not isinstance(data, (str, Path)):
        raise UsageError(
            f"data: expected a name, a folder or a DataSpec, found {type(data).__name__}. For arrays there is "
            "pellucid.Classifier."
        )
    text = str(data)
    named = text in catalog.names("datasets")
    if Path(text).is_file() and not named:
        raise DataError(f"{text}: expected a folder of images, one folder a class, found a file. Name the folder.")
    if Path(text).is_dir() and not named:
        return DataSpec(name="image_folder", path=str(Path(text).resolve()), **values)
    if "/" in text or text.startswith("."):
        raise DataError(f"{text}: expected a folder of images, one folder a class, found no such folder.")
    try:
        name = catalog.check("datasets", text)
    except UsageError as error:
        raise UsageError(f"{error} Nor is there a folder of that name here.") from None
    return DataSpec(name=name, **values)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: expected a TOML file, it cannot be read ({error}).") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: expected a TOML file, found a mistake: {error}.") from None


def _parts(file: dict[str, Any], path: str) -> dict[str, dict[str, Any]]:
    """The file's values by part, each checked against its field's type."""
    tables = {
        "run": {key: value for key, value in file.items() if not isinstance(value, dict) and key not in _FILE_WORDS},
        **{part: file.get(part, {}) for part in ("recipe", "augmentation", "data")},
    }
    for key, value in file.items():
        if isinstance(value, dict) and key not in (*PARTS, "network_options"):
            raise unknown_name(f"table in {path}", key, [*PARTS, "network_options"])
    known = option_fields()
    for part, table in tables.items():
        for key, value in table.items():
            if key not in known or known[key][0] != part:
                valid = [name for name, (owner, _) in known.items() if owner == part]
                raise unknown_name(
                    f"key of {part} in {path}", key, valid + (list(_FILE_WORDS) if part == "run" else [])
                )
            table[key] = typed(value, PARTS[part][0], key, path)
    return tables


_FILE_WORDS = ("network", "dataset", "recipe_name")


def typed(value: Any, owner: Any, key: str, where: str) -> Any:
    """`value` as the type of the field or parameter `key` of `owner`, a class or a function.

    Raises UsageError saying where it was found; numbers are finite.
    """
    from typing import get_type_hints

    from pydantic import ConfigDict, TypeAdapter, ValidationError

    hint = get_type_hints(owner, include_extras=True)[key]
    try:
        return TypeAdapter(hint, config=ConfigDict(allow_inf_nan=False)).validate_python(value)
    except ValidationError as error:
        what = error.errors()[0]["msg"]
        raise UsageError(f"{where}, {key}: found {repr(value)[:60]}. {what}.") from None

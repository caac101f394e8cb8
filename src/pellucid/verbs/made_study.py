"""A study from words, lists or a file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

from pellucid.displays.numbers import limits
from pellucid.errors import UsageError, unknown_name
from pellucid.spec.factor import Factor, factor_from_text
from pellucid.spec.study import METRICS, AlsoReported, Claim, Config, Study


def study_from_file(path: str | Path) -> Study:
    """A study of a TOML file: name, seeds, [base], [compare], [tune], [[configuration]], [reported],
    [[also_reported]], [[claim]].

    Raises UsageError naming the key that does not belong, or the arm that is not there.
    """
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: expected a study as a TOML file, found {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: expected text in UTF-8, found other bytes at {error.start}.") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: expected TOML, found {error}.") from None
    known = (
        "name",
        "seeds",
        "metric",
        "base",
        "compare",
        "tune",
        "configuration",
        "reported",
        "also_reported",
        "claim",
        "note",
    )
    for key in data:
        if key not in known:
            raise unknown_name(f"key in {path}", key, known)
    return made_study(
        str(data.get("name", Path(path).stem)),
        data.get("base", {}),
        compare=data.get("compare", {}),
        tune=data.get("tune", {}),
        listed=data.get("configuration", ()),
        seeds=data.get("seeds", 5),
        metric=data.get("metric", "test_accuracy"),
        reported=data.get("reported", {}),
        also_reported=data.get("also_reported", ()),
        claims=data.get("claim", ()),
        note=data.get("note", ""),
    )


def name_of(*words: str) -> str:
    """What a study or search of these words is called where nobody says: small letters, digits and dashes.

    >>> name_of("networks/Mine.toml", "./my images", "lr")
    'mine-my-images-lr'
    """
    stems = [Path(word).name.partition(".")[0] or word for word in words]
    return re.sub(r"[^a-z0-9]+", "-", "-".join(stems).lower()).strip("-")


def made_study(
    name: str,
    base: Mapping[str, Any],
    *,
    compare: Mapping[str, Any] | Sequence[str] = (),
    tune: Mapping[str, Any] | Sequence[str] = (),
    listed: Sequence[Config] = (),
    seeds: int | Sequence[int] = 5,
    metric: str = "test_accuracy",
    reported: Mapping[str, float] | None = None,
    also_reported: Sequence[AlsoReported | Mapping[str, Any]] = (),
    claims: Sequence[Claim | Mapping[str, Any]] = (),
    note: str = "",
) -> Study:
    """A study from factors as words (``lr=0.001,0.01``) or lists of levels; seeds: how many, or which.

    also_reported, claims: or their fields. Raises UsageError for what does not fit together.
    """
    _check_kinds(name, {"[base]": base, "[reported]": reported or {}}, (listed, also_reported, claims), note)
    factors = []
    for role, given in (("compare", compare), ("tune", tune)):
        if isinstance(given, str) or not isinstance(given, (Mapping, Sequence)):
            raise UsageError(f"study {name}: expected [{role}] as a table of factors, found {given!r}.")
        if isinstance(given, Mapping):
            for key, levels in given.items():
                words = isinstance(levels, str)
                if not words and not isinstance(levels, Sequence):
                    raise UsageError(f"factor {key}: expected a list of levels, found {levels!r}.")
                factors.append(
                    factor_from_text(f"{key}={levels}", role=role) if words else Factor(key, tuple(levels), role)
                )
        else:
            factors += [factor_from_text(text, role=role) for text in given]
    if not isinstance(seeds, (int, Sequence)) or isinstance(seeds, (str, bool)):
        raise UsageError(f"seeds: expected how many, or a list of them, found {seeds!r}.")
    chosen = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    made = Study(
        name=name, base=dict(base), factors=tuple(factors), listed=tuple(dict(one) for one in listed), seeds=chosen,
        metric=metric, reported=reported or {}, also_reported=tuple(map(_also, also_reported)),
        claims=tuple(map(_claim, claims)), note=note,
    )  # fmt: skip
    _check_words(made)
    return made


def _check_kinds(name: str, tables: Mapping[str, Any], lists: tuple[Any, ...], note: Any) -> None:
    """Raises UsageError for what is no table, no list of tables, or no text."""
    for key, value in tables.items():
        if not isinstance(value, Mapping):
            raise UsageError(f"study {name}: expected {key} as a table, found {value!r}.")
    kinds: tuple[Any, ...] = (Mapping, (Mapping, AlsoReported), (Mapping, Claim))
    for key, kind, values in zip(("configuration", "also_reported", "claim"), kinds, lists, strict=True):
        if not isinstance(values, Sequence) or not all(isinstance(one, kind) for one in values):
            raise UsageError(f"study {name}: expected [[{key}]] as a list of tables, found {values!r}.")
    if not isinstance(note, str):
        raise UsageError(f"study {name}: expected note as a text, found {note!r}.")


def _also(given: AlsoReported | Mapping[str, Any]) -> AlsoReported:
    """Raises UsageError for a field that such numbers do not have, or one that is missing or of another type."""
    if isinstance(given, AlsoReported):
        return given
    _check_fields("also_reported", given, {"arm": str, "metric": str, "value": (int, float)})
    if len(given) < 3:
        raise UsageError(f"[[also_reported]]: expected arm, metric and value, found {', '.join(given) or 'none'}.")
    return AlsoReported(**given)


def _check_fields(table: str, given: Mapping[str, Any], types: Mapping[str, type | tuple[type, ...]]) -> None:
    """Raises UsageError for a field that the table does not have, or one of another type."""
    for key, value in given.items():
        if key not in types:
            raise unknown_name(f"key of a [[{table}]]", key, types)
        if not isinstance(value, types[key]) or isinstance(value, bool):
            expected = "text" if types[key] is str else "number"
            raise UsageError(f"[[{table}]], {key}: expected a {expected}, found {value!r}.")


def _claim(given: Claim | Mapping[str, Any]) -> Claim:
    """Raises UsageError for a field that claims do not have, or one that is missing or of another type."""
    if isinstance(given, Claim):
        return given
    numbers = (int, float)
    _check_fields("claim", given, {"words": str, "first": str, "second": str, "least": numbers, "metric": str})
    if not {"words", "first"} <= given.keys() or len({"second", "least"} & given.keys()) != 1:
        raise UsageError(
            f"[[claim]]: expected words, first, and one of second (an arm) and least (a value), found "
            f"{', '.join(given)}."
        )
    return Claim(**given)


def _check_words(made: Study) -> None:
    """Raises UsageError where a reported figure or a claim is of an arm or metric that the study does not have."""
    for one in made.also_reported:
        if one.metric not in METRICS:
            raise unknown_name("metric of also_reported", str(one.metric), METRICS)
    for where, arm, metric, value in (
        *(("[reported]", arm, made.metric, value) for arm, value in made.reported.items()),
        *(("[[also_reported]]", one.arm, one.metric, one.value) for one in made.also_reported),
        *(
            ("[[claim]] least", one.first, one.metric or made.metric, one.least)
            for one in made.claims
            if one.least is not None
        ),
    ):
        most = limits(metric)[1]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not -inf < value <= most:
            expected = "a number from 0 to 1" if most == 1 else "a number"
            raise UsageError(f"{where}, {arm}: expected {expected}, found {value!r}.")
    told = [("reported", one) for one in made.reported]
    told += [("also_reported", one.arm) for one in made.also_reported]
    told += [("claim", one) for claim in made.claims for one in (claim.first, claim.second) if one is not None]
    arms = dict.fromkeys(made.arm(config) for config in made.configs()) if told else {}
    for where, arm in told:
        if arm not in arms:
            raise unknown_name(f"arm of {where}", arm, arms)
    for claim in made.claims:
        if claim.metric and claim.metric not in METRICS:
            raise unknown_name("metric of a claim", claim.metric, METRICS)

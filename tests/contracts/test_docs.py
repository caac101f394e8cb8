"""The documents say what the code does: names, numbers, options, files and keys, and every example runs."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documents import DOCS, DOCUMENTS, ROOT, blocks, each_document, row, rows, section, text

from pellucid import catalog, errors
from pellucid.spec import Network, Recipe, trace
from pellucid.spec.layers import ACTIVATIONS, LAYERS
from pellucid.spec.network import INITIALISATIONS
from pellucid.spec.recipe import OPTIMIZERS, SCHEDULES
from pellucid.spec.shapes import check
from pellucid.verbs.networks import network, shape_from_text
from pellucid.verbs.options import request
from pellucid.verbs.run import Run
from pellucid.verbs.study_specs import specs_of

PAGES = {
    "networks": "networks.md",
    "datasets": "data.md",
    "views": "data.md",
    "recipes": "command-line.md",
    "inspection": "looking.md",
    "studies": "studies.md",
}


# --- names and numbers


@pytest.mark.parametrize("folder", PAGES)
def test_every_starred_name_stands_in_its_page_with_its_summary(folder: str) -> None:
    page = text(DOCS / PAGES[folder])
    for name in catalog.names(folder):
        assert catalog.summary(folder, name) in row(page, name), name


def test_every_chart_stands_in_the_architecture() -> None:
    page = section(DOCS / "architecture.md", "Displays")
    assert {cells[0].strip("`") for cells in rows(page)[1:]} == set(catalog.names("charts"))


@pytest.mark.parametrize("path", [ROOT / "README.md", DOCS / "networks.md"], ids=lambda path: path.name)
def test_parameter_counts_of_networks_are_those_of_the_code(path: Path) -> None:
    found = {
        cells[0].strip("`"): (cells[-2], cells[-1].strip(" |"))
        for cells in rows(text(path))
        if re.fullmatch(r"\d+x\d+x\d", cells[-2])
    }
    assert set(found) == set(catalog.names("networks"))
    for name, (shape, parameters) in found.items():
        layers = trace(network(name, input_shape=shape_from_text(shape)), shape_from_text(shape))
        assert f"{sum(layer.trainable + layer.not_trainable for layer in layers):,}" == parameters, name


def test_every_option_of_a_network_is_documented_with_its_default() -> None:
    page = section(DOCS / "networks.md", "Options of a network")
    documented = {cells[0].strip("`"): cells[1].strip(" |") for cells in rows(page)[1:]}
    expected = {}
    for name in catalog.names("networks"):
        defaults = catalog.load("networks", name).__kwdefaults__ or {}
        options = {key: value for key, value in defaults.items() if key not in ("input_shape", "classes")}
        if options:
            expected[name] = ", ".join(f"`{key}` [{value}]" for key, value in options.items())
    assert documented == expected


@pytest.mark.parametrize("kind", LAYERS)
def test_every_field_of_a_layer_is_documented_with_its_default(kind: str) -> None:
    documented = row(section(DOCS / "networks.md", "Layers"), kind)
    for item in fields(LAYERS[kind]):
        if item.name == "name":
            continue
        assert f"`{item.name}`" in documented
        if item.default not in (MISSING, None, ()):
            assert f"`{item.name}` [{json.dumps(item.default)}]" in documented


def test_activations_and_initialisations_are_documented() -> None:
    page = DOCS / "networks.md"
    assert all(name in row(section(page, "Layers"), "activation") for name in ACTIVATIONS)
    assert [cells[0].strip("`") for cells in rows(section(page, "First weights"))[1:]] == list(INITIALISATIONS)


@pytest.mark.parametrize(("title", "names"), [("Optimizers", OPTIMIZERS), ("Schedules", SCHEDULES)])
def test_optimizers_and_schedules_are_documented_in_their_order(title: str, names: tuple[str, ...]) -> None:
    page = section(DOCS / "command-line.md", title)
    assert [cells[0].strip("`") for cells in rows(page)[1:]] == list(names)


def test_the_error_that_the_docs_quote_is_the_one_that_is_raised() -> None:
    quoted = " ".join(re.findall(r"^> (.*)", text(DOCS / "networks.md"), re.MULTILINE))
    with pytest.raises(errors.SpecError) as raised:
        check(network("lenet5", input_shape=(8, 8, 1)), (8, 8, 1), 10)
    assert str(raised.value) == quoted


# --- examples


@each_document
def test_python_examples_compile(document: Path) -> None:
    for block in blocks(document, "python"):
        compile(block, document.name, "exec")


def test_python_examples_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PELLUCID_RUNS", raising=False)
    for document in (ROOT / "README.md", *sorted(DOCS.glob("*.md"))):
        # a chapter's examples stand on the ones before
        chapter: dict[str, Any] | None = {} if document.name == "by-hand.md" else None
        for block in blocks(document, "python"):
            exec(compile(block, document.name, "exec"), {} if chapter is None else chapter)
            assert capsys.readouterr().out, f"{document.name}: an example that shows nothing"


def test_examples_of_additions_do_what_their_folders_ask_for(run: Run) -> None:
    from pellucid.datasets._splits import split
    from pellucid.images import Scaling, Splits

    defined: dict[str, Any] = {}
    for block in blocks(ROOT / "CONTRIBUTING.md", "python"):
        exec(block, defined)
    dataset = defined["two_tones"](size=12)
    splits = Splits(*split(dataset, seed=0), Scaling.unit(1))
    assert [len(images) for _, images in splits] == [160, 20, 20]
    assert trace(defined["tiny"](input_shape=(12, 12, 1), classes=2), (12, 12, 1))[-1].output == (2,)
    assert isinstance(defined["slow"](), Recipe)
    assert b"<svg" in defined["confidences"](np.eye(3)).render("svg")
    turned = defined["upside_down"](splits).train.pixels
    assert np.array_equal(turned, np.rot90(splits.train.pixels, 2, axes=(1, 2)))
    named = re.findall(r"`src/pellucid/(\w+)/(\w+)\.py`", text(ROOT / "CONTRIBUTING.md"))
    assert b"<svg" in defined["loudest"](run.model(), run.images(), layer="fc2").render("svg")
    assert len(specs_of(defined["rates"]())) == 3 * 5
    assert {folder for folder, _ in named} == set(catalog.FOLDERS)
    assert all(name in defined for _, name in named)


def test_the_toml_examples_are_read_as_they_say(tmp_path: Path) -> None:
    (config,) = blocks(DOCS / "command-line.md", "toml")
    path = tmp_path / "config.toml"
    path.write_text(config, encoding="utf-8")
    asked = request(config=path, options={})
    assert (asked.network, asked.data.name, asked.data.subset) == ("lenet5", "mnist", 10_000)
    assert (asked.recipe.schedule, asked.recipe.lr, asked.recipe.augmentation.shift) == ("one_cycle", 0.01, 2)
    assert (asked.rest["seed"], asked.network_options) == (1, {"activation": "tanh"})
    (layers,) = blocks(DOCS / "networks.md", "toml")
    own = Network.from_dict(tomllib.loads(layers))
    check(own, (28, 28, 1), 10)
    assert [name for name, _ in own.named()] == ["conv1", "relu1", "res1", "global_pool1", "fc1"]


# --- between documents


def anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)", text(path), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@each_document
def test_links_between_documents_resolve(document: Path) -> None:
    for target, _, anchor in re.findall(r"\]\(([^)#]*)(#?)([^)]*)\)", text(document)):
        if not target.startswith("http"):
            path = document.parent / target if target else document
            assert path.exists(), target
            assert not anchor or anchor in anchors(path), f"{target}#{anchor}"


def test_every_page_is_listed() -> None:
    assert all(f"docs/{path.name}" in text(ROOT / "README.md") for path in DOCS.glob("*.md"))
    listed = text(DOCS / "decisions" / "README.md")
    assert all(path.name in listed for path in (DOCS / "decisions").glob("[!R]*.md"))


def test_the_floors_are_those_of_the_contract() -> None:
    contracts = tomllib.loads(text(ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (floors,) = (contract["layers"] for contract in contracts if contract["id"] == "floors")
    page = section(DOCS / "architecture.md", "Floors")
    documented = [re.findall(r"`(\w+)`", cells[0]) for cells in rows(page)[1:]]
    assert documented == [floor.split(" | ") for floor in floors]
    starred = set(re.findall(r"`(\w+)` \*", page))
    assert starred == {folder for folder in catalog.FOLDERS if (ROOT / "src" / "pellucid" / folder).is_dir()}


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]
    extras = [entry for name, extra in project["optional-dependencies"].items() if name != "dev" for entry in extra]
    asked = [*project["dependencies"], *extras]
    names = {re.match(r"[\w.-]+", entry).group().lower() for entry in asked}  # type: ignore[union-attr]
    listed = {
        name.removesuffix(" (extra)").lower()
        for cells in rows(section(DOCS / "architecture.md", "Parts, and why"))[1:]
        for name in cells[0].split(", ")
    }
    assert listed == names


def test_every_source_is_in_the_bibliography_and_every_entry_is_cited() -> None:
    keys = re.findall(r"^@\w+\{(\w+),", text(DOCS / "bibliography.bib"), re.MULTILINE)
    assert keys == sorted(set(keys))
    files = [path for folder in ("src", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    code = "\n".join(text(path) for path in files if ".venv" not in path.parts)
    cited = set(re.findall(r"\b[a-z]+(?:19|20)\d\d[a-z]?\b", code + "\n".join(map(text, DOCUMENTS))))
    # "Glorot and Bengio 2010" cites glorot2010
    prose = r"\b([A-Z][A-Za-z]+)(?:, [A-Z][A-Za-z]+)*(?: and [A-Z][A-Za-z]+| et al\.)? ((?:19|20)\d\d)\b"
    cited |= {f"{author.lower()}{year}" for author, year in re.findall(prose, code)}
    assert cited == set(keys)


def test_every_entry_of_the_bibliography_says_who_what_where_and_when() -> None:
    where = ("journal", "booktitle", "howpublished", "institution", "note", "url")
    for key, entry in re.findall(
        r"^@\w+\{(\w+),\n(.*?)^\}", text(DOCS / "bibliography.bib"), re.DOTALL | re.MULTILINE
    ):
        found = dict(re.findall(r"^  (\w+) = \{(.*)\},$", entry, re.MULTILINE))
        assert {"author", "title", "year"} <= found.keys(), key
        assert any(field in found for field in where), key
        # a second work of one author and year has a letter behind it
        assert (
            re.sub(r"(?<=\d)[a-z]$", "", key)
            == re.sub(r"\W", "", found["author"].partition(",")[0]).lower() + found["year"]
        )

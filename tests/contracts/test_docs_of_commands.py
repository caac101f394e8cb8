"""The documents, the command line and what it writes: options, exit codes, variables, `--json`, files of a run."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from documents import COMMANDS, DOCS, ROOT, TARGETS, blocks, each_document, row, rows, section, text
from rich.markup import render

from pellucid import errors
from pellucid.cli.app import app
from pellucid.verbs.options import option_fields
from pellucid.verbs.run import Run


@pytest.mark.parametrize("name", option_fields())
def test_every_field_of_a_run_is_documented_with_its_meaning_and_default(name: str) -> None:
    item = option_fields()[name][1]
    expected = item.metadata["help"]
    if isinstance(item.default, tuple) and item.default:
        expected += f" [{' '.join(map(str, item.default))}]"
    elif isinstance(item.default, (str, int, float)) and item.default is not False:
        expected += f" [{item.default}]"
    word = "view" if name == "views" else name.replace("_", "-")
    assert row(section(DOCS / "command-line.md", "Fields of a run"), f"--{word}") == expected


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_option_of_a_command_is_documented(words: tuple[str, ...]) -> None:
    page = text(DOCS / "command-line.md")
    options = [word for option in COMMANDS[words].params for word in option.opts if word.startswith("-")]
    assert [word for word in options if f"`{word}`" not in page] == []


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_nothing_in_brackets_is_lost_from_the_help(words: tuple[str, ...]) -> None:
    """A default such as [adam] would be a tag of Rich: it has to be escaped to be seen."""
    helps = [getattr(option, "help", None) or "" for option in COMMANDS[words].params]
    assert [one for one in helps if one.replace("\\[", "[") != render(one).plain] == []


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_is_documented(words: tuple[str, ...]) -> None:
    assert f"`pellucid {' '.join(words)}" in text(DOCS / "command-line.md")


def test_every_exit_code_is_documented_beside_its_errors() -> None:
    page = section(DOCS / "command-line.md", "Exit codes")
    documented = {
        name: int(cells[0]) for cells in rows(page)[1:] for name in re.findall(r"`(\w+)`", " ".join(cells[1:2]))
    }
    raised = {name: value.exit_code for name, value in vars(errors).items() if hasattr(value, "exit_code")}
    assert documented == raised


def test_every_variable_of_the_environment_is_documented() -> None:
    code = "\n".join(map(text, (ROOT / "src").rglob("*.py")))
    used = set(re.findall(r"\bPELLUCID_[A-Z]+\b", code))
    assert used == {cells[0].strip("`") for cells in rows(text(DOCS / "command-line.md")) if "PELLUCID" in cells[0]}


@each_document
def test_shell_examples_name_commands_and_options_that_exist(document: Path) -> None:
    for line in "".join(blocks(document, "")).splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["make"]:
            assert words[1] in TARGETS
        elif words[:1] == ["pellucid"]:
            (name,) = (name for name in COMMANDS if tuple(words[1 : 1 + len(name)]) == name)
            # parsed as the command line does: an unknown option, a missing word or a wrong type is an error
            COMMANDS[name].make_context(" ".join(name), words[1 + len(name) :])


@each_document
def test_commands_named_in_sentences_exist(document: Path) -> None:
    groups = {words[0] for words in COMMANDS if len(words) == 2}
    for tool, first, second in re.findall(r"`(pellucid|make) ([a-z-]+)(?: ([a-z]+))?", text(document)):
        if tool == "make":
            assert first in TARGETS
        elif not first.startswith("-"):
            assert ((first, second) if first in groups else (first,)) in COMMANDS


def test_what_json_gives_is_documented(run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = section(DOCS / "command-line.md", "What --json gives")
    documented = {command: cells[1] for cells in rows(page)[1:] for command in cells[0].split(", ")}
    documented["train"] += section(DOCS / "runs.md", "result.json")  # to which its row points
    picture = str(tmp_path / "digits.png")
    layer = f"{tmp_path}/layers.py:ReLU"
    (tmp_path / "layers.py").write_text("from pellucid.engines.scratch.activations import ReLU")
    runs = ["--runs", str(run.path.parent)]
    train = ["mlp", "digits", "--precision", "fp32", "--no-pictures", "--quiet", *runs]
    calls = {
        "data show": ["digits", "--save", picture],
        "train": [*train, "--epochs", "1"],
        "evaluate": [run.id, *runs],
        "atlas": [run.id, "-k", "2", *runs],
        "look": [run.id, "gradient", "--output", picture, *runs],
        "predict": [run.id, picture, *runs],
        "report": [run.id, "--output", str(tmp_path / "report.html"), *runs],
        "verify": [str(tmp_path / "report.html"), *runs],
        "doctor": ["digits"],
        "study": ["mlp", "digits", "--vary", "lr=0.01,0.1", "--seeds", "1", "--epochs", "1", *runs],
        "search": ["mlp", "digits", "--over", "lr=0.01,0.1", "--trials", "2", "--epochs", "1", *runs],
        "reproduce": [],
        "compare": [run.id, run.id, *runs],
        "lockstep": ["mlp", "digits", "--steps", "1", "--batch-size", "4"],
        "check": [str(layer)],
        "check-gradients": ["mlp", "--input", "8x8x1"],
        "data list": [],
        "networks list": [],
        "networks show": ["mlp"],
        "recipes list": [],
        "runs list": runs,
        "runs show": [run.id, *runs],
        "runs diff": [run.id, "last", *runs],
    }
    assert calls.keys() == documented.keys() == {" ".join(words) for words in COMMANDS if takes_json(words)}
    for command, words in calls.items():
        app([*command.split(), *words, "--json"], standalone_mode=False)
        found = json.loads(capsys.readouterr().out)
        for entry in (found, *found.get("predictions", [])) if isinstance(found, dict) else found[:1]:
            assert [key for key in entry if f"`{key}`" not in documented[command]] == [], command


def takes_json(words: tuple[str, ...]) -> bool:
    return any("--json" in option.opts for option in COMMANDS[words].params)


def test_every_file_of_a_run_is_documented(run: Run) -> None:
    page = text(DOCS / "runs.md").partition("\n## ")[0]
    for path in run.path.rglob("*"):
        name = re.sub(r"state-\d+", "state-STEP", path.name)
        if path.parent.name == "atlas":
            name = re.sub(r"^(train|validation|test)-[0-9a-f]{8}$", "SPLIT-DIGITS", name)
        elif path.parent.parent.name == "atlas":
            name = re.sub(r"^fc\d\.", "LAYER.", name)
        assert f"`{name}`" in page or f"`{name}/`" in page, name


def test_every_key_of_a_runs_files_is_documented(run: Run) -> None:
    folder = run.folder
    for name, found in {
        "run.json": {**folder.manifest, **folder.manifest["spec"], **folder.manifest["environment"]},
        "metrics.jsonl": folder.metrics()[0],
        "timings.jsonl": folder.timings()[0],
        "events.jsonl": folder.events()[0],
        "result.json": folder.result() or {},
    }.items():
        page = section(DOCS / "runs.md", name)
        assert [key for key in found if f"`{key}`" not in page] == [], name
    assert set(folder.predictions() or {}) == {"logits", "labels"}

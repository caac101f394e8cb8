"""The command that a report gives makes the same run."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from pellucid.cli.app import app
from pellucid.spec.network import Network
from pellucid.verbs.networks import network
from pellucid.verbs.run import Run
from pellucid.verbs.run_command import command, network_file
from pellucid.verbs.train import train

OPTIONS = {"epochs": 1, "subset": 60, "batch_size": 32, "lr": 0.02, "optimizer": "adamw", "betas": (0.8, 0.9)}


def again(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Runs that the command makes in an empty folder."""
    monkeypatch.chdir(folder)
    typed = command(run)
    assert typed is not None
    words = shlex.split(typed)
    assert words[0] == "pellucid"
    app([*words[1:], "--runs", str(folder / "again"), "--quiet", "--no-pictures"], standalone_mode=False)
    return [path.name for path in (folder / "again").iterdir() if not path.name.startswith(".")]


def test_the_command_makes_the_same_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    views = ("negative", "standardise")
    run = train("mlp", "digits", runs=tmp_path, exact=True, views=views, seed=3, shift=1, **OPTIONS, pictures=False)
    assert again(run, tmp_path, monkeypatch) == [run.id]


def test_a_network_with_options_goes_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = train(
        "lenet5",
        "digits",
        runs=tmp_path,
        network_options={"activation": "tanh"},
        exact=True,
        **OPTIONS,
        pictures=False,
    )
    assert isinstance(run.spec.network, Network)
    (tmp_path / "lenet5.toml").write_text(network_file(run.spec.network))
    assert again(run, tmp_path, monkeypatch) == [run.id]


@pytest.mark.parametrize("name", ["resnet9", "compact", "vgg_small", "row_lstm"])
def test_a_network_file_gives_the_same_network(name: str) -> None:
    import tomllib

    shape = (28, 28, 1) if name.startswith("row") else (32, 32, 3)
    spec = network(name, input_shape=shape)
    assert Network.from_dict({"name": name, **tomllib.loads(network_file(spec))}) == spec

"""The commands, as a person and as a script would use them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pellucid.cli.app import app

TRAIN = ["train", "mlp", "digits", "--epochs", "2", "--threads", "1", "--precision", "fp32"]


def pellucid(*words: object, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "pellucid", *map(str, words)], capture_output=True, text=True, cwd=cwd, check=False
    )
    assert done.returncode == code, done.stderr
    return done


def called(*words: object) -> object:
    """A command in this process; what it returns is its exit code, where that is not 0."""
    return app(list(map(str, words)), standalone_mode=False)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("work")
    done = pellucid(*TRAIN, "--json", cwd=folder)
    return folder, json.loads(done.stdout)


@pytest.mark.alone
def test_help_loads_no_torch_and_is_quick(tmp_path: Path) -> None:
    code = "import sys; sys.argv = ['pellucid', '--help']\nfrom pellucid.cli import run\nrun()\n"
    check = "assert not {'torch', 'pydantic', 'altair', 'sklearn'} & set(sys.modules), sorted(sys.modules)"
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", code + check], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]
    seconds = sum(int(line.split(":")[1].split("|")[0]) for line in done.stderr.splitlines()[1:] if "|" in line) / 1e6
    assert seconds < 0.5
    for word in ("train", "evaluate", "predict", "doctor", "data", "networks", "runs"):
        assert word in done.stdout


def test_train_gives_one_json_object_with_the_promised_keys(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, result = trained
    assert {"run", "test_accuracy", "test_loss", "images_per_second", "seconds"} <= result.keys()
    assert 0.7 < result["test_accuracy"] <= 1
    assert (folder / "runs" / result["run"] / "pictures" / "learning_curves.png").is_file()


def test_the_same_command_again_says_that_the_run_is_done(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, result = trained
    again = pellucid(*TRAIN, "--json", cwd=folder)
    assert json.loads(again.stdout) == result
    assert "epoch" not in again.stderr


def test_piped_progress_is_plain_lines(tmp_path: Path) -> None:
    done = pellucid(*TRAIN, "--runs", tmp_path / "r", "--no-pictures", cwd=tmp_path)
    lines = done.stderr.splitlines()
    assert (
        lines[0]
        == "mlp on digits: 1,197 / 300 / 300 images (train / validation / test) of 8x8x1, cpu, 1 thread, fp32"
    )
    assert [line[:9] for line in lines if line.startswith("epoch")] == ["epoch 1/2", "epoch 2/2"]
    assert "\x1b" not in done.stderr + done.stdout
    assert "test accuracy" in done.stdout


def test_evaluate_tells_everything_and_again_through_a_view(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, result = trained
    found = json.loads(pellucid("evaluate", result["run"], "--json", cwd=folder).stdout)
    assert found["accuracy"] == result["test_accuracy"]
    assert {
        "loss",
        "top2_accuracy",
        "calibration_error",
        "per_class",
        "confusion",
        "seconds_per_image",
    } <= found.keys()
    assert np.sum(found["confusion"]) == found["images"] == 300
    negative = json.loads(pellucid("evaluate", "last", "--view", "negative", "--json", cwd=folder).stdout)
    assert negative["accuracy"] < found["accuracy"]
    text = pellucid("evaluate", "last", "--split", "validation", cwd=folder).stdout
    assert "calibration error" in text


def test_predict_reads_pictures_of_any_size(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, result = trained
    from pellucid.datasets.digits import digits

    train = digits().train
    for index in range(5):
        picture = Image.fromarray(train.pixels[index, ..., 0]).resize((40, 40), Image.Resampling.NEAREST)
        picture.convert("RGB").save(tmp_path / f"{index}.png")
    files = sorted(tmp_path.glob("*.png"))
    found = json.loads(pellucid("predict", result["run"], *files, "--json", cwd=folder).stdout)["predictions"]
    right = sum(entry["class"] == str(label) for entry, label in zip(found, train.labels[:5], strict=True))
    assert right >= 3
    assert all(sum(entry["probabilities"].values()) == pytest.approx(1) for entry in found)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    done = pellucid(
        "predict", result["run"], files[0], tmp_path / "bad.png", tmp_path / "none.png", cwd=folder, code=3
    )
    assert "found 2 that cannot be read" in done.stderr.replace("\n", " ")


def test_runs_are_listed_shown_compared_and_deleted(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, result = trained
    pellucid(*TRAIN, "--seed", "1", "--no-pictures", "-q", cwd=folder)
    rows = json.loads(pellucid("runs", "list", "--json", cwd=folder).stdout)
    assert {row["id"] for row in rows} > {result["run"]}
    other = next(row["id"] for row in rows if row["seed"] == 1)
    assert result["run"] in pellucid("runs", "list", cwd=folder).stdout
    assert "best epoch" in pellucid("runs", "show", result["run"], cwd=folder).stdout
    diff = {
        row["key"]: row
        for row in json.loads(pellucid("runs", "diff", result["run"], other, "--json", cwd=folder).stdout)
    }
    assert (diff["spec.seed"]["first"], diff["spec.seed"]["second"]) == (0, 1)
    assert "spec.recipe.lr" not in diff
    assert "expected --yes" in pellucid("runs", "delete", other, cwd=folder, code=2).stderr
    pellucid("runs", "delete", other, "--yes", cwd=folder)
    assert [row["id"] for row in json.loads(pellucid("runs", "list", "--json", cwd=folder).stdout)] == [result["run"]]


def test_a_folder_without_runs_is_no_error_and_says_how_to_begin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for root in (tmp_path, tmp_path / "none"):
        assert not called("runs", "list", "--runs", root)
        out, err = capsys.readouterr()
        assert (out, err) == ("", f"no runs in {root} yet. Begin with: pellucid train lenet5 mnist\n")
        assert not called("runs", "list", "--runs", root, "--json")
        assert json.loads(capsys.readouterr().out) == []
    assert not (tmp_path / "none").exists()


def test_a_toml_file_says_what_options_say(tmp_path: Path) -> None:
    (tmp_path / "net.toml").write_text('[[layers]]\nlayer = "flatten"\n[[layers]]\nlayer = "dense"\nunits = 10\n')
    (tmp_path / "run.toml").write_text(
        'network = "net.toml"\ndataset = "digits"\nseed = 4\n[recipe]\nlr = 0.01\nepochs = 9\n[data]\nsubset = 100\n'
    )
    done = pellucid("train", "--config", "run.toml", "--epochs", "1", "--no-pictures", "--json", cwd=tmp_path)
    shown = json.loads(pellucid("runs", "show", json.loads(done.stdout)["run"], "--json", cwd=tmp_path).stdout)
    spec = shown["manifest"]["spec"]
    assert (spec["seed"], spec["recipe"]["lr"], spec["recipe"]["epochs"], spec["data"]["subset"]) == (4, 0.01, 1, 100)
    assert [layer["layer"] for layer in spec["network"]["layers"]] == ["flatten", "dense"]
    (tmp_path / "run.toml").write_text("[recipe]\nlr = 'much'\n")
    done = pellucid("train", "mlp", "digits", "--config", "run.toml", cwd=tmp_path, code=2)
    assert "run.toml, lr: found 'much'" in done.stderr
    (tmp_path / "run.toml").write_text("[recipe]\nlrr = 1\n")
    done = pellucid("train", "mlp", "digits", "--config", "run.toml", cwd=tmp_path, code=2)
    assert "unknown key of recipe in run.toml 'lrr'. Did you mean lr" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        ("train lenet mnist", 2, "unknown network 'lenet'. Did you mean lenet5"),
        ("train lenet5 mnst", 2, "unknown data set 'mnst'. Did you mean mnist"),
        ("train lenet5 digits --optimizer adm", 2, "unknown optimizer 'adm'. Did you mean adam"),
        ("train lenet5 digits --lr -1", 2, "lr: expected a number above 0"),
        ("train lenet5 digits --lrr 1", 2, "No such option"),
        ("train lenet5 digits --size 8", 3, "expects at least 5x5 pixels"),
        ("train lenet5 digits --view nothing", 2, "unknown view 'nothing'"),
        ("train lenet5 digits --device cuda", 2, "device: expected a CUDA device"),
        ("train lenet5 digits --network-option dropuot=0.5", 2, "unknown option of lenet5 'dropuot'"),
        ("train lenet5 ./no/such/folder", 3, "expected a folder of images"),
        ("train lenet5 digits --subset 1000000", 3, "1,000,000"),
        ("evaluate nothing", 2, "Begin with: pellucid train"),
        ("networks show lenet5 --input 28x28", 2, "expected height x width x channels"),
    ],
)
def test_bad_input_is_told_in_one_paragraph_with_its_exit_code(
    words: str, code: int, part: str, tmp_path: Path
) -> None:
    if "cuda" in words:
        import torch

        if torch.cuda.is_available():
            pytest.skip("there is a CUDA device")
    done = pellucid(*words.split(), cwd=tmp_path, code=code)
    assert part in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_place_that_cannot_be_written_is_told_with_code_5(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = pellucid(*TRAIN, "--runs", tmp_path / "file" / "runs", cwd=tmp_path, code=5)
    assert "expected a folder to write in" in " ".join(done.stderr.split())


def test_tensorboard_reads_what_was_written(trained: tuple[Path, dict[str, Any]]) -> None:
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    folder, result = trained
    pellucid(*TRAIN, "--tensorboard", "--json", cwd=folder)
    events = event_accumulator.EventAccumulator(str(folder / "runs" / result["run"] / "tensorboard"))
    events.Reload()
    scalars = events.Scalars("accuracy/validation")
    assert [scalar.step for scalar in scalars] == [1, 2]
    assert scalars[1].value == pytest.approx(result["validation_accuracy"])


def test_data_show_writes_a_picture_and_tells_the_statistics(tmp_path: Path) -> None:
    done = pellucid("data", "show", "digits", "--json", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert found["shape"] == [8, 8, 1]
    assert found["pixel_mean"][0] == pytest.approx(0.305, abs=0.01)
    assert (tmp_path / "digits-samples.png").is_file()
    assert "mnist" in pellucid("data", "list", cwd=tmp_path).stdout


def test_data_show_says_what_to_do_next_with_the_same_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for words, same in (((), ""), (("--size", "16"), " --size 16")):
        view = ("--view", "union=none+(negative)")
        called("data", "show", "digits", *words, *view, "--save", "d.png")
        out, err = capsys.readouterr()
        train = f"pellucid train lenet5 digits{same} --view 'union=none+(negative)'"
        assert err.splitlines()[1:] == ["picture  d.png", f"next     pellucid doctor digits{same}   or   {train}"]
        assert "next" not in out
        called("data", "show", "digits", *words, *view, "--save", "d.png", "--json")
        assert capsys.readouterr().err == ""


def test_networks_show_tells_residual_blocks_and_what_is_in_them(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--input", "32x32x3", "--network-option", "width=8", "--json")
    called("networks", "show", "resnet9", *words)
    found = json.loads(capsys.readouterr().out)
    blocks = {row["layer"]: row for row in found["layers"] if row["kind"] == "residual"}
    # two 3x3 convolutions of c to c channels without bias, each with a batch norm's two
    assert {name: row["trainable"] for name, row in blocks.items()} == {
        f"res{k}": 2 * (9 * c * c + 2 * c) for k, c in ((1, 16), (2, 64))
    }
    assert [row["output"] for row in blocks.values()] == ["16x16x16", "4x4x64"]
    assert found["totals"]["residual"]["trainable"] == sum(row["trainable"] for row in blocks.values())
    assert found["totals"]["all"]["trainable"] == sum(row["trainable"] for row in found["layers"])
    called("networks", "show", "resnet9", *words[:-1])
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in told if "residual" in line] == ["res1", "res2", "residual"]
    called("networks", "show", "mlp")
    assert "residual" not in capsys.readouterr().out


def test_the_environment_names_the_folder_of_runs(tmp_path: Path) -> None:
    environment = {**os.environ, "PELLUCID_RUNS": str(tmp_path / "elsewhere")}
    words = [sys.executable, "-m", "pellucid", *TRAIN, "--no-pictures", "-q"]
    subprocess.run(words, env=environment, cwd=tmp_path, check=True, capture_output=True)
    assert len(list((tmp_path / "elsewhere").glob("mlp-digits-*"))) == 1

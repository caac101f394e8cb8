"""A run killed at any moment and started again ends in the same bits as one that was left alone.

Each trial is a child process that a fork of this one becomes: torch is imported once, and SIGKILL comes at a random
moment. `make check-long` does two hundred.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pellucid.storage.run_folder import RunFolder

#: Network, options: dropout, augmentation, momentum or Adam and a schedule are all among them.
CASES = {
    "cnn": "lenet5_28 --network-option dropout=0.3 --optimizer sgd --momentum 0.9 --nesterov --lr 0.02 "
    "--schedule one_cycle --shift 2 --horizontal-flip --cutout 4 --brightness 0.1",
    "rnn": "row_rnn --optimizer rmsprop --momentum 0.5 --schedule cosine --size 28",
    "lstm": "row_lstm --optimizer adam --schedule step --step-size 1 --gamma 0.5 --contrast 0.2 --size 28",
    "by hand": "lenet5_28 --engine scratch --network-option dropout=0.3 --optimizer adam --schedule cosine --shift 2",
    "gru": "row_gru --optimizer muon --momentum 0.9 --schedule plateau --plateau-patience 0 --size 28",
}
COMMON = "--epochs 8 --batch-size 50 --subset 600 --threads 1 --precision fp32 --seed 3 --quiet --no-pictures"


def command(case: str, root: Path) -> list[str]:
    network, _, options = CASES[case].partition(" ")
    return [network, "digits", *options.split(), *COMMON.split(), "--runs", str(root)]


def train(case: str, root: Path) -> int:
    """The command in a fork of this process; its process id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
        sys.argv = ["pellucid", "train", *command(case, root)]
        from pellucid.cli import run

        status = run()
    finally:
        os._exit(status)


def finish(case: str, root: Path) -> None:
    _, status = os.waitpid(train(case, root), 0)
    assert os.waitstatus_to_exitcode(status) == 0


def folder_in(root: Path) -> RunFolder:
    """The one run in `root`."""
    (name,) = [path.name for path in root.iterdir() if not path.name.startswith(".")]
    return RunFolder.open(root, name)


def content(root: Path) -> dict[str, object]:
    """All that must not differ: weights, optimizer state, metrics, predictions."""
    folder = folder_in(root)
    tensors, _ = folder.latest_state() or ({}, {})
    files = ("metrics.jsonl", "best.safetensors", "last.safetensors", "predictions.safetensors")
    assert tensors
    return {
        **{name: (array.dtype.str, array.shape, array.tobytes()) for name, array in tensors.items()},
        **{name: (folder.path / name).read_bytes() for name in files},
    }


def storm(case: str, tmp_path: Path, kills: int, seed: int) -> None:
    finish(case, tmp_path / "whole")  # imports and caches are warm after this one
    started = time.monotonic()
    finish(case, tmp_path / "timed")
    whole = time.monotonic() - started
    expected = content(tmp_path / "whole")
    assert content(tmp_path / "timed") == expected
    moments = random.Random(seed)
    killed = resumed = 0
    while killed < kills or (not resumed and killed < 4 * kills):  # beside other work the first may all come too soon
        root = tmp_path / f"killed-{killed}"
        for _ in range(20):  # several deaths in one run, until it gets through
            child = train(case, root)
            time.sleep(moments.uniform(0.0, 1.1 * whole))
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            killed += 1
            if os.waitstatus_to_exitcode(status) == 0 or killed >= kills:
                break
        finish(case, root)
        assert content(root) == expected, f"after kill {killed}, seed {seed}"
        resumed += sum(event["event"] == "resumed" for event in folder_in(root).events())
    assert resumed, "no kill came while it trained: this showed nothing"


@pytest.fixture(autouse=True)
def imported() -> None:
    """What every fork would otherwise import anew."""
    import pellucid.cli
    import pellucid.engines.pytorch
    import pellucid.verbs.train  # noqa: F401


@pytest.mark.parametrize("case", CASES)
def test_a_killed_run_ends_in_the_same_bits(case: str, tmp_path: Path) -> None:
    storm(case, tmp_path, kills=5, seed=11)


@pytest.mark.long
@pytest.mark.parametrize("case", CASES)
def test_two_hundred_kills_change_no_bit(case: str, tmp_path: Path) -> None:
    storm(case, tmp_path, kills=50, seed=7)


def test_ctrl_c_saves_a_checkpoint_and_leaves_with_130(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "pellucid", "train", *command("cnn", tmp_path), "--epochs", "500"]
    words = [word for word in words if word != "--quiet"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("epoch"):
                process.send_signal(signal.SIGINT)
                break
        rest = process.stderr.read()
    assert process.returncode == 130
    assert "Stopping after this step" in rest
    assert "The same command goes on from there" in rest.replace("\n", " ")
    folder = folder_in(tmp_path)
    assert folder.status() == "interrupted"
    assert folder.events()[-1]["event"] == "interrupted"
    assert folder.latest_state() is not None


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_last_finite_checkpoint(tmp_path: Path) -> None:
    import numpy as np

    words = "train mlp digits --optimizer sgd --lr 1e30 --epochs 3 --precision fp32 --runs"
    done = subprocess.run(
        [sys.executable, "-m", "pellucid", *words.split(), str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 4
    message = " ".join(done.stderr.split())
    for part in ("epoch 1, step", "learning rate 1e+30", "Try a learning rate ten times lower"):
        assert part in message
    folder = folder_in(tmp_path)
    assert folder.status() == "diverged"
    tensors, _ = folder.latest_state() or ({}, {})
    assert tensors
    assert all(np.isfinite(array).all() for array in tensors.values())
    again = subprocess.run(
        [sys.executable, "-m", "pellucid", *words.split(), str(tmp_path)], capture_output=True, text=True
    )
    assert again.returncode == 4

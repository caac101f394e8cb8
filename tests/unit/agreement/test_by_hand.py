"""Lockstep, checks of gradients and of a student's layer, explanations: in Python and by command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid import catalog
from pellucid.agreement.explain import explain, names
from pellucid.agreement.lockstep import first_parting
from pellucid.agreement.student import check
from pellucid.cli import run as command
from pellucid.engines.scratch.conv import Conv
from pellucid.errors import UsageError
from pellucid.spec import Conv as ConvSpec
from pellucid.spec import Dense as DenseSpec
from pellucid.spec import Flatten, Network
from pellucid.verbs import by_hand

LAYERS = '''
import numpy as np


class Dense:
    """Right."""

    def __init__(self, weight, bias):
        self.parameters, self.gradients = {"weight": weight, "bias": bias}, {}

    def forward(self, x):
        self.x = x
        return x @ self.parameters["weight"].T + self.parameters["bias"]

    def backward(self, grad):
        self.gradients = {"weight": grad.T @ self.x, "bias": grad.sum(0)}
        return grad @ self.parameters["weight"]


class Wrong(Dense):
    """The bias's gradient is a mean."""

    kind = "dense"

    def backward(self, grad):
        at_x = super().backward(grad)
        self.gradients["bias"] = grad.mean(0)
        return at_x


class NoBias(Dense):
    kind = "dense"

    def __init__(self, weight):
        super().__init__(weight, 0.0)


class Broken(Dense):
    kind = "dense"

    def backward(self, grad):
        return grad @ self.parameters["weight"].T


class OneWay:
    kind = "relu"

    def forward(self, x):
        return np.maximum(x, 0)


class MaxPool2d:
    """Takes a number for a window of that size, as beginners write it."""

    def __init__(self, kernel_size=2):
        self.k = kernel_size

    def forward(self, x):
        n, c, h, w = x.shape
        self.x, k = x, self.k
        cut = x[:, :, : h // k * k, : w // k * k].reshape(n, c, h // k, k, w // k, k)
        self.y = cut.max((3, 5))
        self.mask = cut == self.y[:, :, :, None, :, None]
        return self.y

    def backward(self, grad):
        n, c, h, w = self.x.shape
        at_x = np.zeros_like(self.x)
        k = self.k
        at_x[:, :, : h // k * k, : w // k * k] = (
            (self.mask * grad[:, :, :, None, :, None]).reshape(n, c, h // k * k, w // k * k)
        )
        return at_x


number = 3
'''


@pytest.fixture
def layers(tmp_path: Path) -> Path:
    path = tmp_path / "my_layers.py"
    path.write_text(LAYERS)
    return path


def pellucid(*words: object, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["pellucid", *map(str, words)])
    return command()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["lenet5", "row_lstm", "compact", "resnet9"])
def test_the_engines_walk_in_step(name: str, dtype: str) -> None:
    lines = by_hand.lockstep(name, "digits", size=28, steps=2, dtype=dtype, batch_size=10, optimizer="adam", eps=1e-4)
    parting = first_parting(lines)
    assert parting is None, (parting.layer, parting.tensor, parting.difference.words)
    assert max(one.step for one in lines) == 2


def test_networks_with_dropout_walk_in_step_under_common_masks() -> None:
    network = catalog.load("networks", "vgg_small")(input_shape=(28, 28, 1), batch_norm=True, dropout=0.5)
    lines = by_hand.lockstep(network, "digits", size=28, steps=2, batch_size=6, eps=1e-4)
    assert first_parting(lines) is None
    assert any(one.layer.startswith("dropout") for one in lines)


def test_a_students_layer_in_a_network_is_named_when_it_parts(layers: Path) -> None:
    fine = by_hand.lockstep("lenet5", "digits", size=28, steps=2, batch_size=8, layer=f"{layers}:Dense")
    assert first_parting(fine) is None
    lines = by_hand.lockstep("lenet5", "digits", size=28, steps=2, batch_size=8, layer=f"{layers}:Wrong")
    parting = first_parting(lines)
    assert parting is not None
    assert (parting.step, parting.layer, parting.tensor) == (1, "fc1", "gradient of bias")
    assert {one.layer for one in lines if not one.agrees} == {"fc1", "fc2", "fc3"}


def test_a_wrong_gradient_of_the_spec_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network("small", (ConvSpec(3, 3), Flatten(), DenseSpec(4)))
    assert all(one.agrees for one in by_hand.check_gradients(network, input_shape=(6, 6, 1), label_smoothing=0.1))
    right = Conv.backward

    def wrong(self: Conv, grad: Any) -> Any:
        at_x = right(self, grad)
        self.gradients["bias"] *= 1.001
        return at_x

    monkeypatch.setattr(Conv, "backward", wrong)
    found = by_hand.check_gradients(network, input_shape=(6, 6, 1))
    assert [(one.layer, one.array) for one in found if not one.agrees] == [("conv1", "bias")]
    assert "WRONG" in by_hand.gradient_table(found).text()


@pytest.mark.parametrize("name", catalog.names("networks"))
def test_gradients_of_the_catalogue_are_right(name: str) -> None:
    shape = (32, 32, 3) if name in ("resnet9", "cifar_cnn", "compact_cifar") else (28, 28, 1)
    if name in ("vgg_small", "four_conv", "resnet9", "compact_cifar"):
        shape = (16, 16, shape[2]) if name != "compact_cifar" else shape
    for one in by_hand.check_gradients(name, input_shape=shape, batch=3):
        assert one.agrees, (one.layer, one.array, one.relative)


def test_students_layers_are_right_or_told_where_they_are_wrong(layers: Path) -> None:
    assert by_hand.check(f"{layers}:Dense").right
    assert by_hand.check(f"{layers}:MaxPool2d").right
    report = by_hand.check(f"{layers}:Wrong")
    assert [fault.tensor for fault in report.faults] == ["gradient of bias"]
    assert "it is 0.2 times what it should be" in report.words
    report = by_hand.check(f"{layers}:Broken")
    assert "Broken.backward" in report.words and "gradient of x" in report.words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NoBias", r"NoBias.__init__: expected an argument bias, found weight"),
        ("OneWay", r"OneWay: expected a method backward, found none"),
        ("Dens", r"unknown class 'Dens'. Did you mean Dense"),
        ("number", r"unknown class 'number'"),
    ],
)
def test_what_does_not_follow_the_protocol_is_refused_in_words(layers: Path, name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        by_hand.check(f"{layers}:{name}")


def test_other_bad_questions_are_refused(layers: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected FILE.py:CLASS, found 'nothing.py:Dense'"):
        by_hand.check("nothing.py:Dense")
    (tmp_path / "bad.py").write_text("1 / 0")
    with pytest.raises(UsageError, match="expected code that runs, found ZeroDivisionError"):
        by_hand.check(f"{tmp_path}/bad.py:Dense")
    with pytest.raises(UsageError, match=r"unknown layer 'Whatever'"):
        check(type("Whatever", (), {}))
    with pytest.raises(UsageError, match="dtype: expected float64 or float32, found float16"):
        by_hand.lockstep("lenet5", "digits", size=28, dtype="float16")


@pytest.mark.parametrize("name", names())
def test_everything_is_explained_with_numbers_that_are_computed(name: str) -> None:
    found = explain(name)
    assert "def " in found.code and found.mathematics and len(found.example) >= 3
    assert found.file.startswith("src/pellucid/engines/scratch/") and Path(found.file).is_file()
    assert all(np.isfinite(value).all() for _, value in found.example)
    assert found.text.count("\n") > 10
    with pytest.raises(UsageError, match=r"unknown layer 'convolve'\. Did you mean"):
        explain("convolve")


def test_commands(layers: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert pellucid("check", f"{layers}:Dense", monkeypatch=monkeypatch) == 0
    assert "as both engines compute it" in capsys.readouterr().out
    assert pellucid("check", f"{layers}:Wrong", "--json", monkeypatch=monkeypatch) == 1
    assert json.loads(capsys.readouterr().out)["faults"][0]["tensor"] == "gradient of bias"
    assert pellucid("check-gradients", "mlp", "--input", "8x8x1", monkeypatch=monkeypatch) == 0
    assert "right" in capsys.readouterr().out
    words = ("lockstep", "mlp", "digits", "--steps", 1, "--batch-size", 4)
    assert pellucid(*words, monkeypatch=monkeypatch) == 0
    assert "the engines agree over 1 steps" in capsys.readouterr().err
    assert pellucid(*words, "--layer", f"{layers}:Wrong", "--json", monkeypatch=monkeypatch) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["first_parting"]["layer"] == "fc1" and not told["agree"]
    assert pellucid("explain", "gru", monkeypatch=monkeypatch) == 0
    assert "dL/dweight_hh" in capsys.readouterr().out
    assert pellucid("explain", monkeypatch=monkeypatch) == 0
    assert "cross_entropy" in capsys.readouterr().out.split()

"""What "auto" comes to is asked once, whoever asks."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pellucid import catalog
from pellucid.engines import pytorch
from pellucid.spec import DataSpec, Recipe
from pellucid.spec.run import RunSpec
from pellucid.training import decisions
from pellucid.training.decisions import Decisions, decide


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Moments at which the probe began, each of which would give another answer."""
    moments: list[float] = []

    def probe(*_: Any, **__: Any) -> tuple[str, dict[str, float]]:
        moments.append(time.monotonic())
        time.sleep(0.2)
        return ("bf16", "fp32")[len(moments) % 2], {"fp32": 1.0, "bf16": 1.0}

    monkeypatch.setattr(pytorch, "choose_precision", probe)
    return moments


def decided(cache: Path, loss: str = "cross_entropy") -> Decisions:
    network = catalog.load("networks", "mlp")(input_shape=(8, 8, 1))
    spec = RunSpec(network=network, data=DataSpec(name="digits"), recipe=Recipe(loss=loss), threads=1)
    return decide(pytorch, spec, network, (8, 8, 1), 10, cache)


def test_who_asks_while_another_probes_waits_for_its_answer(asked: list[float], tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(decided, [tmp_path / "probes"] * 3))
    assert len(asked) == 1 and found[0] == found[1] == found[2] == decided(tmp_path / "probes")


def test_without_a_folder_for_answers_each_asks_anew(asked: list[float], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert decided(tmp_path / "file").precision != decided(tmp_path / "file").precision and len(asked) == 2


def test_another_loss_is_another_question_and_so_is_another_probe(
    asked: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for loss in ("cross_entropy", "bce", "cross_entropy"):
        decided(tmp_path, loss)
    assert len(asked) == 2
    monkeypatch.setattr(decisions, "PROBE", decisions.PROBE + 1)
    decided(tmp_path)
    assert len(asked) == 3

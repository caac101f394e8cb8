"""What a training will take is timed as it will be trained."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pellucid import catalog
from pellucid.datasets._load import load
from pellucid.engines import pytorch
from pellucid.spec import DataSpec, Recipe
from pellucid.spec.run import RunSpec
from pellucid.verbs.estimate import epoch_seconds


def test_the_precision_that_is_asked_for_or_decided_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    splits = load(DataSpec(name="digits"))
    network = catalog.load("networks", "mlp")(input_shape=splits.shape)
    spec = RunSpec(network=network, data=DataSpec(name="digits"), recipe=Recipe(batch_size=100), threads=1)
    timed: list[str] = []
    trainer = pytorch.trainer

    def noted(*given: Any, **options: Any) -> Any:
        timed.append(options["precision"])
        return trainer(*given, **options)

    monkeypatch.setattr(pytorch, "trainer", noted)
    monkeypatch.setattr(pytorch, "choose_precision", lambda *_, **__: ("bf16", {"fp32": 2.0, "bf16": 1.0}))
    for precision, expected in (("fp32", "fp32"), ("bf16", "bf16"), ("auto", "bf16")):
        assert epoch_seconds(replace(spec, precision=precision), splits, steps=1) > 0
        assert timed.pop() == expected and not timed

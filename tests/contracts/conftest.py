"""A run for what the documents say of runs."""

from __future__ import annotations

import pytest

from pellucid.verbs.run import Run


@pytest.fixture(scope="package")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    from pellucid.verbs.train import train

    return train("mlp", "digits", epochs=2, precision="fp32", runs=tmp_path_factory.mktemp("runs"))

"""Every study of the reports is whole: what was reported and claimed belongs to configurations that it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid import catalog
from pellucid.spec.study import Study
from pellucid.verbs.reproduce import page, reported_study, reproduce
from pellucid.verbs.study import specs_of

NAMES = catalog.names("studies")


@pytest.mark.parametrize("name", NAMES)
def test_a_study_is_data_with_a_summary(name: str) -> None:
    found = catalog.load("studies", name)()
    assert isinstance(found, Study) and found.name == name.replace("_", "-")
    assert "report 00" in catalog.summary("studies", name) or "report 00" in (
        catalog.load("studies", name).__doc__ or ""
    )
    arms = {found.arm(config) for config in found.configs()}
    assert set(found.reported) <= arms, set(found.reported) - arms
    for claim in found.claims:
        assert claim.first in arms, claim
        assert claim.least is not None or claim.second in arms, claim
    assert found.claims and len(found.seeds) >= 3


@pytest.mark.parametrize("name", NAMES)
def test_every_configuration_is_a_run(name: str, real_data: Path) -> None:
    for quick in (False, True):
        found = reported_study(name, quick=quick)
        specs = specs_of(found)
        assert len(specs) == found.size == len({spec.id for _, spec in specs})


def test_a_quick_study_ends_in_a_page_that_says_so(real_data: Path, tmp_path: Path) -> None:
    found = reproduce("learning_rate_range", quick=True, runs=tmp_path)
    assert len(found.rows) == 6 and not found.failed
    told = page("learning_rate_range", found, quick=True)
    assert "These are not the report's figures" in told and "| lr=0.001 |" in told
    folder = tmp_path / "studies/learning-rate-range-quick"
    assert (folder / "reproduction.json").is_file() and (folder / "study.html").is_file()

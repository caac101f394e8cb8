"""The reports' studies, run and set beside what was reported."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pellucid import catalog
from pellucid.displays.display import Display
from pellucid.displays.page import Page
from pellucid.displays.table import Table
from pellucid.spec.run import RunSpec
from pellucid.spec.study import Study, Trial, label
from pellucid.storage.runs_root import runs_root
from pellucid.storage.study_folder import StudyFolder
from pellucid.training.many import Outcome
from pellucid.verbs.figures import drawn
from pellucid.verbs.reproduction import Reproduction, on_other_images, provenance
from pellucid.verbs.study import study

#: What a quick study has at most: images, test images, epochs, seeds.
QUICK_IMAGES, QUICK_TEST, QUICK_EPOCHS, QUICK_SEEDS = 1_000, 500, 2, 2


def reported_study(name: str, *, quick: bool = False, seeds: int | None = None) -> Study:
    """A study of the catalogue. quick: with fewer images, epochs and seeds; its figures are then not the report's.

    seeds: how many, in place of its own number; what was trained in the first of them counts.

    Configurations that differ in images and epochs alone are one when quick, without a reported figure or claim.

    Raises UsageError for an unknown name.
    """
    found: Study = catalog.load("studies", name)()
    if seeds is not None:
        found = replace(found, seeds=tuple(range(seeds)))
    if not quick:
        return found
    base = {**found.base, "subset": QUICK_IMAGES, "test_size": QUICK_TEST, "validation_size": QUICK_TEST}
    base["epochs"] = min(int(base.get("epochs", QUICK_EPOCHS)), QUICK_EPOCHS)
    listed = [
        {key: value for key, value in config.items() if key not in ("subset", "epochs")} for config in found.listed
    ]
    different = [one for k, one in enumerate(listed) if one not in listed[:k]]
    arms = {found.arm(config): found.arm(config) for config in found.configs()}
    arms |= {label(config): label(one) for config, one in zip(found.listed, listed, strict=True)}
    alone = {arm for arm, short in arms.items() if list(arms.values()).count(short) == 1}
    return replace(
        found,
        name=f"{found.name}-quick",
        base=base,
        listed=tuple(different),
        seeds=found.seeds if seeds is not None else found.seeds[:QUICK_SEEDS],
        reported={arms[arm]: value for arm, value in found.reported.items() if arm in alone},
        also_reported=tuple(replace(one, arm=arms[one.arm]) for one in found.also_reported if one.arm in alone),
        claims=tuple(
            replace(claim, first=arms[claim.first], second=arms[claim.second] if claim.second else None)
            for claim in found.claims
            if {claim.first, claim.second} - {None} <= alone
        ),
        figures=tuple(replace(one, arm=arms.get(one.arm, "")) for one in found.figures),
        other_images=tuple(replace(one, arm=arms[one.arm]) for one in found.other_images),
    )


def reproduce(
    name: str,
    *,
    quick: bool = False,
    seeds: int | None = None,
    runs: str | Path | None = None,
    update: bool = False,
    workers: int | None = None,
    executor: str = "local",
    address: str | None = None,
    begun: Callable[[list[tuple[Trial, RunSpec]]], None] | None = None,
    told: Callable[[int, int, Outcome], None] | None = None,
) -> Reproduction:
    """Runs a report's study, or goes on with it, and draws the report's figures into its folder.

    seeds: how many, in place of the study's own number. update, workers, executor, address, begun, told: as in
    `study`. Its page is ``reproduction.md`` and ``.html``, and ``.json`` for programs.
    """
    asked = reported_study(name, quick=quick, seeds=seeds)
    found = study(
        asked, runs=runs, update=update, workers=workers, executor=executor, address=address, begun=begun, told=told
    )
    folder = StudyFolder(runs_root(runs), asked.name)
    shown: list[Display] = []
    rows = []
    for number, (figure, command, picture) in enumerate(drawn(found), 1):
        file = f"figures/{number:02d}-{figure.way}.png"
        if isinstance(picture, str):
            rows.append((figure.words, picture, "-"))
            shown.append(Table(("",), [(picture,)], title=figure.words))
            continue
        folder.save_file(file, picture.render("png"))
        rows.append((figure.words, f"`{command}`", f"`{file}`"))
        shown.append(Page([Table(("",), [(command,)], title=figure.words), picture]))
    command = f"pellucid reproduce {name.replace('_', '-')}{' --quick' * quick}"
    command += f" --seeds {seeds}" if seeds is not None else ""
    other = on_other_images(found)
    made = Reproduction(name, command, quick, found, tuple(rows), tuple(other), provenance(found))
    folder.save_file("reproduction.md", made.markdown().encode())
    folder.save_file("reproduction.html", made.display(shown).render("html"))
    folder.save_file("reproduction.json", (json.dumps(made.to_dict(), indent=1, sort_keys=True) + "\n").encode())
    return made

"""What it takes to do it again."""

from __future__ import annotations

from pellucid.displays.display import Display
from pellucid.displays.listing import Listing
from pellucid.displays.table import Table
from pellucid.report.section import Section
from pellucid.spec.network import Network
from pellucid.verbs.run import Run
from pellucid.verbs.run_command import command, flat_spec, in_catalogue, network_file
from pellucid.verbs.runs import flatten


def again(run: Run) -> Section:
    """The exact command, the spec, the machine, the seed."""
    manifest = run.folder.manifest
    typed = command(run)
    words = [
        f"The seed is {run.spec.seed}; the same command on the same machine, versions and number of threads gives "
        f"the same bits, and the same name, {run.id}. The images: SHA-256 {manifest['fingerprint']}."
    ]
    displays: list[Display] = []
    if typed is None:
        words.append("The network is a module of the user's own: train it from Python with pl.train(module, ...).")
    else:
        displays.append(Listing(typed, title="The exact command"))
    network = run.spec.network
    if isinstance(network, Network) and not in_catalogue(run):
        displays.append(Listing(network_file(network), title=f"{network.name}.toml"))
    spec = [(key, _told(value)) for key, value in flat_spec(run).items()]
    machine = [(key, _told(value)) for key, value in flatten(manifest["environment"]).items()]
    displays += [
        Table(("", ""), [("created", manifest["created"]), *machine], title="Versions and machine"),
        Table(("", ""), spec, title="Spec, whole"),
    ]
    return Section("again", "To do it again", words, displays)


def _told(value: object) -> str | bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return None if value is None else str(value)

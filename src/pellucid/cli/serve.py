"""serve."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """The command of this file."""
    app.command()(serve)


def serve(
    folder: Annotated[Path | None, typer.Argument(help="Folder of runs [PELLUCID_RUNS, else ./runs].")] = None,
    *,
    port: Annotated[int | None, typer.Option(help="Port [8000, or the next one free].", min=0, max=65535)] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen at; another than this machine's own lets others in.")
    ] = "127.0.0.1",
    open: Annotated[bool, typer.Option("--open/--no-open", help="Open the browser.")] = True,
    token: Annotated[
        str | None, typer.Option(help="Opens the app as often as it is shown, in place of a fresh one for one use.")
    ] = None,
) -> None:
    """Runs, networks, training and studies in the browser, on this machine alone."""
    from pellucid.app.server import Server
    from pellucid.cli.terminal import say

    with Server(folder, host=host, port=port, token=token) as server:
        say(f"runs   {server.root}")
        say(f"open   {server.address}")
        if not server.local:
            say(f"Others who reach {host} can enter with this address. It is not encrypted.")
        say("stop   Ctrl-C")
        left = server.run(browse=open)
    if left:
        say("These trainings were still waiting; to train them:")
        say("\n".join(left))

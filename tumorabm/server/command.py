"""``tumorabm serve``."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tumorabm.console import UserError, clear_messages, require_packages, say
from tumorabm.server import SCENARIO_VARIABLE

PORT = 8765
_LIBRARIES = ("solara", "uvicorn", "altair")


def serve(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="Scenario file (TOML).")],
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = PORT,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = True,
) -> None:
    """Open a page on which a tissue is watched and treated; other scenarios of the folder can be chosen there."""
    from tumorabm.scenario import load_scenario

    with clear_messages():
        load_scenario(scenario)
        require_packages("tumorabm serve", _LIBRARIES, "server")
        _require_free(port)
    _set_up_solara()
    import click
    from solara.__main__ import run

    os.environ[SCENARIO_VARIABLE] = str(Path(scenario).resolve())
    say(f"http://localhost:{port} shows the page in a moment; Ctrl-C ends it")
    with suppress(click.exceptions.Abort):  # Ctrl-C
        run.main(
            [
                "tumorabm.server.page", "--host", "localhost", "--port", str(port), "--production",
                "--no-check-version", "--open" if open_browser else "--no-open",
            ],
            standalone_mode=False,
        )  # fmt: skip


def _set_up_solara() -> None:
    """Let the page's library tell nobody that it runs, and end tissues that nobody sees."""
    import uvicorn

    # PNGs are compressed already, and the next step would wait; Solara has no setting for it
    uvicorn.Config = partial(uvicorn.Config, ws_per_message_deflate=False)
    os.environ["SOLARA_TELEMETRY_MIXPANEL_ENABLE"] = "False"
    os.environ["SOLARA_CHECK_HOOKS"] = "off"  # its remarks about Mesa's page are of no use to users
    os.environ.setdefault("SOLARA_KERNEL_CULL_TIMEOUT", "10m")  # of a tab that was closed, with its tissue


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that has just ended does not count
        try:
            probe.bind(("localhost", port))
        except OSError as error:
            raise UserError(f"--port {port}: {error.strerror}; expected a free port of this machine") from None

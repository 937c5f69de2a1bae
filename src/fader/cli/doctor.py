"""`fader doctor`: is this machine fit to run fader, and if not, what to do."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fader.cli.options import DEFAULT_SERVER, AsJson, DataDir, Environment, Server, TokenFile, connect
from fader.errors import FaderError

if TYPE_CHECKING:
    from fader.cli.checks import Check


def register(app: typer.Typer) -> None:
    app.command("doctor", epilog="Example: fader doctor -f fader.yaml")(doctor)


def doctor(
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", "-f", metavar="FILE", help="Check what it names; default fader.yaml where there is one."
        ),
    ] = None,
    environment: Environment = "",
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    token_file: TokenFile = None,
    data_dir: DataDir = Path("fader-data"),
) -> int:
    """Check Python, Envoy, the data directory, disk, clock, limits, ports, versions, channels. Exit code 1: failed."""
    from fader.cli import checks

    found = [
        checks.python(),
        checks.envoy(),
        checks.clock_now(),
        checks.open_files(),
        checks.data_directory(data_dir),
        checks.disk(data_dir),
        checks.server(server),
    ]
    found += map(checks.channel, _channels(server, token_file, data_dir))
    default = Path("fader.yaml")
    chosen = file or (default if default.exists() else None)
    if chosen is not None:
        check, document = checks.config(chosen, environment)
        found.append(check)
        ours = _ours(server, token_file, data_dir)
        for service in document.services if document else ():
            found.append(checks.service_port(service, ours))
            found += checks.endpoints(service)
    _print(found, as_json)
    return int(not all(check.ok for check in found))


def _channels(server: str, token_file: Path | None, data_dir: Path) -> list[Any]:
    """Those of a running fader; nothing when none can be asked."""
    try:
        return list(connect(server, token_file, data_dir).channels()["channels"])
    except FaderError:
        return []


def _ours(server: str, token_file: Path | None, data_dir: Path) -> frozenset[str]:
    """Where a running fader listens; nothing when none can be asked."""
    try:
        return frozenset(s["listen"] for s in connect(server, token_file, data_dir).overview()["services"])
    except FaderError:
        return frozenset()


def _print(found: list[Check], as_json: bool) -> None:
    from fader.cli.show import console, plain_table, print_json

    if as_json:
        print_json({"ok": all(c.ok for c in found), "checks": [asdict(c) for c in found]})
        return
    from rich.text import Text

    table = plain_table("", "check", "found")
    for check in found:
        words = Text(check.found)
        if check.fix:
            words.append(f"\nfix: {check.fix}", style="yellow")
        table.add_row(Text("ok", style="green") if check.ok else Text("FAILED", style="bold red"), check.name, words)
    console().print(table)

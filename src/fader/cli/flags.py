"""`fader flags`, `fader flag` and `fader explain`: look at flags, switch them, follow a unit through the rules."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fader.cli import codebase, flag_care, flag_export, flag_import, flag_sql
from fader.cli.options import DEFAULT_SERVER, AsJson, DataDir, Server, TokenFile, connect

if TYPE_CHECKING:
    from rich.text import Text

DATA = Path("fader-data")
FlagName = Annotated[str, typer.Argument(metavar="FLAG", help="The flag's name.", show_default=False)]


class Position(StrEnum):
    ON = "on"
    OFF = "off"


def register(app: typer.Typer) -> None:
    group = typer.Typer(invoke_without_command=True)
    group.callback(epilog="Example: fader flags")(flags)
    flag_care.register(group)
    codebase.register(group)
    flag_import.register(group)
    flag_export.register(group)
    flag_sql.register(group)
    app.add_typer(group, name="flags")
    app.command("flag", epilog='Example: fader flag off new-checkout --reason "orders fail"')(flag)
    app.command("explain", epilog="Example: fader explain new-checkout --unit ann --attr country=US")(explain)


def flags(
    context: typer.Context,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    token_file: TokenFile = None,
    data_dir: DataDir = DATA,
) -> None:
    """List the flags: on or off, by whom, how often evaluated; which could go, and where the source names them."""
    if context.invoked_subcommand:
        return
    from fader.cli.show import console, plain_table, print_json

    answer = connect(server, token_file, data_dir).flags()
    if as_json:
        print_json(answer)
        return
    out = console()
    table = plain_table("flag", "", "kind", "variants", "rules", "in 7 days", "owner")
    for standing in answer["flags"]:
        found = standing["flag"]
        variants = ", ".join(v["name"] for v in found["variants"])
        on = "on" if found["enabled"] else "off"
        week = f"{sum(g['week'] for g in standing.get('given', ())):,}"
        table.add_row(found["name"], on, found["kind"], variants, str(len(found["rules"])), week, found["owner"])
    out.print(table if answer["flags"] else "no flags")
    for standing in answer["flags"]:
        if moved := _moved(standing["flag"]["move"]):
            out.print(f"{standing['flag']['name']} is moved by {moved}")
        if standing["switches"]:
            out.print(_switched(standing["switches"][-1]))


def flag(
    position: Annotated[Position, typer.Argument(metavar="{on|off}", help="What it shall be.", show_default=False)],
    name: FlagName,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the history.")] = "",
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    token_file: TokenFile = None,
    data_dir: DataDir = DATA,
) -> None:
    """Turn a flag on or off, whatever the file says. Off, everybody gets its `off` variant."""
    from fader.cli.show import print_json

    answer = connect(server, token_file, data_dir).switch(name, str(position), reason)
    if as_json:
        print_json(answer)
        return
    found = answer["flag"]
    gets = "its rules decide" if found["enabled"] else f"everybody gets {found['off']}"
    print(f"{name} is {position}: {gets}")


def explain(
    name: FlagName,
    unit: Annotated[str, typer.Option("--unit", metavar="ID", help="Whose way to follow.")] = "",
    attr: Annotated[
        list[str] | None,
        typer.Option("--attr", metavar="NAME=VALUE", help="An attribute; may be given several times."),
    ] = None,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    token_file: TokenFile = None,
    data_dir: DataDir = DATA,
) -> None:
    """Show the path of a unit through the rules of a flag, and what it gets. A value that is JSON is read as such."""
    from fader.assign.attribute import attribute
    from fader.cli.show import print_json

    attributes = dict(map(attribute, attr or ()))
    answer = connect(server, token_file, data_dir).explain(name, unit, attributes)
    if as_json:
        print_json(answer)
        return
    for stop in answer["stops"]:
        print(f"{'▶' if stop['decided'] else ' '} {stop['what']}\n    {stop['found']}")
    got = answer["answer"]
    print(f"{unit or 'nobody in particular'} gets {got['variant']} ({got['reason']}): {json.dumps(got['value'])}")


def _moved(move: Any) -> str:
    """The active rollout of a flag, and how far it is."""
    from fader.model.share import percent

    return f"{move['rollout']}: {percent(move['interval']['width'])} {move['candidate']}" if move else ""


def _switched(switch: Any) -> Text:
    from rich.text import Text

    from fader.cli.show import moment

    on, reason = ("on" if switch["enabled"] else "off"), f": {switch['reason']}" if switch["reason"] else ""
    return Text(f"{switch['flag']} was switched {on} by {switch['actor']}, {moment(switch['at'])}{reason}")

"""`fader forget`: erase what is known of a unit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fader.cli.options import DEFAULT_SERVER, AsJson, DataDir, Server, TokenFile, connect


def register(app: typer.Typer) -> None:
    app.command("forget", epilog="Example: fader forget user-4711")(forget)


def forget(
    unit: Annotated[str, typer.Argument(metavar="UNIT", help="The id as the gateway saw it.", show_default=False)],
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    token_file: TokenFile = None,
    data_dir: DataDir = Path("fader-data"),
) -> None:
    """Erase all events of a unit."""
    from fader.cli.show import print_json
    from fader.errors import BadInput, Problem

    if not unit:
        raise BadInput(Problem("an empty id is no unit", "give the id, e.g. fader forget user-4711"))
    answer = connect(server, token_file, data_dir).forget(unit)
    if as_json:
        print_json(answer)
    else:
        print(f"events of {unit} erased: {answer['erased']}")

"""`fader holdouts`: what the sum of all rollouts did to those whom they may reach."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fader.cli.options import DEFAULT_SERVER, AsJson, DataDir, Server, TokenFile, connect


def register(app: typer.Typer) -> None:
    app.command("holdouts", epilog="Example: fader holdouts q4")(holdouts)


def holdouts(
    holdout: Annotated[str, typer.Argument(metavar="[HOLDOUT]", help="Only this one.", show_default=False)] = "",
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    token_file: TokenFile = None,
    data_dir: DataDir = Path("fader-data"),
) -> None:
    """Show each holdout with its reading: who is held out against all others."""
    import msgspec
    from rich.text import Text

    from fader.cli.show import console, print_json
    from fader.model.holdout import HoldoutView

    client = connect(server, token_file, data_dir)
    answer = client.holdout(holdout) if holdout else client.holdouts()
    if as_json:
        print_json(answer)
        return
    out = console()
    found = msgspec.convert([answer] if holdout else answer["holdouts"], list[HoldoutView])
    for view in found:
        out.print(Text(view.headline, style="bold"))
        for r in view.readings:
            out.print(Text(f"  {r.sentence}", style="yellow" if r.reading.verdict == "worse" else ""))
        if not view.readings:
            out.print(Text("  it is read on no metric", style="yellow"))
    if not found:
        out.print("no holdouts")

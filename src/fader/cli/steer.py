"""What a person may ask of a rollout: start, pause, resume, approve, promote, abort, retry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from fader.cli.options import DEFAULT_SERVER, AsJson, DataDir, RolloutName, Server, TokenFile, connect

DATA = Path("fader-data")
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the history.")]
SameUnits = Annotated[
    bool, typer.Option("--same-units", help="Begin with the units of the last attempt, not with others.")
]

HELP = {
    "start": "Begin a rollout: learn the baseline, then ramp.",
    "pause": "Stop the ramp and keep the share.",
    "resume": "Go on after a pause or a hold.",
    "approve": "Pass a manual gate.",
    "promote": "Go to the next stage now, unproven.",
    "abort": "Pull the plug: everybody gets the baseline.",
    "retry": "Try a rollout again that was rolled back or aborted, on other units first.",
}


def register(app: typer.Typer) -> None:
    for name, text in HELP.items():
        example = f'Example: fader {name} shop-v2 --reason "checked by hand"' if name != "start" else ""
        command = _retry if name == "retry" else _command(name)
        app.command(name, help=text, epilog=example or "Example: fader start shop-v2")(command)


def _command(name: str) -> Callable[..., None]:
    def command(
        rollout: RolloutName,
        reason: Reason = "",
        as_json: AsJson = False,
        server: Server = DEFAULT_SERVER,
        token_file: TokenFile = None,
        data_dir: DataDir = DATA,
    ) -> None:
        _ask(connect(server, token_file, data_dir).command(rollout, name, reason), as_json)

    return command


def _retry(
    rollout: RolloutName,
    reason: Reason = "",
    same_units: SameUnits = False,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    token_file: TokenFile = None,
    data_dir: DataDir = DATA,
) -> None:
    _ask(connect(server, token_file, data_dir).command(rollout, "retry", reason, same_units), as_json)


def _ask(answer: object, as_json: bool) -> None:
    from fader.cli.show import print_json, to_view

    if as_json:
        print_json(answer)
        return
    view = to_view(answer)
    print(view.headline)
    for wait in view.waits:
        print(f"  {wait}")

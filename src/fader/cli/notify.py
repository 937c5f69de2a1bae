"""`fader notify`: try a channel."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fader.cli.options import DEFAULT_SERVER, AsJson, DataDir, Server, TokenFile, connect


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        no_args_is_help=True,
        help="The channels that are told what happens to rollouts.",
        epilog="Example: fader notify test oncall",
    )
    group.command("test", epilog="Example: fader notify test oncall")(try_it)
    app.add_typer(group, name="notify")


def try_it(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel's name.", show_default=False)],
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    token_file: TokenFile = None,
    data_dir: DataDir = Path("fader-data"),
) -> None:
    """Send a test to a channel, now. Exit code 1 when it does not take it."""
    from fader.cli.show import print_json
    from fader.errors import FaderError

    answer = connect(server, token_file, data_dir).test_channel(channel)
    if answer["failing"]:
        raise FaderError(f"{channel} did not take the test: {answer['failing']}")
    if as_json:
        print_json(answer)
    else:
        print(f"{channel} took the test, at {answer['place']}")

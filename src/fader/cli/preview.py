"""`fader preview`: see the candidate before anybody else does."""

from __future__ import annotations

from pathlib import Path

import typer

from fader.cli.options import DEFAULT_SERVER, AsJson, DataDir, RolloutName, Server, TokenFile, connect


def register(app: typer.Typer) -> None:
    app.command("preview", epilog="Example: fader preview shop-v2")(preview)


def preview(
    rollout: RolloutName,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    token_file: TokenFile = None,
    data_dir: DataDir = Path("fader-data"),
) -> None:
    """Print a link and a header that show the candidate. Such requests are kept out of the evidence."""
    from fader.cli.show import print_json

    answer = connect(server, token_file, data_dir).preview(rollout)
    if as_json:
        print_json(answer)
        return
    if answer["url"]:
        print(f"link    {answer['url']}")
    print(f"header  {answer['header']}: {answer['value']}")

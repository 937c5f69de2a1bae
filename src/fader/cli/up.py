"""`fader up`, and the two processes that it supervises: `fader server` and `fader agent`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fader.cli.options import DEFAULT_SERVER, DataDir, Environment, Server

Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Address of the dashboard and the API.")]
Port = Annotated[int, typer.Option("--port", min=1, max=65_535, help="Port of the dashboard and the API.")]
ServerLimit = Annotated[
    float,
    typer.Option("--server-limit", min=0, metavar="N", help="Evaluations per second with the server key; 0: no limit."),
]
ClientLimit = Annotated[
    float,
    typer.Option("--client-limit", min=0, metavar="N", help="Evaluations per second with the client key; 0: no limit."),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--file",
        "-f",
        metavar="FILE",
        help="Applied at the start; default fader.yaml where there is one.",
        show_default=False,
    ),
]
ExternalUrl = Annotated[
    str,
    typer.Option(
        "--external-url",
        envvar="FADER_EXTERNAL_URL",
        metavar="URL",
        help="Where people reach the dashboard, for links.",
        show_default=False,
    ),
]
PublicCards = Annotated[
    bool,
    typer.Option(
        "--public-cards", envvar="FADER_PUBLIC_CARDS", help="Show the picture of a rollout to whoever asks for it."
    ),
]
DATA = Path("fader-data")
#: The client key is in the hands of everybody; this leaves room for the rest of the server's work.
CLIENT_LIMIT = 1_000.0


def register(app: typer.Typer) -> None:
    app.command("up", epilog="Example: fader up -f fader.yaml --open")(up)
    app.command("server", hidden=True, epilog="Example: fader server --data-dir fader-data")(server)
    app.command("agent", hidden=True, epilog="Example: fader agent --data-dir fader-data")(agent)


def up(
    file: ConfigFile = None,
    data_dir: DataDir = DATA,
    host: Host = "127.0.0.1",
    port: Port = 7070,
    server_limit: ServerLimit = 0.0,
    client_limit: ClientLimit = CLIENT_LIMIT,
    environment: Environment = "",
    external_url: ExternalUrl = "",
    public_cards: PublicCards = False,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the dashboard in the browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Errors as JSON on stderr.")] = False,
) -> int:
    """Run everything on this machine: gateway, control plane and dashboard. Ctrl-C ends it."""
    from fader.api.allowance import Limits
    from fader.app import supervise

    default = Path("fader.yaml")
    chosen = file or (default if default.exists() else None)
    limits = Limits(server_limit, client_limit)
    return supervise.up(
        file=chosen,
        data_dir=data_dir,
        host=host,
        port=port,
        limits=limits,
        environment=environment,
        external_url=external_url,
        public_cards=public_cards,
        open_browser=open_browser,
    )


def server(
    data_dir: DataDir = DATA,
    host: Host = "127.0.0.1",
    port: Port = 7070,
    server_limit: ServerLimit = 0.0,
    client_limit: ClientLimit = CLIENT_LIMIT,
    environment: Environment = "",
    external_url: ExternalUrl = "",
    public_cards: PublicCards = False,
) -> int:
    """The control plane alone: state, evidence, decisions, API and dashboard."""
    from fader.api.allowance import Limits
    from fader.app import server as process
    from fader.app.front import front

    limits = Limits(server_limit, client_limit)
    return process.serve(
        data_dir=data_dir,
        host=host,
        port=port,
        limits=limits,
        environment=environment,
        front=front(host, port, external_url, public_cards=public_cards),
    )


def agent(data_dir: DataDir = DATA, url: Server = DEFAULT_SERVER) -> int:
    """The gateway alone: Envoy and the agent that owns it."""
    from fader.app import gateway

    return gateway.run(data_dir=data_dir, server=url)

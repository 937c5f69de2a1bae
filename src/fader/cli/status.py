"""`fader status`: every rollout and service, or one rollout in full."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fader.cli.options import DEFAULT_SERVER, AsJson, DataDir, Server, TokenFile, connect


def register(app: typer.Typer) -> None:
    app.command("status", epilog="Example: fader status shop-v2")(status)


def status(
    rollout: Annotated[
        str, typer.Argument(metavar="[ROLLOUT]", help="Only this one, in full.", show_default=False)
    ] = "",
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    token_file: TokenFile = None,
    data_dir: DataDir = Path("fader-data"),
) -> None:
    """Show where every rollout stands."""
    from fader.cli.show import console, print_json, to_view, view_lines

    client = connect(server, token_file, data_dir)
    answer = client.rollout(rollout) if rollout else client.overview()
    if as_json:
        print_json(answer)
        return
    if answer.get("environment"):
        console().print(f"environment {answer['environment']}", style="bold", markup=False, highlight=False)
    if rollout:
        console().print(view_lines(to_view(answer)))
        console().print(answer["url"], style="dim", soft_wrap=True, highlight=False)
    else:
        _overview(answer)


def _overview(answer: Any) -> None:
    from rich.text import Text

    from fader.cli.show import console, plain_table, to_view
    from fader.model.share import percent

    out = console()
    services = plain_table("service", "listens", "baseline", "versions", "rollout")
    for s in answer["services"]:
        services.add_row(s["name"], s["listen"], s["baseline"], ", ".join(s["versions"]), s["active"] or "")
    if answer["services"]:
        out.print(services)
    rollouts = plain_table("rollout", "phase", "share", "")
    for view in map(to_view, answer["rollouts"]):
        words = Text(view.headline)
        if view.needs_person:
            words.append(f"\n{view.needs_person}", style="yellow")
        rollouts.add_row(view.name, str(view.state.phase), percent(view.state.share), words)
    out.print(rollouts if answer["rollouts"] else "no rollouts")
    for gateway in answer["gateways"]:
        if gateway["error"]:
            out.print(Text(f"gateway {gateway['gateway']}: {gateway['error']}", style="red"))
        for endpoint in gateway["endpoints"]:
            if not endpoint["healthy"]:
                where = f"{endpoint['service']} {endpoint['version']} at {endpoint['address']}"
                out.print(Text(f"gateway {gateway['gateway']}: {where}: {endpoint['reason']}", style="red"))
    out.print(f"dashboard {answer['url']}", style="dim", soft_wrap=True, highlight=False)

"""`fader watch`: a rollout live in the terminal."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from fader.cli.options import DEFAULT_SERVER, AsJson, DataDir, RolloutName, Server, TokenFile, connect
from fader.errors import Unavailable

if TYPE_CHECKING:
    from fader.cli.client import Client

#: Seconds: the longest pause between two looks, and how long a server that has gone away is waited for.
PAUSE = 2.0
PATIENCE = 60.0


def register(app: typer.Typer) -> None:
    app.command("watch", epilog="Example: fader watch shop-v2")(watch)


def watch(
    rollout: RolloutName,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    token_file: TokenFile = None,
    data_dir: DataDir = Path("fader-data"),
) -> int:
    """Follow a rollout until it ends. Exit code 0 when it completes, 1 when it is rolled back or aborted.

    With --json, or when stdout is no terminal, one line is printed per change.
    """
    client = connect(server, token_file, data_dir)
    first = client.rollout(rollout)
    changed = threading.Event()
    threading.Thread(target=_listen, args=(client, rollout, changed), daemon=True).start()
    if as_json or not sys.stdout.isatty():
        last = _lines(client, rollout, first, changed, as_json)
    else:
        last = _live(client, rollout, first, changed)
    return 0 if last["state"]["phase"] == "completed" else 1


def _listen(client: Client, rollout: str, changed: threading.Event) -> None:
    """Wake the watcher as soon as the server says so; without the stream it looks every `PAUSE` seconds."""
    while True:
        try:
            for name in client.changes():
                if name == rollout:
                    changed.set()
        except Unavailable:
            time.sleep(PAUSE)


def _next(client: Client, rollout: str, changed: threading.Event) -> Any:
    """The view after the next change. A server that restarts is waited for; raises Unavailable after `PATIENCE`."""
    gone_at = 0.0
    while True:
        changed.wait(PAUSE)
        changed.clear()
        try:
            return client.rollout(rollout)
        except Unavailable:
            gone_at = gone_at or time.monotonic()
            if time.monotonic() - gone_at > PATIENCE:
                raise
            time.sleep(0.5)


def _ended(answer: Any) -> bool:
    from fader.model.state import ENDED

    return answer["state"]["phase"] in ENDED


def _lines(client: Client, rollout: str, answer: Any, changed: threading.Event, as_json: bool) -> Any:
    from fader.cli.show import print_json

    shown = None
    while True:
        if answer != shown and as_json:
            print_json(answer)
        elif not as_json and (shown is None or answer["headline"] != shown["headline"]):
            print(answer["headline"], flush=True)
        shown = answer
        if _ended(answer):
            return answer
        answer = _next(client, rollout, changed)


def _live(client: Client, rollout: str, answer: Any, changed: threading.Event) -> Any:
    from rich.live import Live

    from fader.cli.show import console, to_view, view_lines

    with Live(view_lines(to_view(answer)), console=console(), auto_refresh=False) as live:
        while not _ended(answer):
            answer = _next(client, rollout, changed)
            live.update(view_lines(to_view(answer)), refresh=True)
    return answer

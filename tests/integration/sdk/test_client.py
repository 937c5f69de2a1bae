"""The SDK's client against a real server over HTTP: a switch, a server that goes away and comes back."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from fader.api.auth import Tokens
from fader.app.server import build
from fader.sdk import Client
from fader.storage.database import open_sqlite
from fader.storage.sql import SqlStateStore
from fader.telemetry.memory import MemoryEventStore

PATIENCE = 20.0
FILE = """\
flags:
  checkout: {rules: [{variant: on, when: country == "US"}]}
"""


class Server:
    """The control plane on loopback, in a thread; its state is in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._store = SqlStateStore(open_sqlite(self._folder / "state.db"))
        tokens = Tokens("operator", "gateway", "server-key", "client-key")
        app = build(self._store, MemoryEventStore(), tokens, frozenset({"127.0.0.1"}))
        config = uvicorn.Config(app, "127.0.0.1", self.port, log_config=None, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve()))
        self._thread.start()
        until(lambda: self._server.started)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        self._store.close()

    def ask(self, path: str, body: Any) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("POST", path, json.dumps(body), {"Authorization": "Bearer operator"})
        assert connection.getresponse().status == 200
        connection.close()


def until(happens: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.01)):
        if happens():
            return
        pause.wait(0.01)
    raise TimeoutError


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    server.ask("/v1/apply", {"text": FILE})
    yield server
    server.stop()


def test_a_switch_reaches_the_client_and_an_outage_does_not(server: Server, tmp_path: Path) -> None:
    us = {"country": "US"}
    with Client(server.url, "server-key", cache=tmp_path / "cache.json") as client:
        assert client.ready(PATIENCE)
        assert client.boolean("checkout", False, "ann", us)
        server.ask("/v1/flags/checkout/off", {"reason": "test"})
        until(lambda: not client.boolean("checkout", True, "ann", us))
        server.ask("/v1/flags/checkout/on", {})
        until(lambda: client.boolean("checkout", False, "ann", us))
        server.stop()
        assert client.boolean("checkout", False, "ann", us)
        with Client(server.url, "server-key", cache=tmp_path / "cache.json") as late:
            assert late.boolean("checkout", False, "ann", us)
            server.start()
            server.ask("/v1/flags/checkout/off", {"reason": "test"})
            until(lambda: not client.boolean("checkout", True, "ann", us))
            until(lambda: not late.boolean("checkout", True, "ann", us))


def test_a_wrong_key_is_said_and_raises_nothing(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    with Client(server.url, "client-key") as client:
        until(lambda: "does not accept the key" in caplog.text)
        assert client.boolean("checkout", True)
        assert not client.ready(0.0)

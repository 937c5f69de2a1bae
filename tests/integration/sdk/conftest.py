"""A real server over HTTP, on a state file of its own."""

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
from starlette.types import Receive, Scope, Send

from fader.api.auth import Tokens
from fader.app.server import build
from fader.ports.events import Tracked
from fader.storage.database import open_sqlite
from fader.storage.sql import SqlStateStore
from fader.telemetry.memory import MemoryEventStore

PATIENCE = 20.0
Until = Callable[[Callable[[], bool]], None]


class Ledger(MemoryEventStore):
    """Keeps what apps told as it came."""

    def __init__(self, taken: list[Tracked]) -> None:
        super().__init__()
        self._taken = taken

    def track(self, events: tuple[Tracked, ...]) -> None:
        super().track(events)
        self._taken += events


class Server:
    """The control plane on loopback, in a thread; its state is in `folder`. `taken`: what apps told it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._paths: list[str] = []
        self.taken: list[Tracked] = []

    def start(self) -> None:
        self._store = SqlStateStore(open_sqlite(self._folder / "state.db"))
        tokens = Tokens("operator", "gateway", "events", "server-key", "client-key")
        app = build(self._store, Ledger(self.taken), tokens, frozenset({"127.0.0.1"}))

        async def noting(scope: Scope, receive: Receive, send: Send) -> None:
            self._paths.append(scope.get("path", ""))
            await app(scope, receive, send)

        config = uvicorn.Config(noting, "127.0.0.1", self.port, log_config=None, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve()))
        self._thread.start()
        _until(lambda: self._server.started)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        self._store.close()

    def requests(self, path: str) -> int:
        """How often it was asked for."""
        return self._paths.count(path)

    def get(self, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", path, headers={"Authorization": "Bearer operator"})
        found = json.loads(connection.getresponse().read())
        connection.close()
        return found

    def ask(self, path: str, body: Any) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("POST", path, json.dumps(body), {"Authorization": "Bearer operator"})
        assert connection.getresponse().status == 200
        connection.close()


def _until(happens: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.01)):
        if happens():
            return
        pause.wait(0.01)
    raise TimeoutError


@pytest.fixture
def until() -> Until:
    """Waits for something to happen; raises TimeoutError."""
    return _until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()

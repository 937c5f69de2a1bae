"""The control plane is killed under load, again and again: apps keep the last good answers, and all come back to it."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fader.sdk import Client

if TYPE_CHECKING:
    from conftest import Until

pytestmark = pytest.mark.slow

CLIENTS, ROUNDS = 30, 4
PATIENCE = 30.0
US = {"country": "US"}
RULE = "{rules: [{variant: on, when: 'country == \"US\"'}]}"
FILE = "\n".join(["flags:", f"  checkout: {RULE}", *(f"  other-{n}: {RULE}" for n in range(200))])


class ControlPlane:
    """`fader server` in a process of its own, on a data directory that outlives it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self, until: Until) -> None:
        command = [sys.executable, "-m", "fader.cli.entry", "server", "--data-dir", str(self._folder)]
        with (self._folder.parent / "server.log").open("ab") as log:
            self._process = subprocess.Popen([*command, "--port", str(self.port)], stdout=log, stderr=log)
        until(self._answers)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def key(self, name: str) -> str:
        return (self._folder / name).read_text().strip()

    def ask(self, path: str, body: Any, key: str = "token") -> int:
        """The status. Raises OSError and HTTPException."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request("POST", path, json.dumps(body), {"Authorization": f"Bearer {self.key(key)}"})
            return connection.getresponse().status

    def _answers(self) -> bool:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False


class Load:
    """Threads that evaluate with every client, and over OFREP, without a pause. `allowed`: the answers that a client
    may give at the moment; `wrong`: those that were others."""

    def __init__(self, plane: ControlPlane, clients: list[Client]) -> None:
        self.allowed, self.wrong, self.local, self.remote = {True}, list[object](), 0, 0
        self._plane, self._clients, self._ending = plane, clients, threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._locally, *[self._remotely] * 3)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _locally(self) -> None:
        while not self._ending.wait(0.001):
            for client in self._clients:
                allowed = self.allowed
                found = client.evaluate("checkout", None, "ann", US)
                if found.error or found.value not in allowed | self.allowed:
                    self.wrong.append(found)
                self.local += 1

    def _remotely(self) -> None:
        asked = {"context": {"targetingKey": "ann", **US}}
        while not self._ending.is_set():
            with suppress(OSError, http.client.HTTPException):
                self.remote += self._plane.ask("/ofrep/v1/evaluate/flags/checkout", asked, "server-key") == 200
                continue
            self._ending.wait(0.01)


@pytest.fixture
def plane(tmp_path: Path, until: Until) -> Iterator[ControlPlane]:
    plane = ControlPlane(tmp_path / "data")
    plane.start(until)
    yield plane
    plane.kill()


def test_a_control_plane_that_is_killed_under_load(plane: ControlPlane, until: Until) -> None:
    assert plane.ask("/v1/apply", {"text": FILE}) == 200
    with ExitStack() as opened:
        clients = [opened.enter_context(Client(plane.url, plane.key("server-key"))) for _ in range(CLIENTS)]
        assert all(client.ready(PATIENCE) for client in clients)
        load = Load(plane, clients)
        opened.callback(load.stop)

        def switch(on: bool) -> None:
            load.allowed = {True, False}
            assert plane.ask(f"/v1/flags/checkout/{'on' if on else 'off'}", {}) == 200

        def converge(on: bool) -> None:
            until(lambda: all(client.boolean("checkout", not on, "ann", US) is on for client in clients))
            load.allowed = {on}

        def more(of: str, count: int) -> None:
            reached = getattr(load, of) + count
            until(lambda: getattr(load, of) >= reached)

        now = True
        for turn in range(ROUNDS):
            more("remote", 20)
            if turn % 2:  # the state has what was switched just before, whoever heard of it
                switch(now := not now)
            plane.kill()
            more("local", 20 * CLIENTS)
            plane.start(until)
            converge(now)
            switch(now := not now)
            converge(now)
        assert load.wrong == []
        assert len({client.version for client in clients}) == 1
        assert not any(client.failures for client in clients)
